//! The swift store: image data in OpenStack Swift.

use std::num::NonZeroU32;
use std::path::PathBuf;
use std::time::Duration;

use crate::secret::Secret;
use crate::value::OptionValue;

options! {
    /// The swift store.
    pub struct SwiftConfig in "glance_store" {
        /// The address of the service that gives tokens, such as http://host:5000/v3/. Without a
        /// scheme: https. Not used if there is a swift_store_config_file.
        swift_store_auth_address: Option<String> = unset, restart,
            was ["DEFAULT/swift_store_auth_address"];
        /// How tokens are had: 1 (Swift's own tempauth, and its like), 2 or 3 (Keystone).
        swift_store_auth_version: SwiftAuthVersion = "2", restart,
            was ["DEFAULT/swift_store_auth_version"];
        /// Who we are: account:user with version 1, project:user with the others. Not used if there
        /// is a swift_store_config_file. With swift_store_multi_tenant: a service account that may
        /// change all accounts, for work that no caller asked for.
        swift_store_user: Option<Secret> = unset, restart, was ["DEFAULT/swift_store_user"];
        /// The password that goes with it.
        swift_store_key: Option<Secret> = unset, restart, was ["DEFAULT/swift_store_key"];
        /// A file with a section for each account: user, key, auth_address, and if need be
        /// auth_version, user_domain_id or user_domain_name, project_domain_id or
        /// project_domain_name. With it, no credentials are written into the database.
        swift_store_config_file: Option<PathBuf> = unset, restart,
            was ["DEFAULT/swift_store_config_file"];
        /// The section of swift_store_config_file that new images go to.
        default_swift_reference: String = "ref1", restart, was ["DEFAULT/default_swift_reference"];
        /// The region whose endpoint is taken. Unset: the first one.
        swift_store_region: Option<String> = unset, restart, was ["DEFAULT/swift_store_region"];
        /// The address of the account, up to and without the container, whatever the service that
        /// gives tokens says.
        swift_store_endpoint: Option<String> = unset, restart, was ["DEFAULT/swift_store_endpoint"];
        /// Which of the addresses in the catalogue of services is taken.
        swift_store_endpoint_type: SwiftEndpointType = "publicURL", restart,
            was ["DEFAULT/swift_store_endpoint_type"];
        /// The type of service in the catalogue.
        swift_store_service_type: String = "object-store", restart,
            was ["DEFAULT/swift_store_service_type"];
        /// The container that holds the images; the beginning of the names of containers where
        /// there are several.
        swift_store_container: String = "glance", restart, was ["DEFAULT/swift_store_container"];
        /// Make the container if it lacks when an image is stored.
        swift_store_create_container_on_put: bool = "false", restart,
            was ["DEFAULT/swift_store_create_container_on_put"];
        /// How many characters of the image's id end the name of its container, 0 to 32; 0: all
        /// images are in one container.
        swift_store_multiple_containers_seed: SwiftSeed = "0", restart,
            was ["DEFAULT/swift_store_multiple_containers_seed"];
        /// Images of this many MB (1,024,000 bytes, as in Glance) or more, and those of unknown
        /// size, are kept in segments.
        swift_store_large_object_size: NonZeroU32 = "5120", restart,
            was ["DEFAULT/swift_store_large_object_size"];
        /// MB (1,024,000 bytes) of a segment. Each is held in memory until it is stored, so segments
        /// are never larger than 64 MiB, and 8 MiB where the size of the image is not known or
        /// swift_store_upload_memory is used up.
        swift_store_large_object_chunk_size: NonZeroU32 = "200", restart,
            was ["DEFAULT/swift_store_large_object_chunk_size"];
        /// How many segments of an image are sent at the same time, as far as
        /// swift_store_upload_memory lets them. Not Glance's.
        swift_store_upload_parallel: NonZeroU32 = "4", restart;
        /// MiB that the segments of all uploads may hold together, besides two of 8 MiB for each
        /// upload. Not Glance's.
        swift_store_upload_memory: u32 = "96", restart;
        /// Keep each tenant's images in its own account, with the caller's own token and catalogue
        /// of services.
        swift_store_multi_tenant: bool = "false", restart, was ["DEFAULT/swift_store_multi_tenant"];
        /// With swift_store_multi_tenant: the tenants that may read and write all containers that
        /// are made.
        swift_store_admin_tenants: Vec<String> = unset, restart,
            was ["DEFAULT/swift_store_admin_tenants"];
        /// Accepted for Glance's sake: no trusts are made, a caller's token has to last as long as
        /// its upload.
        swift_store_use_trusts: bool = "true", restart;
        /// A file of certificates in PEM form that servers are checked against, instead of the
        /// system's.
        swift_store_cacert: Option<PathBuf> = unset, restart, was ["DEFAULT/swift_store_cacert"];
        /// Accept servers without checking their certificates. Ignored if swift_store_cacert is
        /// set.
        swift_store_auth_insecure: bool = "false", restart,
            was ["DEFAULT/swift_store_auth_insecure", "glance_store/swift_auth_insecure",
                 "DEFAULT/swift_auth_insecure"];
        /// Accepted for Glance's sake: TLS never compresses.
        swift_store_ssl_compression: bool = "true", restart,
            was ["DEFAULT/swift_store_ssl_compression"];
        /// How often a download that breaks off is taken up again where it ended.
        swift_store_retry_get_count: u32 = "0", restart,
            was ["DEFAULT/swift_store_retry_get_count"];
        /// Seconds before its end at which a token is replaced.
        swift_store_expire_soon_interval: Duration = "60", restart;
        /// Accepted for Glance's sake: segments are held in memory, see
        /// swift_store_large_object_chunk_size.
        swift_buffer_on_upload: bool = "false", restart;
        /// Accepted for Glance's sake: see swift_buffer_on_upload.
        swift_upload_buffer_dir: Option<PathBuf> = unset, restart;
        /// Seconds in which a server must accept a connection, take more data, begin to answer, and
        /// send more. Not Glance's.
        swift_store_timeout: NonZeroU32 = "60", restart;
    }
}

