//! The s3 store: image data in S3, or in what speaks its protocol.

options! {
    /// The s3 store.
    pub struct S3Config in "glance_store" {
        /// The server: s3.amazonaws.com, or a URL. Without a scheme: http.
        s3_store_host: Option<String> = unset, restart, was ["DEFAULT/s3_store_host"];
    }
}
