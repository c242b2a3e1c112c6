//! The swift store: image data in OpenStack Swift.

options! {
    /// The swift store.
    pub struct SwiftConfig in "glance_store" {
        /// The address of the service that gives tokens, with its version: http://host:5000/v3/.
        swift_store_auth_address: Option<String> = unset, restart,
            was ["DEFAULT/swift_store_auth_address"];
    }
}