impl SwiftConfig {
    /// The time in which a server must do its next step.
    pub fn timeout(&self) -> Duration {
        Duration::from_secs(self.swift_store_timeout.get().into())
    }
}

/// How a token is had.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SwiftAuthVersion {
    /// A GET with user and key.
    V1,
    /// Keystone's second interface.
    V2,
    /// Keystone's third interface, which has domains.
    V3,
}

impl OptionValue for SwiftAuthVersion {
    const ACCEPTS: &'static str = "1, 2 or 3";

    fn parse(text: &str) -> Result<Self, Option<String>> {
        match text {
            "1" | "1.0" => Ok(Self::V1),
            "2" | "2.0" => Ok(Self::V2),
            "3" | "3.0" => Ok(Self::V3),
            _ => Err(None),
        }
    }

    fn shown(&self) -> Vec<String> {
        let number = match self {
            Self::V1 => "1",
            Self::V2 => "2",
            Self::V3 => "3",
        };
        vec![number.to_owned()]
    }
}

/// Which of a service's addresses is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SwiftEndpointType {
    /// The one for everybody.
    Public,
    /// The one for administrators.
    Admin,
    /// The one on the inner network.
    Internal,
}

impl SwiftEndpointType {
    /// Its name in a catalogue of Keystone's second interface.
    pub fn key(self) -> &'static str {
        match self {
            Self::Public => "publicURL",
            Self::Admin => "adminURL",
            Self::Internal => "internalURL",
        }
    }

    /// Its name in a catalogue of Keystone's third interface.
    pub fn interface(self) -> &'static str {
        match self {
            Self::Public => "public",
            Self::Admin => "admin",
            Self::Internal => "internal",
        }
    }
}

impl OptionValue for SwiftEndpointType {
    const ACCEPTS: &'static str = "publicURL, adminURL or internalURL";

    fn parse(text: &str) -> Result<Self, Option<String>> {
        [Self::Public, Self::Admin, Self::Internal]
            .into_iter()
            .find(|kind| kind.key() == text)
            .ok_or(None)
    }

    fn shown(&self) -> Vec<String> {
        vec![self.key().to_owned()]
    }
}

/// How many characters of an id, dashes not counted, tell its container.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SwiftSeed(pub u8);

impl OptionValue for SwiftSeed {
    const ACCEPTS: &'static str = "an integer from 0 to 32";

    fn parse(text: &str) -> Result<Self, Option<String>> {
        let seed = text.parse().ok().filter(|seed| *seed <= 32);
        seed.map(Self).ok_or(None)
    }

    fn shown(&self) -> Vec<String> {
        vec![self.0.to_string()]
    }
}
