//! What glance-registry counts, and how it looks to Prometheus.

use std::collections::BTreeMap;
use std::net::TcpListener;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use actix_web::web::Data;
use glance_metrics::{Kind, Requests, RouteName, Text, process};

use crate::app::App;
use crate::db;

/// The requests of this process.
pub(crate) static REQUESTS: Requests<{ NAMES.len() }> = Requests::new();

/// The routes by their numbers; see `app::Route::number`. The last ones are no routes.
pub(crate) const NAMES: [RouteName; 21] = [
    name("*", "/"),
    name("GET", "/images"),
    name("GET", "/images/detail"),
    name("POST", "/images"),
    name("GET", "/images/{id}"),
    name("PUT", "/images/{id}"),
    name("DELETE", "/images/{id}"),
    name("GET", "/images/{id}/members"),
    name("PUT", "/images/{id}/members"),
    name("PUT", "/images/{id}/members/{tenant}"),
    name("DELETE", "/images/{id}/members/{tenant}"),
    name("*", "/shared-images/{tenant}"),
    name("PUT", "/leases/{id}"),
    name("PUT", "/leases"),
    name("DELETE", "/leases/{id}"),
    name("POST", "/recovery"),
    name("PUT", "/registrations/{id}"),
    name("DELETE", "/registrations/{id}"),
    name("*", "(unknown)"),
    name("*", "/healthcheck"),
    name("*", "(refused)"),
];

/// What there is no route for.
pub(crate) const UNKNOWN: usize = 18;
/// The health check.
pub(crate) const HEALTH: usize = 19;
/// Requests without credentials, or whose path is no text.
pub(crate) const REFUSED: usize = 20;

const fn name(method: &'static str, path: &'static str) -> RouteName {
    RouteName { method, path }
}

/// Images are counted again after so long, if somebody asks,
const COUNTS_KEEP: Duration = Duration::from_secs(15);
/// and after so many times as long as it took, which keeps it below a twentieth of one reader.
const COUNTS_REST: u32 = 20;
/// So long is a new count waited for. Then the old one is told; the new one comes next time.
const COUNTS_PATIENCE: Duration = Duration::from_secs(2);

/// The images by status, as they were counted last.
#[derive(Debug, Default)]
struct Counts {
    images: BTreeMap<String, i64>,
    /// When they were counted, and how long it took.
    counted: Option<(SystemTime, Instant, Duration)>,
    running: bool,
}

/// Serves the numbers at `listener` until the process ends.
pub(crate) fn serve(listener: TcpListener, app: Data<App>) -> std::io::Result<()> {
    let counts = Arc::new(Mutex::default());
    glance_metrics::serve(listener, move || collect(app.clone(), Arc::clone(&counts)))
}

async fn collect(app: Data<App>, counts: Arc<Mutex<Counts>>) -> Text {
    refresh(&app, &counts).await;
    let mut text = Text::new();
    REQUESTS.write(&mut text, "glance_registry", &NAMES);
    database(&mut text, &app);
    images(&mut text, &lock(&counts));
    process(&mut text, "glance-registry", env!("CARGO_PKG_VERSION"));
    text
}

fn database(text: &mut Text, app: &App) {
    let load = app.db.load();
    let name = "glance_registry_database_readers";
    text.family(name, Kind::Gauge, "Threads that read the database.");
    text.sample(name, &[("state", "busy")], load.busy);
    text.sample(name, &[("state", "idle")], load.idle);
    let name = "glance_registry_database_waiting";
    text.family(
        name,
        Kind::Gauge,
        "Jobs that wait for a thread of the database.",
    );
    text.sample(name, &[("kind", "read")], load.reads_waiting);
    text.sample(name, &[("kind", "write")], load.writes_waiting);
    let help = "Connections that readers have open.";
    let connections = app.db.open_readers();
    text.single(
        "glance_registry_database_connections",
        Kind::Gauge,
        help,
        connections,
    );
}

fn images(text: &mut Text, counts: &Counts) {
    let Some((time, _, took)) = counts.counted else {
        return;
    };
    let name = "glance_registry_images";
    text.family(
        name,
        Kind::Gauge,
        "Images that are not deleted, when they were last counted.",
    );
    for (status, images) in &counts.images {
        text.sample(name, &[("status", status)], images);
    }
    let time = time
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap_or_default();
    let help = "When the images were counted, in seconds since 1970.";
    let name = "glance_registry_images_counted_timestamp_seconds";
    text.single(name, Kind::Gauge, help, time.as_secs_f64());
    let help = "How long it took to count the images.";
    let name = "glance_registry_images_count_duration_seconds";
    text.single(name, Kind::Gauge, help, took.as_secs_f64());
}

/// Counts the images unless that was done just now, or is being done.
async fn refresh(app: &Data<App>, counts: &Arc<Mutex<Counts>>) {
    if !lock(counts).begin() {
        return;
    }
    let (app, counts) = (app.clone(), Arc::clone(counts));
    let count = tokio::spawn(async move {
        let began = Instant::now();
        let outcome = app.db.look(db::images_by_status).await;
        lock(&counts).end(outcome, began);
    });
    // It goes on if it takes longer.
    let _ = tokio::time::timeout(COUNTS_PATIENCE, count).await;
}

fn lock(counts: &Mutex<Counts>) -> MutexGuard<'_, Counts> {
    counts.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Counts {
    /// Whether the caller is to count now.
    fn begin(&mut self) -> bool {
        let fresh = self.counted.is_some_and(|(_, at, took)| {
            at.elapsed() < COUNTS_KEEP.max(took.saturating_mul(COUNTS_REST))
        });
        if fresh || self.running {
            return false;
        }
        self.running = true;
        true
    }

    fn end(&mut self, outcome: Result<Vec<(String, i64)>, db::DbError>, began: Instant) {
        self.running = false;
        let counted = match outcome {
            Ok(counted) => counted,
            Err(error) => return log::warn!("the images are not counted: {error}"),
        };
        // A status that no image has any more goes to zero and not away.
        self.images.values_mut().for_each(|images| *images = 0);
        for (status, images) in counted {
            *self.images.entry(status).or_default() += images;
        }
        self.counted = Some((SystemTime::now(), Instant::now(), began.elapsed()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn images_are_counted_once_for_many_who_ask() {
        let mut counts = Counts::default();
        assert!(counts.begin());
        assert!(!counts.begin());
        let row = |status: &str, images| (status.to_owned(), images);
        let found = vec![row("active", 2), row("active", 3), row("queued", 1)];
        counts.end(Ok(found), Instant::now());
        assert!(!counts.begin());
        assert_eq!(counts.images["active"], 5);
        counts.counted = None;
        assert!(counts.begin());
        counts.end(Ok(vec![row("active", 1)]), Instant::now());
        assert_eq!((counts.images["active"], counts.images["queued"]), (1, 0));
    }
}
