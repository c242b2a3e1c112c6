//! What the cloud lives through, and what must be true at the end.

use std::time::Duration;

use functional::{
    Connection, Identity, Request, Response, Service, Signal, eventually, md5_hex, patterned,
};

use crate::fleet::{Fleet, LEASE};
use crate::load::{Load, Promises};
use crate::nginx::Nginx;

const CLIENTS: usize = 4;
const HALF: usize = 400_000;

#[test]
fn no_promise_is_broken_by_daemons_that_die_stand_still_and_are_restarted() {
    let swift = Service::start("swift", &[]);
    let mut fleet = Fleet::start(&swift);
    let mut nginx = Nginx::before(&fleet.home.path(""), &fleet.api_addresses());
    let load = Load::on(nginx.address());
    std::thread::scope(|scope| {
        for _ in 0..CLIENTS {
            scope.spawn(|| load.work());
        }
        let (fleet, nginx) = (&mut fleet, &mut nginx);
        let told = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            some_answers(&load);
            daemons_die(fleet, &load);
            an_api_stands_still(fleet, nginx);
            a_registry_stands_still(fleet, &load);
            nginx.be_patient();
            everything_is_restarted(fleet, nginx, &load);
        }));
        // Whatever happened, the clients have to end.
        load.end();
        if let Err(panic) = told {
            std::panic::resume_unwind(panic);
        }
    });
    let promises = load.into_promises();
    println!(
        "{} answers, {} broken connections, {} images kept",
        promises.answered,
        promises.broken,
        promises.kept.len()
    );
    is_at_rest(&nginx);
    are_kept(&promises, &fleet, &nginx);
    let conf = fleet.home.path("glance-api-0.conf");
    std::fs::copy(conf, fleet.home.path("glance-api.conf")).unwrap();
    eventually("registry and store agree", 30, || {
        fleet.home.inspect("verify --checksums").status == Some(0)
    });
    fleet.home.verify();
    drop(nginx);
    fleet.stop();
}

/// Waits until the load has gone on for a while, so that there is something to lose.
fn some_answers(load: &Load) {
    let before = load.answered();
    eventually("requests are answered", 30, || {
        load.answered() >= before + 20
    });
}

fn daemons_die(fleet: &mut Fleet, load: &Load) {
    for number in 0..fleet.apis.len() {
        fleet.apis[number].kill_and_restart();
        some_answers(load);
    }
    for number in 0..fleet.registries.len() {
        fleet.registries[number].kill_and_restart();
        some_answers(load);
    }
}

/// A daemon is stopped in the middle of an upload, another one takes the image over, and when the first
/// goes on it cannot make the image active.
fn an_api_stands_still(fleet: &mut Fleet, nginx: &Nginx) {
    let caller = Identity::member();
    let mut upload = Connection::open(&fleet.apis[0].address()).unwrap();
    let post = Request::post("/v1/images")
        .raw_disk("stands still")
        .by(&caller)
        .header("Content-Type", "application/octet-stream")
        .header("Content-Length", (2 * HALF).to_string());
    upload.send_head(&post).unwrap();
    upload.write(&patterned(HALF, 1)).unwrap();
    let ask = |query: &str| ids(nginx, &caller, query);
    eventually("the upload has begun", 20, || {
        ask("?status=saving").len() == 1
    });
    fleet.apis[0].signal(Signal::STOP);
    std::thread::sleep(Duration::from_secs(LEASE));
    eventually("another one takes it over", 4 * LEASE, || {
        ask("?status=saving").is_empty()
    });
    fleet.apis[0].signal(Signal::CONT);
    let _ = upload.write(&patterned(HALF, 2));
    if let Ok(answer) = upload.response(false) {
        assert_eq!(answer.status, 503, "{answer:?}");
    }
    assert!(ask("?status=active").is_empty(), "it was taken over");
}

fn a_registry_stands_still(fleet: &mut Fleet, load: &Load) {
    fleet.registries[0].signal(Signal::STOP);
    some_answers(load);
    std::thread::sleep(Duration::from_secs(LEASE));
    fleet.registries[0].signal(Signal::CONT);
    some_answers(load);
}

/// As `docs/OPERATIONS.md` says, and without a single failed request.
fn everything_is_restarted(fleet: &mut Fleet, nginx: &Nginx, load: &Load) {
    load.be_strict(true);
    for registry in &mut fleet.registries {
        registry.stop_and_restart();
        some_answers(load);
    }
    for (number, api) in fleet.apis.iter_mut().enumerate() {
        nginx.leave_out(Some(number));
        api.stop_and_restart();
        nginx.leave_out(None);
        some_answers(load);
    }
    load.be_strict(false);
}

/// Nothing is on its way any more, neither up nor out.
fn is_at_rest(nginx: &Nginx) {
    let admin = Identity::admin();
    eventually("no image is stuck", 6 * LEASE, || {
        ["saving", "pending_delete"].iter().all(|status| {
            ids(nginx, &admin, &format!("?is_public=None&status={status}")).is_empty()
        })
    });
}

fn are_kept(promises: &Promises, fleet: &Fleet, nginx: &Nginx) {
    assert!(promises.kept.len() > 20, "{promises:?}");
    let mut through = fleet.api_addresses();
    through.push(nginx.address());
    for (number, (id, owner, checksum)) in promises.kept.iter().enumerate() {
        let get = Request::get(format!("/v1/images/{id}")).by(owner);
        let answer = ask(&through[number % through.len()], &get).expect(200);
        assert_eq!(md5_hex(&answer.body), *checksum, "{id}");
    }
    for (id, owner) in &promises.deleted {
        let head = Request::head(format!("/v1/images/{id}")).by(owner);
        ask(&nginx.address(), &head).expect(404);
    }
}

fn ask(address: &str, request: &Request) -> Response {
    let answer = Connection::open(address).and_then(|mut connection| connection.exchange(request));
    answer.unwrap_or_else(|error| panic!("{address}: {error}"))
}

/// The ids that a list has; while a daemon stands still its turn may pass without an answer.
fn ids(nginx: &Nginx, caller: &Identity, query: &str) -> Vec<String> {
    let get = Request::get(format!("/v1/images{query}")).by(caller);
    for _ in 0..100 {
        let answer = ask(&nginx.address(), &get);
        if answer.status == 200 {
            return answer.ids();
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    panic!("no list of {query}");
}
