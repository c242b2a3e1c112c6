//! Who is asking: the outcome of authentication, as both daemons see it.

use std::fmt;
use std::sync::Arc;

/// A caller's token: kept only to be passed on, never printed.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Token(String);

impl Token {
    /// Wraps the text of a token.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text, for the header that passes it on and for nothing else.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// The caller of a request.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Identity {
    /// The user's id, where there is one.
    pub user: Option<String>,
    /// The tenant (project) the caller acts for.
    pub tenant: Option<String>,
    /// Roles, stripped and in lower case as Glance keeps them.
    pub roles: Vec<String>,
    /// May see and change everything.
    pub is_admin: bool,
    /// An anonymous caller: may read what is public and change nothing.
    pub read_only: bool,
    /// Images belong to the user instead of the tenant (`owner_is_tenant = False`).
    pub owner_is_user: bool,
    /// The token the caller came with.
    pub token: Option<Token>,
    /// The service catalogue that came with the identity, as JSON text, to be passed on.
    pub service_catalog: Option<Arc<str>>,
}

impl Identity {
    /// The owner that images of this caller get: the tenant, or the user where so configured.
    pub fn owner(&self) -> Option<&str> {
        if self.owner_is_user {
            self.user.as_deref()
        } else {
            self.tenant.as_deref()
        }
    }

    /// Whether the caller has `role`, compared without regard to case as oslo.policy does.
    pub fn has_role(&self, role: &str) -> bool {
        self.roles
            .iter()
            .any(|held| held.eq_ignore_ascii_case(role))
    }

    /// The daemon itself, for work that no caller asked for (recovery, lease renewal).
    pub fn service(admin_role: &str) -> Self {
        Self {
            user: Some("glance".to_owned()),
            tenant: Some("service".to_owned()),
            roles: vec![admin_role.to_lowercase()],
            is_admin: true,
            ..Self::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn owner_follows_the_configuration() {
        let mut caller = Identity {
            user: Some("u".into()),
            tenant: Some("t".into()),
            ..Identity::default()
        };
        assert_eq!(caller.owner(), Some("t"));
        caller.owner_is_user = true;
        assert_eq!(caller.owner(), Some("u"));
    }

    #[test]
    fn debug_hides_the_token() {
        let caller = Identity {
            token: Some(Token::new("s3cret")),
            ..Identity::default()
        };
        assert!(!format!("{caller:?}").contains("s3cret"));
    }
}
