//! The pithos store: image data in Pithos, Synnefo's object store.

use std::num::NonZeroU32;
use std::path::PathBuf;
use std::time::Duration;

use crate::secret::Secret;

options! {
    /// The pithos store. Not Glance's.
    pub struct PithosConfig in "glance_store" {
        /// The base address of Pithos' object-store API, such as
        /// https://host/pithos/object-store/v1. Without a scheme: https.
        pithos_store_endpoint: Option<String> = unset, restart;
        /// The account that new images go to. Unset: the caller's own.
        pithos_store_account: Option<String> = unset, restart;
        /// The container that new images go to.
        pithos_store_container: String = "images", restart;
        /// Make the container if it lacks when an image is stored.
        pithos_store_create_container_on_put: bool = "true", restart;
        /// Our own token, with which pithos_store_container of pithos_store_account is read and
        /// written whoever asks, and everything else when nobody asks. Unset: whoever asks needs a
        /// token of Astakos.
        pithos_store_token: Option<Secret> = unset, restart;
        /// How many blocks of an image are sent at the same time, as far as
        /// pithos_store_upload_memory lets them.
        pithos_store_upload_parallel: NonZeroU32 = "4", restart;
        /// MiB that the blocks of all uploads may hold together, besides two blocks for each upload.
        pithos_store_upload_memory: u32 = "40", restart;
        /// A file of certificates in PEM form that the server is checked against, instead of the
        /// system's.
        pithos_store_cacert: Option<PathBuf> = unset, restart;
        /// Accept the server without checking its certificate. Ignored if pithos_store_cacert is
        /// set.
        pithos_store_insecure: bool = "false", restart;
        /// Seconds in which the server must accept a connection, take more data, begin to answer,
        /// and send more.
        pithos_store_timeout: NonZeroU32 = "60", restart;
    }
}

impl PithosConfig {
    /// The time in which a server must do its next step.
    pub fn timeout(&self) -> Duration {
        Duration::from_secs(self.pithos_store_timeout.get().into())
    }
}
