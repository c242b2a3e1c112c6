//! Everything glance-registry and glance-manage can be told.

use crate::access::AccessConfig;
use crate::astakos::AstakosConfig;
use crate::bind_host::BindHost;
use crate::database::DatabaseConfig;
use crate::healthcheck::HealthcheckConfig;
use crate::keystone_authtoken::KeystoneAuthtoken;
use crate::limits::LimitsConfig;
use crate::listen::ListenConfig;
use crate::log::LogConfig;
use crate::metrics::MetricsConfig;
use crate::paste_deploy::{AuthFlavor, PasteDeploy};
use crate::policy::PolicyConfig;
use crate::service::ServiceConfig;
use crate::versions::VersionsConfig;

program! {
    /// Everything glance-registry and glance-manage can be told.
    pub struct RegistryConfig for "glance-registry" {
        /// Where to listen.
        listen: ListenConfig,
        /// Which versions to serve.
        versions: VersionsConfig,
        /// Who owns, who administers.
        access: AccessConfig,
        /// How much may be asked for.
        limits: LimitsConfig,
        /// What is logged.
        log: LogConfig,
        /// Where the records are kept.
        database: DatabaseConfig,
        /// How callers prove who they are.
        paste_deploy: PasteDeploy,
        /// How tokens are validated.
        keystone_authtoken: KeystoneAuthtoken,
        /// How tokens are validated with Astakos.
        astakos: AstakosConfig,
        /// Who may do what.
        policy: PolicyConfig,
        /// What the health check tells.
        healthcheck: HealthcheckConfig,
        /// Where numbers are fetched.
        metrics: MetricsConfig,
        /// What Glance has no option for.
        service: ServiceConfig,
    }
}

impl Default for RegistryConfig {
    fn default() -> Self {
        Self::with_listen(ListenConfig {
            bind_host: BindHost::default(),
            bind_port: 9191,
            ..ListenConfig::default()
        })
    }
}

impl RegistryConfig {
    /// Whether others than those of this host can connect, and what they say of themselves is
    /// believed: no flavor asks for proof, no certificate is wanted and no secret.
    pub fn believes_strangers(&self) -> bool {
        let unproven = matches!(
            self.paste_deploy.flavor.auth,
            AuthFlavor::None | AuthFlavor::TrustedAuth | AuthFlavor::FakeAuth
        );
        let certified = self.listen.tls().is_some_and(|tls| tls.ca_file.is_some());
        unproven
            && !self.listen.bind_host.is_loopback()
            && !certified
            && self.service.registry_secret.is_none()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::registry_secret::RegistrySecret;
    use crate::value::OptionValue;

    #[test]
    fn strangers_are_believed_on_open_addresses_without_any_proof() {
        let mut config = RegistryConfig::default();
        assert!(!config.believes_strangers());
        config.listen.bind_host = BindHost::parse("unix:/run/r.sock").unwrap();
        assert!(!config.believes_strangers());
        config.listen.bind_host = BindHost::parse("0.0.0.0").unwrap();
        assert!(config.believes_strangers());
        let mut other = config.clone();
        other.paste_deploy.flavor.auth = AuthFlavor::Keystone;
        assert!(!other.believes_strangers());
        other.paste_deploy.flavor.auth = AuthFlavor::TrustedAuth;
        assert!(other.believes_strangers());
        (other.listen.cert_file, other.listen.key_file) = (Some("c".into()), Some("k".into()));
        assert!(other.believes_strangers());
        other.listen.ca_file = Some("a".into());
        assert!(!other.believes_strangers());
        config.service.registry_secret = RegistrySecret::parse("0123456789abcdef").ok();
        assert!(!config.believes_strangers());
    }
}
