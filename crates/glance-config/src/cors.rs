//! Which web pages may call the service from a browser.

use std::time::Duration;

options! {
    /// Which web pages may call the service from a browser.
    pub struct CorsConfig in "cors" {
        /// The origins whose pages may call the service, as http://host:port, or * for all.
        /// Unset: none.
        allowed_origin: Option<Vec<String>> = unset, restart;
        /// Whether such pages may send credentials.
        allow_credentials: bool = "true", restart;
        /// The answers' headers that such pages may read, besides the simple ones.
        expose_headers: Vec<String> = "X-Image-Meta-Checksum,X-Auth-Token,X-Subject-Token,X-Service-Token,X-OpenStack-Request-ID", restart;
        /// Seconds that a browser may keep the answer to its preliminary question.
        max_age: Duration = "3600", restart;
        /// The methods that such pages may use.
        allow_methods: Vec<String> = "GET,PUT,POST,DELETE,PATCH", restart;
        /// The requests' headers that such pages may set.
        allow_headers: Vec<String> = "Content-MD5,X-Image-Meta-Checksum,X-Storage-Token,Accept-Encoding,X-Auth-Token,X-Identity-Status,X-Roles,X-Service-Catalog,X-User-Id,X-Tenant-Id,X-OpenStack-Request-ID", restart;
    }
}
