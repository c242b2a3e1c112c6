//! The stores gs and azure: image data in Google Cloud Storage and in Azure Blob Storage.

use std::num::{NonZeroU32, NonZeroUsize};
use std::path::PathBuf;
use std::time::Duration;

use crate::s3::PartSize;
use crate::secret::Secret;

options! {
    /// The stores gs and azure. None of these options is Glance's.
    pub struct ObjectConfig in "glance_store" {
        /// The bucket of the store gs. It must exist.
        gs_store_bucket: Option<String> = unset, restart;
        /// What the names of the images' objects begin with, without the slash that follows.
        gs_store_prefix: String = "", restart;
        /// A file with the key of a service account, in JSON as Google gives it. Unset: the
        /// credentials of gcloud's default login, else those of the machine.
        gs_store_service_account_file: Option<PathBuf> = unset, restart;
        /// The URL of the server, for emulators and private endpoints. Unset: Google's.
        gs_store_endpoint: Option<String> = unset, restart;
        /// The container of the store azure. It must exist.
        azure_store_container: Option<String> = unset, restart;
        /// What the names of the images' blobs begin with, without the slash that follows.
        azure_store_prefix: String = "", restart;
        /// The storage account.
        azure_store_account: Option<String> = unset, restart;
        /// A key of the storage account.
        azure_store_access_key: Option<Secret> = unset, restart;
        /// A shared access signature for the container, used if there is no access key.
        azure_store_sas_token: Option<Secret> = unset, restart;
        /// The tenant of the application that we are to the server, if there is neither key nor
        /// signature. Without these three: the identity of the machine.
        azure_store_tenant_id: Option<String> = unset, restart;
        /// The application.
        azure_store_client_id: Option<String> = unset, restart;
        /// Its secret.
        azure_store_client_secret: Option<Secret> = unset, restart;
        /// The URL of the server, with the account in its path where the server wants it there
        /// (Azurite: http://127.0.0.1:10000/devstoreaccount1). Unset: Azure's.
        azure_store_endpoint: Option<String> = unset, restart;
        /// MiB of a part, at least 5, for gs and azure. Larger images are sent in parts of this
        /// size, which grow where as many as the server takes would not do.
        object_store_chunk_size: PartSize = "8", restart;
        /// How many parts of an image gs and azure are sent at the same time, as far as
        /// object_store_upload_memory lets them.
        object_store_threads: NonZeroUsize = "4", restart;
        /// MiB that the parts of all uploads may hold together in each of the two stores, besides
        /// one part for each upload.
        object_store_upload_memory: u32 = "40", restart;
        /// A file of certificates in PEM form that the servers of gs and azure are checked against,
        /// instead of the system's.
        object_store_cacert: Option<PathBuf> = unset, restart;
        /// Seconds in which the servers of gs and azure must accept a connection, take a part, begin
        /// to answer, and send more.
        object_store_timeout: NonZeroU32 = "60", restart;
    }
}

impl ObjectConfig {
    /// The time in which a server must do its next step.
    pub fn timeout(&self) -> Duration {
        Duration::from_secs(self.object_store_timeout.get().into())
    }
}
