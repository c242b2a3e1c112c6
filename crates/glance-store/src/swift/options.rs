//! The options, checked and in the units that the store uses.

use std::sync::Arc;
use std::time::Duration;

use glance_config::{SwiftConfig, SwiftReference, SwiftReferences};

use super::location::{Access, configured_url};
use super::sign_on::{Choice, Credentials};
use crate::error::StartError;
use crate::parallel::{Lengths, Parallel};

/// Glance's megabyte.
const MB: u64 = 1_000 * 1_024;

/// The most that a segment has: it is held in memory until it is stored.
const LARGEST_SEGMENT: u64 = 8 << 20;

/// The most that one has which is sent while it comes, as far as there is leave to hold it: each
/// costs Swift some milliseconds, whatever its length, when it is kept and when it is read.
const LONGEST_SEGMENT: u64 = 64 << 20;

/// One begins while the one before it is not stored when there is leave for so much of it: more than
/// comes in the time that Swift takes to keep a segment.
const AHEAD: u64 = 32 << 20;

/// The least: Swift gives no more than one smaller segment of an image a second.
const SMALLEST_SEGMENT: u64 = 1 << 20;

/// What the operator wants.
#[derive(Debug)]
pub(super) struct Options {
    pub(super) references: SwiftReferences,
    /// The name of the reference that new images go to, if there is such a one.
    pub(super) default: Option<String>,
    /// The references come from a file, so locations name them.
    pub(super) named: bool,
    pub(super) multi_tenant: bool,
    pub(super) admin_tenants: Vec<String>,
    pub(super) container: String,
    pub(super) seed: u8,
    pub(super) create_container: bool,
    /// Images of so many bytes are kept in segments.
    pub(super) large: u64,
    /// Bytes of a segment, as it is held: short ones where the size of the image is not known.
    pub(super) lengths: Lengths,
    pub(super) parallel: Parallel,
    pub(super) choice: Arc<Choice>,
    pub(super) retries: u32,
    pub(super) expire_soon: Duration,
    /// For credentials in locations that no reference has.
    version: glance_config::SwiftAuthVersion,
}

impl Options {
    /// Blocks to read a small file.
    pub(super) fn read(config: &SwiftConfig) -> Result<Self, StartError> {
        let named = config.swift_store_config_file.is_some();
        if named && config.swift_store_multi_tenant {
            // As in Glance.
            let reason = "a swift_store_config_file does not go with it";
            return Err(StartError::new("swift_store_multi_tenant", reason));
        }
        let references = config.references().map_err(|error| {
            let reason = glance_config::chain(&error);
            StartError::new("swift_store_config_file", reason)
        })?;
        let default = &config.default_swift_reference;
        let default = references.contains_key(default).then(|| default.clone());
        if named && default.is_none() {
            let reason = "the swift_store_config_file has no such section";
            return Err(StartError::new("default_swift_reference", reason));
        }
        for reference in references.values() {
            if configured_url(&reference.auth_address)
                .parse::<hyper::Uri>()
                .is_err()
            {
                let reason = "it is no address";
                return Err(StartError::new("swift_store_auth_address", reason));
            }
        }
        let container = config.swift_store_container.clone();
        let unusable = |c: char| matches!(c, '/' | '?' | '#') || c.is_control();
        // Room is needed for what is added to it: an image's id.
        if container.is_empty() || container.len() > 200 || container.contains(unusable) {
            let reason = "it is no name of a container";
            return Err(StartError::new("swift_store_container", reason));
        }
        let large = u64::from(config.swift_store_large_object_size.get()) * MB;
        let segment = u64::from(config.swift_store_large_object_chunk_size.get()) * MB;
        let long = segment.min(large).clamp(SMALLEST_SEGMENT, LONGEST_SEGMENT);
        let short = long.min(LARGEST_SEGMENT);
        let each = config.swift_store_upload_parallel.get();
        let memory = u64::from(config.swift_store_upload_memory) << 20;
        Ok(Self {
            named,
            references,
            default,
            multi_tenant: config.swift_store_multi_tenant,
            admin_tenants: config.swift_store_admin_tenants.clone(),
            container,
            seed: config.swift_store_multiple_containers_seed.0,
            create_container: config.swift_store_create_container_on_put,
            large,
            lengths: Lengths {
                short,
                long,
                ahead: AHEAD,
            },
            parallel: Parallel::weighed(usize::try_from(each).unwrap_or(usize::MAX), memory),
            choice: Arc::new(Choice {
                endpoint: config.swift_store_endpoint.as_deref().map(configured_url),
                service_type: config.swift_store_service_type.clone(),
                kind: config.swift_store_endpoint_type,
                region: config.swift_store_region.clone(),
            }),
            retries: config.swift_store_retry_get_count,
            expire_soon: config.swift_store_expire_soon_interval,
            version: config.swift_store_auth_version,
        })
    }

    /// The account that new images go to, where all go to one.
    pub(super) fn default_reference(&self) -> Option<&SwiftReference> {
        self.references.get(self.default.as_ref()?)
    }

    /// How new locations say where the account is, where all images go to one.
    pub(super) fn access(&self) -> Option<Access> {
        let reference = self.default_reference()?;
        if self.named {
            return self.default.clone().map(Access::Reference);
        }
        Some(Access::User {
            auth_url: configured_url(&reference.auth_address),
            user: reference.user.reveal().to_owned(),
            key: reference.key.reveal().to_owned(),
        })
    }

    /// The schemes, the one of new locations first.
    pub(super) fn schemes(&self) -> &'static [&'static str] {
        let plain = self
            .choice
            .endpoint
            .as_deref()
            .filter(|_| self.multi_tenant)
            .map(|url| url.starts_with("http://"));
        let plain = plain.or_else(|| {
            let reference = self.default_reference()?;
            Some(reference.auth_address.starts_with("http://"))
        });
        match plain {
            _ if self.named => &["swift+config", "swift+https", "swift", "swift+http"],
            Some(true) => &["swift+http", "swift+https", "swift", "swift+config"],
            _ => &["swift+https", "swift", "swift+http", "swift+config"],
        }
    }

    /// The user of a reference.
    pub(super) fn credentials(reference: &SwiftReference) -> Credentials {
        Credentials {
            auth_url: configured_url(&reference.auth_address),
            user: reference.user.reveal().to_owned(),
            key: reference.key.reveal().to_owned(),
            version: reference.auth_version,
            user_domain: reference.user_domain.clone(),
            project_domain: reference.project_domain.clone(),
        }
    }

    /// The user of a location, whose domains and version are those of the same user in the
    /// configuration, or of whoever is the default there.
    pub(super) fn located(&self, auth_url: &str, user: &str, key: &str) -> Credentials {
        let same = self.references.values().find(|reference| {
            configured_url(&reference.auth_address) == auth_url && reference.user.reveal() == user
        });
        let reference = same.or_else(|| self.default_reference());
        Credentials {
            auth_url: auth_url.to_owned(),
            user: user.to_owned(),
            key: key.to_owned(),
            version: reference.map_or(self.version, |reference| reference.auth_version),
            user_domain: reference.map_or_else(Default::default, |r| r.user_domain.clone()),
            project_domain: reference.map_or_else(Default::default, |r| r.project_domain.clone()),
        }
    }
}
