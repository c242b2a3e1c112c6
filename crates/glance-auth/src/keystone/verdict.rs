//! What Keystone says of a token.

use std::sync::Arc;
use std::time::Duration;

use chrono::Utc;
use glance_core::identity::{Identity, Token};
use serde::Deserialize;
use serde_json::Map;

use super::catalog::{self, Service};
use super::settings::{Binding, Settings};
use crate::moment::moment;
use crate::token_cache;

/// Whose a token is. Does not have the token itself.
#[derive(Debug)]
pub(super) struct Verified {
    user: Option<String>,
    project: Option<String>,
    /// As Glance keeps them: stripped, in lower case.
    roles: Vec<String>,
    catalog: Option<Arc<str>>,
    /// Has one of the roles of services.
    pub(super) is_service: bool,
}

/// What is to be thought of a token.
#[derive(Clone, Debug)]
pub(super) enum Verdict {
    /// It is whose.
    Good(Arc<Verified>),
    /// It is nobody's.
    Bad,
}

impl token_cache::Verdict for Verdict {
    fn is_good(&self) -> bool {
        matches!(self, Self::Good(_))
    }

    fn weight(&self) -> usize {
        match self {
            Self::Good(verified) => verified.weight(),
            Self::Bad => 0,
        }
    }
}

/// An answer of Keystone's: whose the token is, and for how long.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) verified: Verified,
    /// Zero for a token that has expired.
    pub(super) remaining: Duration,
}

/// Keystone's answer is none that we understand.
#[derive(Debug, thiserror::Error)]
#[error("Keystone's answer about a token is not understood")]
pub(super) struct NotUnderstood(#[source] Option<serde_json::Error>);

#[derive(Deserialize)]
struct Envelope {
    token: Body,
}

#[derive(Deserialize)]
struct Body {
    expires_at: String,
    user: Option<Named>,
    project: Option<Named>,
    #[serde(default)]
    roles: Vec<Role>,
    catalog: Option<Vec<Service>>,
    bind: Option<Map<String, serde_json::Value>>,
}

#[derive(Deserialize)]
struct Named {
    id: Option<String>,
}

#[derive(Deserialize)]
struct Role {
    name: String,
}

/// Reads the body of an answer. None: the token is bound in a way that it is worth nothing to us.
pub(super) fn read(body: &[u8], settings: &Settings) -> Result<Option<Answer>, NotUnderstood> {
    let Envelope { token } =
        serde_json::from_slice(body).map_err(|error| NotUnderstood(Some(error)))?;
    let expires = moment(&token.expires_at).ok_or(NotUnderstood(None))?;
    let bind = token.bind.unwrap_or_default();
    let refused = match settings.binding {
        Binding::Disabled => false,
        Binding::Permissive => bind.contains_key("kerberos"),
        Binding::Strict => !bind.is_empty(),
    };
    if refused {
        return Ok(None);
    }
    let is_service = token
        .roles
        .iter()
        .any(|role| settings.service_roles.contains(&role.name));
    let catalog = token
        .catalog
        .filter(|_| settings.with_catalog)
        .map(|services| catalog::version_2(&services).into());
    let filled = |named: Option<Named>| named?.id.filter(|id| !id.is_empty());
    Ok(Some(Answer {
        verified: Verified {
            user: filled(token.user),
            project: filled(token.project),
            roles: token.roles.into_iter().filter_map(role).collect(),
            catalog,
            is_service,
        },
        remaining: (expires - Utc::now()).to_std().unwrap_or_default(),
    }))
}

/// A role as Glance keeps it. Glance gets roles in one header and would take `a,admin` for two.
fn role(role: Role) -> Option<String> {
    let name = role.name.trim();
    (!name.is_empty() && !name.contains(',')).then(|| name.to_lowercase())
}

impl Verified {
    /// The caller who came with this token.
    pub(super) fn identity(&self, token: &str) -> Identity {
        Identity {
            user: self.user.clone(),
            tenant: self.project.clone(),
            roles: self.roles.clone(),
            token: Some(Token::new(token)),
            service_catalog: self.catalog.clone(),
            ..Identity::default()
        }
    }

    /// About how many bytes it takes.
    fn weight(&self) -> usize {
        let text = |text: &Option<String>| text.as_ref().map_or(0, String::len);
        let roles: usize = self.roles.iter().map(|role| role.len() + 32).sum();
        let catalog = self.catalog.as_ref().map_or(0, |catalog| catalog.len());
        256 + text(&self.user) + text(&self.project) + roles + catalog
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keystone::testing::settings;

    fn body(more: &str) -> String {
        format!(
            r#"{{"token": {{"expires_at": "2999-01-01T00:00:00.000000Z", "methods": ["password"],
                "user": {{"id": "u1", "name": "alice", "domain": {{"id": "default"}}}} {more} }}}}"#
        )
    }

    fn good(more: &str) -> Answer {
        let settings = settings("http://k");
        read(body(more).as_bytes(), &settings).unwrap().unwrap()
    }

    #[test]
    fn knows_user_project_and_roles() {
        let answer = good(
            r#", "project": {"id": "p1", "name": "alpha"}, "catalog": [],
               "roles": [{"id": "1", "name": "Member"}, {"id": "2", "name": "x,admin"}]"#,
        );
        let identity = answer.verified.identity("t0ken");
        assert_eq!(identity.user.as_deref(), Some("u1"));
        assert_eq!(identity.tenant.as_deref(), Some("p1"));
        assert_eq!(identity.roles, ["member"]);
        assert_eq!(identity.service_catalog.as_deref(), Some("[]"));
        assert_eq!(identity.token, Some(Token::new("t0ken")));
        assert!(!answer.verified.is_service);
        assert!(answer.remaining > Duration::from_secs(1_000_000));
    }

    #[test]
    fn other_scopes_have_no_tenant() {
        for scope in [
            "",
            r#", "domain": {"id": "default"}, "roles": [{"name": "admin"}]"#,
            r#", "system": {"all": true}, "roles": [{"name": "service"}]"#,
        ] {
            let answer = good(scope);
            assert_eq!(answer.verified.project, None, "{scope}");
            assert_eq!(answer.verified.is_service, scope.contains("service"));
        }
    }

    #[test]
    fn bound_tokens_are_worth_what_is_configured() {
        let of = |binding, bind: &str| {
            let mut settings = settings("http://k");
            settings.binding = binding;
            let body = body(&format!(r#", "bind": {bind}"#));
            read(body.as_bytes(), &settings).unwrap().is_some()
        };
        let (kerberos, other) = (r#"{"kerberos": "me"}"#, r#"{"x509": "me"}"#);
        assert!(of(Binding::Disabled, kerberos));
        assert!(!of(Binding::Permissive, kerberos) && of(Binding::Permissive, other));
        assert!(!of(Binding::Strict, other) && of(Binding::Strict, "{}"));
    }

    #[test]
    fn does_not_guess() {
        let settings = settings("http://k");
        for body in [
            "",
            "{}",
            r#"{"token": {}}"#,
            r#"{"token": {"expires_at": "soon"}}"#,
        ] {
            assert!(read(body.as_bytes(), &settings).is_err(), "{body}");
        }
    }
}
