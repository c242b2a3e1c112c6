//! How tokens are validated with Keystone: the options of keystonemiddleware, by its names.

use std::path::PathBuf;
use std::time::Duration;

use crate::secret::Secret;
use crate::value::OptionValue;

options! {
    /// How tokens are validated with Keystone.
    pub struct KeystoneAuthtoken in "keystone_authtoken" {
        /// The address of Keystone that clients are told of in `WWW-Authenticate` when their token
        /// is refused. Unset: auth_url.
        www_authenticate_uri: Option<String> = unset, restart,
            was ["keystone_authtoken/auth_uri"];
        /// The address of Keystone at which we get our own token and validate those of clients,
        /// with or without /v3 at its end. Needed by the flavor keystone.
        auth_url: Option<String> = unset, restart, was ["keystone_authtoken/identity_uri"];
        /// How we prove who we are: password (v3password), or v3applicationcredential. Unset: what
        /// the other options are for. Other methods, and Keystone's v2, are not supported.
        auth_type: String = "", restart, was ["keystone_authtoken/auth_plugin"];
        /// Another section that has these options. Not supported: they must stand here.
        auth_section: Option<String> = unset, restart;
        /// The name of our user. It needs the role admin or service, or whatever else Keystone's
        /// policy asks of those who validate tokens.
        username: Option<String> = unset, restart,
            was ["keystone_authtoken/user_name", "keystone_authtoken/admin_user"];
        /// The id of our user, in place of a name.
        user_id: Option<String> = unset, restart;
        /// The password of our user.
        password: Option<Secret> = unset, restart, was ["keystone_authtoken/admin_password"];
        /// The domain of our user, by name.
        user_domain_name: Option<String> = unset, restart;
        /// The domain of our user, by id. Where no option names one it is `default`.
        user_domain_id: Option<String> = unset, restart;
        /// The project that our token is for, by name.
        project_name: Option<String> = unset, restart,
            was ["keystone_authtoken/tenant_name", "keystone_authtoken/admin_tenant_name"];
        /// The project that our token is for, by id.
        project_id: Option<String> = unset, restart, was ["keystone_authtoken/tenant_id"];
        /// The domain of the project, by name.
        project_domain_name: Option<String> = unset, restart;
        /// The domain of the project, by id. Where no option names one it is `default`.
        project_domain_id: Option<String> = unset, restart;
        /// The domain of user and project where they have none of their own, by name.
        default_domain_name: Option<String> = unset, restart;
        /// The domain of user and project where they have none of their own, by id.
        default_domain_id: Option<String> = unset, restart;
        /// The domain that our token is for, by name, if it is for no project.
        domain_name: Option<String> = unset, restart;
        /// The domain that our token is for, by id, if it is for no project.
        domain_id: Option<String> = unset, restart;
        /// `all`: our token is for the whole system.
        system_scope: Option<String> = unset, restart;
        /// The trust that our token is made from.
        trust_id: Option<String> = unset, restart;
        /// The id of our application credential.
        application_credential_id: Option<String> = unset, restart;
        /// The name of our application credential, in place of an id; it needs our user, too.
        application_credential_name: Option<String> = unset, restart;
        /// The secret of our application credential.
        application_credential_secret: Option<Secret> = unset, restart;
        /// A file of certificates in PEM form that Keystone's is checked against, instead of the
        /// system's.
        cafile: Option<PathBuf> = unset, restart;
        /// The certificate that we show to Keystone, a file in PEM form.
        certfile: Option<PathBuf> = unset, restart;
        /// The key of that certificate, a file in PEM form. Unset: it is in certfile.
        keyfile: Option<PathBuf> = unset, restart;
        /// Accept any certificate of Keystone's. Whoever sits on the way can be anybody then.
        insecure: bool = "false", restart;
        /// Has no effect: tokens are validated at auth_url.
        region_name: Option<EndpointChoice> = unset, restart;
        /// Has no effect: tokens are validated at auth_url.
        interface: Option<EndpointChoice> = unset, restart;
        /// The version of Keystone's API: v3. There is no other.
        auth_version: Option<String> = unset, restart;
        /// Seconds for each attempt to have an answer of Keystone. Unset or 0: 10.
        http_connect_timeout: Option<u32> = unset, restart;
        /// How often an attempt that failed is repeated, for 20 seconds at the most.
        http_request_max_retries: u32 = "3", restart;
        /// Seconds for which a validated token is believed without asking again, so the time in
        /// which a revocation is noticed. Never longer than the token lives. 0 or less: Keystone is
        /// asked for each request.
        token_cache_time: CacheTime = "300", restart;
        /// Whether a request without a valid token goes on as an anonymous one, which
        /// allow_anonymous_access then decides about.
        delay_auth_decision: bool = "false", restart;
        /// Whether Keystone is asked for the service catalogue with each token.
        include_service_catalog: bool = "true", restart;
        /// What tokens that are bound to a client's other credentials are worth: disabled (as much
        /// as others), permissive (refused if bound by Kerberos) or strict (refused). The other
        /// values of keystonemiddleware are not supported.
        enforce_token_bind: String = "permissive", restart;
        /// The roles of which a token in `X-Service-Token` must have one, so that the user's token
        /// beside it may have expired.
        service_token_roles: Vec<String> = "service", restart;
        /// Refuse requests whose `X-Service-Token` is valid but has none of these roles.
        service_token_roles_required: bool = "false", restart;
        /// The parts of auth_url where that is unset, as in old configurations.
        auth_host: Option<String> = unset, restart;
        /// See auth_host.
        auth_port: u16 = "35357", restart;
        /// See auth_host: http or https.
        auth_protocol: String = "https", restart;
        /// See auth_host: what stands before /v3.
        auth_admin_prefix: String = "", restart;
    }
}

/// How long a validated token is believed; none: not at all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CacheTime(pub Option<Duration>);

impl OptionValue for CacheTime {
    const ACCEPTS: &'static str = "a number of seconds; 0 or less for none";

    fn parse(text: &str) -> Result<Self, Option<String>> {
        let seconds: i32 = text.parse().map_err(|_| None)?;
        let time = u64::try_from(seconds).ok().filter(|seconds| *seconds > 0);
        Ok(Self(time.map(Duration::from_secs)))
    }

    fn shown(&self) -> Vec<String> {
        let shown = self
            .0
            .map_or_else(|| "-1".to_owned(), |time| time.as_secs().to_string());
        vec![shown]
    }
}

/// A choice among the endpoints of Keystone's catalogue, which is not made here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EndpointChoice(String);

impl OptionValue for EndpointChoice {
    const ACCEPTS: &'static str = "text, which has no effect";

    fn parse(text: &str) -> Result<Self, Option<String>> {
        Ok(Self(text.to_owned()))
    }

    fn shown(&self) -> Vec<String> {
        vec![self.0.clone()]
    }

    fn remark(&self) -> Option<String> {
        Some("has no effect: tokens are validated at auth_url".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_time_is_no_cache() {
        let time = |text| CacheTime::parse(text).unwrap().0;
        assert_eq!(time("300"), Some(Duration::from_secs(300)));
        assert_eq!(time("0"), None);
        assert_eq!(time("-1"), None);
        assert_eq!(CacheTime(None).shown(), ["-1"]);
        assert!(CacheTime::parse("soon").is_err());
    }
}
