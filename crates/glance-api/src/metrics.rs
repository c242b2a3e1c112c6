//! What glance-api counts, and how it looks to Prometheus. Counting costs a few atomic additions.

use std::future::{Ready, ready};
use std::net::TcpListener;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use glance_metrics::{Counter, Gauge, Kind, Requests, RouteName, Text, process};
use glance_registry_client::Registries;
use glance_store::stores::Stores;

use crate::plankton::{self, Place};
use crate::service::Leases;
use crate::v1::{self, Action};
use crate::versions;

/// What is counted while requests are served.
pub(crate) static METRICS: Metrics = Metrics {
    enabled: AtomicBool::new(false),
    requests: Requests::new(),
    uploads: Gauge::new(),
    downloads: Gauge::new(),
    received: Counter::new(),
    sent: Counter::new(),
};

/// The numbers of the process.
pub(crate) struct Metrics {
    enabled: AtomicBool,
    pub(crate) requests: Requests<{ Route::COUNT }>,
    /// Bodies of image data that are coming in.
    pub(crate) uploads: Gauge,
    /// Image data on its way to clients.
    pub(crate) downloads: Gauge,
    /// Bytes of image data from clients.
    pub(crate) received: Counter,
    /// Bytes of answers' bodies.
    pub(crate) sent: Counter,
}

/// What a request was for, as far as that is known when it is answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Route {
    /// A call of version 1.
    V1(Action),
    /// A call of Plankton.
    Plankton(plankton::Action),
    /// A version, but no call of it.
    Unknown,
    /// The list of versions, for whatever path.
    Versions,
    /// A version without a slash.
    Redirect,
    /// The health check.
    Health,
    /// What a browser asks before it lets a page call.
    Preflight,
    /// What the connection refused, or whose path is no text.
    Refused,
}

impl Route {
    const OTHERS: [RouteName; 6] = [
        name("*", "(unknown)"),
        name("*", "/versions"),
        name("*", "(redirect)"),
        name("*", "/healthcheck"),
        name("OPTIONS", "(preflight)"),
        name("*", "(refused)"),
    ];

    const COUNT: usize = Action::ALL.len() + plankton::Action::ALL.len() + Self::OTHERS.len();

    /// What a request by `method` for `route` is for.
    pub(crate) fn of(route: &versions::Route<'_>, method: &str) -> Self {
        match route {
            versions::Route::V1(path) => v1::action(method, path).map_or(Self::Unknown, Self::V1),
            versions::Route::V2(_) => Self::Unknown,
            versions::Route::Redirect(_) => Self::Redirect,
            versions::Route::List(_) => Self::Versions,
        }
    }

    /// What a request by `method` for a place of Plankton's is for.
    pub(crate) fn in_plankton(place: Place<'_>, method: &str) -> Self {
        match place {
            Place::Call(path) => {
                plankton::action(method, path).map_or(Self::Unknown, Self::Plankton)
            }
            Place::Versions => Self::Versions,
            Place::Nowhere => Self::Unknown,
        }
    }

    /// Whether its answer is image data, if all goes well.
    pub(crate) fn is_download(self) -> bool {
        matches!(
            self,
            Self::V1(Action::Show) | Self::Plankton(plankton::Action::Show)
        )
    }

    fn index(self) -> usize {
        let calls = Action::ALL.len() + plankton::Action::ALL.len();
        match self {
            Self::V1(action) => action as usize,
            Self::Plankton(action) => Action::ALL.len() + action as usize,
            Self::Unknown => calls,
            Self::Versions => calls + 1,
            Self::Redirect => calls + 2,
            Self::Health => calls + 3,
            Self::Preflight => calls + 4,
            Self::Refused => calls + 5,
        }
    }

    fn names() -> Vec<RouteName> {
        let call = |action: &Action| name(action.method(), action.path());
        let plankton = |action: &plankton::Action| name(action.method(), action.path());
        let plankton = plankton::Action::ALL.iter().map(plankton);
        let calls = Action::ALL.iter().map(call).chain(plankton);
        calls.chain(Self::OTHERS).collect()
    }
}

