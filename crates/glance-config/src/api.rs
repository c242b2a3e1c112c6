//! Everything glance-api can be told.

use crate::access::AccessConfig;
use crate::astakos::AstakosConfig;
use crate::cors::CorsConfig;
use crate::deletion::DeletionConfig;
use crate::endpoint::{EndpointConfig, MiddlewareConfig};
use crate::external::ExternalConfig;
use crate::healthcheck::HealthcheckConfig;
use crate::image_format::ImageFormatConfig;
use crate::keystone_authtoken::KeystoneAuthtoken;
use crate::limits::LimitsConfig;
use crate::listen::ListenConfig;
use crate::location::LocationConfig;
use crate::log::LogConfig;
use crate::metrics::MetricsConfig;
use crate::object::ObjectConfig;
use crate::paste_deploy::PasteDeploy;
use crate::pithos::PithosConfig;
use crate::plankton::{DialectsConfig, PlanktonConfig};
use crate::policy::{PolicyConfig, PropertyProtectionConfig};
use crate::registry_client::RegistryClientConfig;
use crate::s3::S3Config;
use crate::service::ServiceConfig;
use crate::store::StoreConfig;
use crate::swift::SwiftConfig;
use crate::versions::VersionsConfig;

program! {
    /// Everything glance-api can be told.
    pub struct ApiConfig for "glance-api" {
        /// Where to listen.
        listen: ListenConfig,
        /// Which versions to serve.
        versions: VersionsConfig,
        /// Which dialects to serve.
        dialects: DialectsConfig,
        /// The URLs to show.
        endpoint: EndpointConfig,
        /// How to reach glance-registry.
        registry: RegistryClientConfig,
        /// Who owns, who administers.
        access: AccessConfig,
        /// How much may be asked for.
        limits: LimitsConfig,
        /// What of locations is shown or hidden.
        location: LocationConfig,
        /// When data goes.
        deletion: DeletionConfig,
        /// Which properties are for whom.
        property_protection: PropertyProtectionConfig,
        /// What is logged.
        log: LogConfig,
        /// Where data is kept.
        store: StoreConfig,
        /// Data in Swift.
        swift: SwiftConfig,
        /// Data in S3.
        s3: S3Config,
        /// Data in other object stores.
        object: ObjectConfig,
        /// Data in Pithos.
        pithos: PithosConfig,
        /// How Plankton speaks.
        plankton: PlanktonConfig,
        /// Where else data may come from.
        external: ExternalConfig,
        /// Which formats are accepted.
        image_format: ImageFormatConfig,
        /// How callers prove who they are.
        paste_deploy: PasteDeploy,
        /// How tokens are validated.
        keystone_authtoken: KeystoneAuthtoken,
        /// How tokens are validated with Astakos.
        astakos: AstakosConfig,
        /// Who may do what.
        policy: PolicyConfig,
        /// What requests pass through.
        middleware: MiddlewareConfig,
        /// Which web pages may call.
        cors: CorsConfig,
        /// What the health check tells.
        healthcheck: HealthcheckConfig,
        /// Where numbers are fetched.
        metrics: MetricsConfig,
        /// What Glance has no option for.
        service: ServiceConfig,
    }
}

impl ApiConfig {
    /// What is set that cannot be together.
    pub(crate) fn conflict(&self) -> Option<String> {
        if self.listen.socket().is_some() {
            let text = "[DEFAULT] bind_host: only glance-registry listens on a Unix socket; \
                        glance-api takes an address";
            return Some(text.to_owned());
        }
        self.listen.conflict().or_else(|| self.registry.conflict())
    }
}

impl Default for ApiConfig {
    fn default() -> Self {
        Self::with_listen(ListenConfig::default())
    }
}
