//! Everything glance-registry and glance-manage can be told.

use crate::access::AccessConfig;
use crate::astakos::AstakosConfig;
use crate::database::DatabaseConfig;
use crate::healthcheck::HealthcheckConfig;
use crate::keystone_authtoken::KeystoneAuthtoken;
use crate::limits::LimitsConfig;
use crate::listen::ListenConfig;
use crate::log::LogConfig;
use crate::metrics::MetricsConfig;
use crate::paste_deploy::PasteDeploy;
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
            bind_port: 9191,
            ..ListenConfig::default()
        })
    }
}
