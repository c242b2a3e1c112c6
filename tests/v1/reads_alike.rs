//! Reads that ask the same at the same time: who gets whose answer.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use functional::{Daemon, Identity, Images, Request, Response, Setup, Signal, eventually};

use crate::metrics::Measured;

const LIST: &str = "/v1/images?limit=20";
const LISTED: &str =
    "glance_registry_requests_total{method=\"GET\",route=\"/images\",status=\"200\"}";

/// A glance-api with one reactor, whose registry stands still.
struct Standing {
    // It goes first: a database that a standing registry still uses cannot be dropped.
    registry: Daemon,
    measured: Measured,
}

impl Standing {
    fn start() -> Self {
        let mut measured = Measured::start(Setup::new().api("workers", "1"));
        let registry = measured.cloud.take_registry();
        registry.signal(Signal::STOP);
        Self { measured, registry }
    }

    fn number(&self, sample: &str) -> f64 {
        self.measured.api().get(sample)
    }

    /// Sends these requests at once, has the registry go on when all of them wait, and gives their answers.
    fn ask(&self, requests: Vec<Request>) -> Vec<Response> {
        let count = requests.len() as f64;
        thread::scope(|scope| {
            let cloud = &self.measured.cloud;
            let send = |request| scope.spawn(move || cloud.send(request));
            let sent: Vec<_> = requests.into_iter().map(send).collect();
            eventually("all wait", 5, || {
                self.number("glance_api_requests_running") == count
            });
            // They are counted a moment before they ask.
            thread::sleep(Duration::from_millis(200));
            self.registry.signal(Signal::CONT);
            let answers = sent.into_iter().map(|sent| sent.join().unwrap());
            answers.collect()
        })
    }

    /// The registry was asked for so many lists, and no more.
    fn expect_listed(&self, count: f64) {
        eventually("the registry has counted", 5, || {
            self.measured.registry().get(LISTED) >= count
        });
        assert_eq!(self.measured.registry().get(LISTED), count);
    }

    fn stop(self) {
        self.registry.stop();
        self.measured.cloud.stop();
    }
}

fn list(caller: &Identity) -> Request {
    Request::get(LIST).by(caller)
}

#[test]
fn many_that_ask_the_same_are_two_calls() {
    let standing = Standing::start();
    let caller = Identity::member();
    let requests = (0..10).map(|_| list(&caller)).collect();
    for answer in standing.ask(requests) {
        assert_eq!(answer.expect(200).text(), "{\"images\": []}");
    }
    standing.expect_listed(2.0);
    // All but the one that went ahead and the one that asked for the rest.
    assert_eq!(standing.number("glance_api_registry_shared_total"), 8.0);
    standing.stop();
}

#[test]
fn nobody_gets_what_somebody_else_asked_for() {
    let standing = Standing::start();
    let (one, other) = (Identity::member(), Identity::member());
    let admin = Identity {
        role: "admin".to_owned(),
        ..one.clone()
    };
    let requests = vec![
        list(&one),
        list(&other),
        list(&admin),
        Request::get("/v1/images?limit=21").by(&one),
        Request::get("/v1/images/detail?limit=20").by(&one),
        Request::post("/v1/images").raw_disk("new").by(&one),
        Request::post("/v1/images").raw_disk("new").by(&one),
    ];
    for answer in standing.ask(requests) {
        assert!([200, 201].contains(&answer.status), "{}", answer.status);
    }
    standing.expect_listed(4.0);
    assert_eq!(standing.number("glance_api_registry_shared_total"), 0.0);
    standing.stop();
}

/// Lists until `enough`, and is one of those that the others share answers with.
fn keep_asking(images: &Images<'_>, enough: &AtomicBool) {
    while !enough.load(Ordering::SeqCst) {
        images.send(Request::get(LIST)).expect(200);
    }
}

#[test]
fn what_was_acknowledged_is_in_each_answer_after_it() {
    let measured = Measured::start(Setup::new());
    let images = measured.cloud.newcomer();
    let enough = AtomicBool::new(false);
    thread::scope(|scope| {
        for _ in 0..6 {
            scope.spawn(|| keep_asking(&images, &enough));
        }
        for _ in 0..30 {
            let id = images.reserve("new");
            let listed = images.list("?limit=20");
            assert_eq!(listed.first(), Some(&id));
            images.delete(&id).expect(200);
            assert!(!images.list("?limit=20").contains(&id));
        }
        enough.store(true, Ordering::SeqCst);
    });
    assert!(measured.api().get("glance_api_registry_shared_total") > 0.0);
    measured.cloud.stop();
}
