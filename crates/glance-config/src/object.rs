//! The object store: image data in other clouds' object stores.

options! {
    /// The object store.
    pub struct ObjectConfig in "glance_store" {
        /// The URL of the place where data is kept: gs://bucket/prefix, azure://container/prefix.
        /// Not Glance's.
        object_store_url: Option<String> = unset, restart;
    }
}