const fn name(method: &'static str, path: &'static str) -> RouteName {
    RouteName { method, path }
}

impl Metrics {
    /// Whether anybody can fetch the numbers.
    pub(crate) fn enabled(&self) -> bool {
        self.enabled.load(Relaxed)
    }

    /// A request was answered; see [`Requests::answered`].
    pub(crate) fn answered(&self, route: Route, status: u16, took: std::time::Duration) {
        self.requests.answered(route.index(), status, took);
    }
}

/// Serves the numbers at `listener` until the process ends.
pub(crate) fn serve(
    listener: TcpListener,
    stores: Arc<Stores>,
    leases: Arc<Leases>,
    registries: Arc<Registries>,
) -> std::io::Result<()> {
    METRICS.enabled.store(true, Relaxed);
    glance_metrics::serve(listener, move || collect(&stores, &leases, &registries))
}

fn collect(stores: &Stores, leases: &Leases, registries: &Registries) -> Ready<Text> {
    let mut text = Text::new();
    METRICS
        .requests
        .write(&mut text, "glance_api", &Route::names());
    transfers(&mut text);
    copies(&mut text, leases);
    states(&mut text, stores);
    let calls = &glance_registry_client::CALLS;
    calls.write(&mut text, "glance_api_registry", "glance-registry");
    registries.write(&mut text, "glance_api_registry");
    process(&mut text, "glance-api", env!("CARGO_PKG_VERSION"));
    ready(text)
}

fn transfers(text: &mut Text) {
    let name = "glance_api_transfers_running";
    text.family(
        name,
        Kind::Gauge,
        "Image data that is on its way from or to clients.",
    );
    text.sample(name, &[("direction", "in")], METRICS.uploads.get());
    text.sample(name, &[("direction", "out")], METRICS.downloads.get());
    let name = "glance_api_transfer_bytes_total";
    text.family(
        name,
        Kind::Counter,
        "Bytes of image data received, and of bodies sent.",
    );
    text.sample(name, &[("direction", "in")], METRICS.received.get());
    text.sample(name, &[("direction", "out")], METRICS.sent.get());
}

fn copies(text: &mut Text, leases: &Leases) {
    let copies = leases.copies();
    let name = "glance_api_copies";
    text.family(
        name,
        Kind::Gauge,
        "Copies from outside, by whether they have their turn.",
    );
    text.sample(name, &[("state", "running")], copies.running);
    text.sample(name, &[("state", "waiting")], copies.waiting);
    let help = "Images that this daemon is writing to a store, copies included.";
    text.single(
        "glance_api_images_saving",
        Kind::Gauge,
        help,
        leases.count(),
    );
}

fn states(text: &mut Text, stores: &Stores) {
    let watched = || {
        let stores = stores.all().iter();
        stores.filter_map(|store| Some((store.name(), store.failures()?)))
    };
    let name = "glance_api_store_up";
    text.family(name, Kind::Gauge, "Whether a store did its last work.");
    for (store, failures) in watched() {
        text.sample(name, &[("store", store)], u8::from(failures == 0));
    }
    let name = "glance_api_store_failures";
    text.family(
        name,
        Kind::Gauge,
        "Failures of a store since it last did its work.",
    );
    for (store, failures) in watched() {
        text.sample(name, &[("store", store)], failures);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_route_has_a_number_and_a_name_of_its_own() {
        let others = [
            Route::Unknown,
            Route::Versions,
            Route::Redirect,
            Route::Health,
            Route::Preflight,
            Route::Refused,
        ];
        let plankton = plankton::Action::ALL.iter();
        let plankton = plankton.map(|action| Route::Plankton(*action));
        let calls = Action::ALL.iter().map(|action| Route::V1(*action));
        let calls = calls.chain(plankton);
        let numbers: Vec<usize> = calls.chain(others).map(Route::index).collect();
        assert_eq!(numbers, (0..Route::COUNT).collect::<Vec<_>>());
        let names = Route::names();
        assert_eq!(names.len(), Route::COUNT);
        let mut seen = Vec::new();
        for name in names {
            assert!(!seen.contains(&name), "{name:?}");
            seen.push(name);
        }
    }
}
