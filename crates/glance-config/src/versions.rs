//! Which versions of the protocols are served.

options! {
    /// Which versions of the protocols are served.
    pub struct VersionsConfig in "DEFAULT" {
        /// Whether glance-api serves version 1 of the Images API.
        enable_v1_api: bool = "true", restart;
        /// Accepted for Glance's sake: version 2 of the Images API is not served.
        enable_v2_api: bool = "true", restart;
        /// Whether glance-registry serves version 1 of the registry protocol.
        enable_v1_registry: bool = "true", restart;
        /// Accepted for Glance's sake: version 2 of the registry protocol is not served.
        enable_v2_registry: bool = "true", restart;
    }
}
