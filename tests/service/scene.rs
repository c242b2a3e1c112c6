//! A registry, a Pithos in memory, and the service between them.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use functional::{Cloud, Daemon, Engine, Setup};
use glance_api::service::plankton::{NewRegistration, PlanktonError, Registered, RegisteredQuery};
use glance_api::service::{ImageService, Leases, Requester};
use glance_config::ApiConfig;
use glance_core::identity::{Identity, Token};
use glance_core::image::{Image, ImageFields};
use glance_core::pithos::PithosLocation;
use glance_core::timestamp::Timestamp;
use glance_registry_client::{Address, Forwarding, Options, Registries, RegistryClient};
use glance_store::store::ImageStore;
use glance_store::stores::Stores;
use tokio::sync::watch;

use crate::pithos::Pithos;

pub(crate) struct Scene {
    pub(crate) pithos: Pithos,
    pub(crate) service: ImageService,
    pub(crate) registry: Arc<Mutex<Option<Daemon>>>,
    pub(crate) cloud: Cloud,
}

/// Who asks in the name of a tenant.
pub(crate) fn user(name: &str) -> Requester {
    Requester {
        identity: Identity {
            user: Some(name.to_owned()),
            tenant: Some(name.to_owned()),
            roles: vec!["member".to_owned()],
            token: Some(Token::new(name)),
            ..Identity::default()
        },
        request_id: "req-test".to_owned(),
    }
}

/// What changes afterwards is newer than what changed before.
pub(crate) async fn let_time_pass() {
    tokio::time::sleep(Engine::under_test().tick()).await;
}

/// `kept` is `moment` as the database keeps it, which may have no fractions of seconds.
pub(crate) fn assert_kept(kept: Timestamp, moment: Timestamp) {
    let lost = (moment.naive() - kept.naive()).to_std();
    assert!(
        lost.is_ok_and(|lost| lost <= Engine::under_test().tick()),
        "{kept:?}, {moment:?}"
    );
}

impl Scene {
    pub(crate) fn new() -> Self {
        Self::with(|_| {})
    }

    pub(crate) fn with(configure: impl FnOnce(&mut ApiConfig)) -> Self {
        let setup = Setup::new().registry_in("paste_deploy", "flavor", "trusted-auth");
        let mut cloud = setup.prepare();
        cloud.start_registry();
        let registry = Arc::new(Mutex::new(Some(cloud.take_registry())));
        let address = Address::Url(format!("http://{}", cloud.registry_address()));
        let client = RegistryClient::new(&Options {
            registries: Arc::new(Registries::new(vec![address])),
            tls: glance_net::tls::no_trust().unwrap(),
            secret: None,
            timeout: Some(Duration::from_secs(10)),
            forwarding: Forwarding {
                user_token: false,
                identity_headers: true,
            },
        });
        let pithos = Pithos::default();
        let store: Arc<dyn ImageStore> = Arc::new(pithos.clone());
        let stores = Stores::new(vec![store], "pithos").unwrap();
        let mut config = ApiConfig::default();
        configure(&mut config);
        let (_, config) = watch::channel(Arc::new(config));
        let leases = Leases::new("test".to_owned(), Duration::from_secs(30), 1);
        let service = ImageService::new(client, Arc::new(stores), leases, None, config);
        Self {
            pithos,
            service,
            registry,
            cloud,
        }
    }

    /// A hook that ends the registry at once.
    pub(crate) fn registry_dies(&self) -> Box<dyn FnOnce() + Send> {
        let registry = self.registry.clone();
        Box::new(move || drop(registry.lock().unwrap().take()))
    }

    pub(crate) fn start_registry(&mut self) {
        self.cloud.start_registry();
        *self.registry.lock().unwrap() = Some(self.cloud.take_registry());
    }

    pub(crate) async fn register(&self, name: &str, place: &PithosLocation) -> Registered {
        let registered = self.try_register(new(name, place)).await;
        registered.unwrap()
    }

    /// Registered by the object's owner.
    pub(crate) async fn try_register(
        &self,
        new: NewRegistration,
    ) -> Result<Registered, PlanktonError> {
        let owner = user(&new.location.account);
        self.service.register(&owner, new).await
    }

    pub(crate) async fn show(&self, who: &str, id: &str) -> Result<Registered, PlanktonError> {
        self.service.registered(&user(who), id).await
    }

    pub(crate) async fn names(&self, who: &str) -> Vec<String> {
        let query = RegisteredQuery::default();
        let list = self
            .service
            .list_registered(&user(who), &query)
            .await
            .unwrap();
        list.into_iter().map(|image| image.name).collect()
    }

    /// The members, in order.
    pub(crate) async fn members(&self, who: &str, id: &str) -> Vec<String> {
        let members = self.service.registered_members(&user(who), id).await;
        let mut members = members.unwrap();
        members.sort();
        members
    }

    /// The record, as Glance mode shows it.
    pub(crate) async fn record(&self, who: &str, id: &str) -> Image {
        self.service.find(&user(who), id).await.unwrap()
    }

    /// An image of Glance mode without data.
    pub(crate) async fn glance_image(&self, who: &str, name: &str, is_public: bool) -> Image {
        let text = |text: &str| Some(Some(text.to_owned()));
        let new = glance_api::service::NewImage {
            fields: ImageFields {
                name: text(name),
                size: Some(Some(0)),
                disk_format: text("raw"),
                container_format: text("bare"),
                is_public: Some(is_public),
                ..ImageFields::default()
            },
            store: None,
            source: glance_api::service::Source::Nothing,
        };
        self.service.create(Arc::new(user(who)), new).await.unwrap()
    }
}

pub(crate) fn new(name: &str, place: &PithosLocation) -> NewRegistration {
    NewRegistration {
        name: name.to_owned(),
        location: place.clone(),
        size: None,
        checksum: None,
        disk_format: "diskdump".to_owned(),
        container_format: "bare".to_owned(),
        is_public: false,
        owner: None,
        properties: BTreeMap::new(),
        merge: false,
    }
}

pub(crate) fn properties(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    let pairs = pairs.iter();
    pairs
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect()
}
