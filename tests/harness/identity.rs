//! Who asks: identities for the flavor `fakeauth`, whose tokens are `user:tenant:role`.

use std::sync::atomic::{AtomicU32, Ordering};

static NEXT: AtomicU32 = AtomicU32::new(1);

/// A caller.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// The user's id.
    pub user: String,
    /// The tenant's id.
    pub tenant: String,
    /// The only role.
    pub role: String,
}

impl Identity {
    /// A member of a tenant that no other story uses.
    pub fn member() -> Self {
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let process = std::process::id();
        Self {
            user: format!("user-{process}-{number}"),
            tenant: format!("tenant-{process}-{number}"),
            role: "member".to_owned(),
        }
    }

    /// An administrator.
    pub fn admin() -> Self {
        Self {
            user: "adm".to_owned(),
            tenant: "tadm".to_owned(),
            role: "admin".to_owned(),
        }
    }

    /// The token that proves this identity to the flavor `fakeauth`.
    pub fn token(&self) -> String {
        format!("{}:{}:{}", self.user, self.tenant, self.role)
    }
}
