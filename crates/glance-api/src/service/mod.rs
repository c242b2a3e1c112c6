//! The image service: what the API daemon does, in no dialect's words.
//!
//! No HTTP type below this line. A dialect parses a request, decides by its policies whether the
//! caller may ask for this at all, calls one method here and renders the outcome.

mod copy;
mod create;
mod delete;
mod ending;
mod error;
mod exact;
mod failpoint;
mod intake;
mod leases;
mod list;
mod locations;
mod members;
mod open;
mod outside;
mod own_token;
pub mod plankton;
mod recovery;
mod sharing;
mod sweep;
mod update;
mod upkeep;
mod upload;
mod verify;

use std::sync::Arc;

use glance_config::ApiConfig;
use glance_core::crypt::MetadataKey;
use glance_core::identity::{Identity, Token};
use glance_core::image::ImageFields;
use glance_registry_client::{Caller, RegistryClient};
use glance_store::data::ImageData;
use glance_store::stores::Stores;
use tokio::sync::watch;

pub use error::ServiceError;
pub use leases::Leases;
pub use own_token::OwnToken;
pub use upkeep::Upkeep;
pub use verify::{Finding, Verified};

/// Who asks, and in which request. It outlives the request: an upload goes on to a definite end
/// when its caller has gone.
#[derive(Debug)]
pub struct Requester {
    /// Who asks.
    pub identity: Identity,
    /// `req-…`.
    pub request_id: String,
}

impl Requester {
    /// The daemon itself, which may do everything. `token` proves it to the registry.
    pub fn service(admin_role: &str, request_id: &str, token: Option<Token>) -> Self {
        Self {
            identity: Identity {
                token,
                ..Identity::service(admin_role)
            },
            request_id: request_id.to_owned(),
        }
    }

    pub(crate) fn caller(&self) -> Caller<'_> {
        Caller {
            identity: &self.identity,
            request_id: &self.request_id,
        }
    }
}

/// Where the data of a new or queued image comes from.
#[derive(Debug)]
pub enum Source {
    /// Not known yet.
    Nothing,
    /// From the caller.
    Data(ImageData),
    /// It is there already: a location in an outside store.
    Location(String),
    /// It is to be copied from an outside place.
    CopyFrom(String),
}

/// An image to be registered.
#[derive(Debug)]
pub struct NewImage {
    /// What is known of it.
    pub fields: ImageFields,
    /// The store its data shall go to, by name; else the default.
    pub store: Option<String>,
    /// Where its data comes from.
    pub source: Source,
}

/// A change to an image.
#[derive(Debug)]
pub struct ImageUpdate {
    /// What changes.
    pub fields: ImageFields,
    /// Forget the properties that `fields` does not name.
    pub purge_properties: bool,
    /// The store its data shall go to, by name; else the default.
    pub store: Option<String>,
    /// Data for an image that has none.
    pub source: Source,
}

/// The image service. One for each reactor thread, because the client of the registry belongs to
/// one; everything else is shared.
#[derive(Clone, Debug)]
pub struct ImageService {
    registry: RegistryClient,
    stores: Arc<Stores>,
    leases: Arc<Leases>,
    metadata_key: Option<Arc<MetadataKey>>,
    config: watch::Receiver<Arc<ApiConfig>>,
    own_token: OwnToken,
}

impl ImageService {
    /// Puts the service together.
    pub fn new(
        registry: RegistryClient,
        stores: Arc<Stores>,
        leases: Arc<Leases>,
        metadata_key: Option<Arc<MetadataKey>>,
        config: watch::Receiver<Arc<ApiConfig>>,
    ) -> Self {
        Self {
            registry,
            stores,
            leases,
            metadata_key,
            config,
            own_token: OwnToken::None,
        }
    }

    /// The same, which proves by `token` to the registry who it is where it asks for itself.
    pub fn proven_by(self, own_token: OwnToken) -> Self {
        Self { own_token, ..self }
    }

    /// The daemon itself, in the course of somebody's request.
    async fn as_service(&self, requester: &Requester) -> Requester {
        let role = &self.config().access.admin_role;
        let token = self.own_token.get(role).await;
        Requester::service(role, &requester.request_id, token)
    }

    /// The stores.
    pub fn stores(&self) -> &Stores {
        &self.stores
    }

    /// The configuration as it is now.
    pub fn config(&self) -> Arc<ApiConfig> {
        self.config.borrow().clone()
    }
}
