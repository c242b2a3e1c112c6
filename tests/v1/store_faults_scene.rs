//! Tables of faults between glance-api and a real store, and what must come of each.

use std::collections::{BTreeMap, BTreeSet};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use functional::{
    Cloud, Fault, FaultProxy, Images, Request, Service, Setup, Trouble, When, eventually, md5_hex,
    patterned, within,
};

/// A request to the service, and what happens meanwhile between it and its store.
pub(crate) struct Case {
    pub(crate) name: &'static str,
    pub(crate) does: Does,
    pub(crate) faults: Vec<(When, Fault)>,
    pub(crate) comes: Comes,
}

/// What is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Does {
    /// A new image with data.
    Upload(Size),
    /// All the data of an image.
    Download(Size),
    /// A part of it, which lies in the middle.
    Part(Size),
    /// An image goes.
    Delete(Size),
    /// The registry is compared with the store (`glance-manage verify`), which asks for the size of
    /// every image and for a list.
    Look,
}

/// How large the image is, for its store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Size {
    /// One object.
    Small,
    /// Several parts.
    Large,
    /// As large, but nobody knows it while it comes.
    Unsized,
}

/// What must come of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Comes {
    /// What was asked for; of a download every byte.
    Done,
    /// 200 or 206, and a body that everybody sees to be cut.
    Cut,
    /// One of both, by what arrives first: an answer, or the end of its connection.
    DoneOrRefused(u16),
    /// This status. An upload leaves a killed image, and nothing in the store.
    Refused(u16),
    /// The image is gone for everybody, its data when the store is well again.
    DoneLater,
    /// Something is wrong, but nothing is called gone or nobody's.
    Wrong,
}

/// The number of the place that is used by nobody who plays cases.
pub(crate) const LOST: usize = 99;

/// What a kind of store is, for its table.
pub(crate) struct Kind {
    /// Bytes of a large image: several parts, the last one short.
    pub(crate) large: usize,
    /// The options for a store behind this address, in a place that has this number.
    pub(crate) configured: fn(Setup, &str, usize) -> Setup,
    /// What must not be in a log.
    pub(crate) secrets: &'static [&'static str],
    /// Requests of one call, at the most.
    pub(crate) patience: usize,
    /// In the names of what the server itself removes some time after a deletion.
    pub(crate) lingering: &'static str,
}

/// In no name.
pub(crate) const NOTHING: &str = "//";

/// Never silent, and never at an end: whoever waits for it must not wait for silence only.
pub(crate) const DRIP: Trouble = Trouble::Drip(1, Duration::from_millis(100));

/// A service of its own with a store behind a proxy of its own.
struct Lane<'a> {
    kind: &'a Kind,
    cloud: Cloud,
    proxy: FaultProxy,
    number: usize,
    held: &'a (dyn Fn(usize) -> BTreeMap<String, u64> + Sync),
    kept: BTreeMap<String, Vec<u8>>,
    /// Images that were deleted when nothing was wrong.
    deleted: BTreeSet<String>,
}

/// One Swift for all tables, without Keystone.
pub(crate) fn swift() -> &'static Service {
    static SWIFT: OnceLock<Service> = OnceLock::new();
    SWIFT.get_or_init(|| Service::start("swift", &[("SWIFT_KEYSTONE", "no")]))
}

/// Plays all cases, as many at a time as there are `servers`, each at one of them. `held` lists what
/// the place with a number has, whatever it is, by names that have an image's id in them.
pub(crate) fn play(
    kind: &Kind,
    servers: &[String],
    cases: &[Case],
    held: &(dyn Fn(usize) -> BTreeMap<String, u64> + Sync),
) {
    // A deletion that was interrupted is taken up after a minute, in which others have their turn.
    let mut cases: Vec<&Case> = cases.iter().collect();
    cases.sort_by_key(|case| match case.does {
        Does::Look => 0,
        Does::Delete(_) => 1,
        _ => 2,
    });
    let (next, cases) = (AtomicUsize::new(0), &cases);
    std::thread::scope(|scope| {
        for (number, server) in servers.iter().enumerate() {
            let next = &next;
            let lane = move || {
                let mut lane = Lane::start(kind, server, number, held);
                let mut failed = Vec::new();
                while let Some(case) = cases.get(next.fetch_add(1, Ordering::SeqCst)) {
                    let begun = Instant::now();
                    let played = catch_unwind(AssertUnwindSafe(|| lane.play(case)));
                    if played.is_err() {
                        let (does, name, took) = (case.does, case.name, begun.elapsed());
                        println!("of {does:?}, {name}, after {took:?}");
                        failed.push(format!("{does:?}, {name}"));
                        lane.proxy.heal();
                    }
                }
                assert!(failed.is_empty(), "{failed:#?}");
                lane.end();
            };
            let named = std::thread::Builder::new().name(format!("lane {number}"));
            named.spawn_scoped(scope, lane).unwrap();
        }
    });
}

/// A store that cannot be reached: nothing else suffers, and nothing is left when it is back.
pub(crate) fn lose(kind: &Kind, server: &str, held: &dyn Fn() -> BTreeMap<String, u64>) {
    let proxy = FaultProxy::before(server);
    let setup =
        Setup::new()
            .both("service", "lease_seconds", "10")
            .api_in("service", "sweep_after", "2");
    let cloud = (kind.configured)(setup, &proxy.address(), LOST).start();
    let (owner, data) = (cloud.administrator(), patterned(kind.large, 99));
    let kept = owner.create("kept", &data);

    // It dies in the middle of an upload, so that nothing can be cleaned up.
    let mut uploader = cloud.connect();
    let post = Request::post("/v1/images")
        .raw_disk("half")
        .by(&owner.caller);
    let post = post.chunked(data.clone(), 100_000);
    let body = post.body_bytes();
    uploader.send_head(&post).unwrap();
    uploader.write(&body[..body.len() / 3 * 2]).unwrap();
    eventually("the upload is under way", 10, || {
        owner.list("?status=saving").len() == 1
    });
    std::thread::sleep(Duration::from_millis(500));
    proxy.refuse();
    // It may be refused before it is whole.
    let _ = uploader.write(&body[body.len() / 3 * 2..]);
    let answer = uploader.response(false).unwrap().expect(503);
    assert!(answer.header("Retry-After").is_some());
    assert_eq!(killed(&owner).len(), 1);

    for size in [300_007, kind.large] {
        let begun = Instant::now();
        let post = owner.new_disk("refused").data(patterned(size, 98));
        owner.send(post).expect(503);
        assert!(begun.elapsed() < Duration::from_secs(60));
    }
    let refused = owner.download(&kept).expect(503);
    assert!(refused.header("Retry-After").is_some());
    let part = Request::get(format!("/v1/images/{kept}")).header("Range", "bytes=0-9");
    owner.send(part).expect(503);
    let beside = owner
        .new_disk("beside")
        .header("x-image-meta-store", "file");
    let beside = owner.send(beside.data("12345")).expect(201);
    let beside = beside.json()["image"]["id"].as_str().unwrap().to_owned();
    assert_eq!(owner.download(&beside).expect(200).body, b"12345");
    let found = cloud.inspect("verify");
    assert_ne!(found.status, Some(0), "{found:#?}");
    assert!(!found.says(&["is gone"]), "{found:#?}");

    proxy.accept();
    eventually("the store is back", 10, || {
        let got = owner.download(&kept);
        got.status == 200 && got.body == data
    });
    eventually("nothing is left of what failed", 30, || {
        held().keys().all(|name| name.contains(&kept))
    });
    let of_kept = BTreeMap::from([(kept.clone(), data)]);
    cloud.check_invariants_beside(20, &of_kept);
    cloud.verify();
    owner.delete(&kept).expect(200);
    let mut rest = held().into_keys();
    let rest = rest.find(|name| !name.contains(kind.lingering));
    assert_eq!(rest, None, "left behind");
    cloud.logs_tell_nothing_of(kind.secrets);
    cloud.stop();
}

/// A store whose name means nothing.
pub(crate) fn misname(kind: &Kind) {
    let cloud = (kind.configured)(Setup::new(), "no-such-host.invalid:8080", LOST).start();
    let owner = cloud.administrator();
    for size in [300_007, kind.large] {
        owner
            .send(owner.new_disk("lost").data(patterned(size, 97)))
            .expect(503);
    }
    assert_eq!(killed(&owner).len(), 2);
    let found = cloud.inspect("store-check");
    assert_eq!(found.status, Some(1), "{found:#?}");
    cloud.logs_tell_nothing_of(kind.secrets);
    cloud.check_invariants(10);
    cloud.stop();
}

/// The caller's images that were given up; Glance does not list them with the others.
fn killed(owner: &Images<'_>) -> Vec<String> {
    let path = "/v1/images/detail?changes-since=1970-01-01T00:00:00Z";
    let list = owner.send(Request::get(path)).expect(200).json();
    let images = list["images"].as_array().unwrap().iter();
    let killed = images.filter(|image| image["status"] == "killed");
    killed
        .map(|image| image["id"].as_str().unwrap().to_owned())
        .collect()
}

impl<'a> Lane<'a> {
    fn start(
        kind: &'a Kind,
        server: &str,
        number: usize,
        held: &'a (dyn Fn(usize) -> BTreeMap<String, u64> + Sync),
    ) -> Self {
        let proxy = FaultProxy::before(server);
        // Longer than anything else may take to be gone.
        let setup = Setup::new().both("service", "lease_seconds", "10").api_in(
            "service",
            "sweep_after",
            "45",
        );
        let cloud = (kind.configured)(setup, &proxy.address(), number).start();
        let mut lane = Self {
            kind,
            cloud,
            proxy,
            number,
            held,
            kept: BTreeMap::new(),
            deleted: BTreeSet::new(),
        };
        // Containers and tokens are made at the first use, which is no part of any case.
        let (id, data) = lane.upload_well(Size::Small);
        lane.kept.insert(id, data);
        lane
    }

    fn play(&mut self, case: &Case) {
        self.wakes();
        match case.does {
            Does::Upload(size) => self.upload(case, size),
            Does::Download(size) => self.download(case, size, None),
            Does::Part(size) => self.download(case, size, Some(self.kind.large as u64)),
            Does::Delete(size) => self.delete(case, size),
            Does::Look => self.look(case),
        }
    }

    /// After several failures a store is left alone for a moment, which is no part of any case.
    fn wakes(&self) {
        let (id, data) = self.kept.first_key_value().unwrap();
        let owner = self.cloud.administrator();
        eventually("the store is well", 10, || owner.download(id).body == *data);
    }

    fn bytes(&self, size: Size) -> Vec<u8> {
        static SEED: AtomicUsize = AtomicUsize::new(1);
        let seed = SEED.fetch_add(1, Ordering::SeqCst);
        let length = match size {
            Size::Small => 300_007,
            Size::Large | Size::Unsized => self.kind.large,
        };
        patterned(length, u32::try_from(seed).unwrap())
    }

    fn post(&self, owner: &Images<'_>, size: Size, data: &[u8]) -> Request {
        let post = owner.new_disk("disk");
        match size {
            Size::Unsized => post.chunked(data, 100_000),
            Size::Small | Size::Large => post.data(data),
        }
    }

    /// An upload that is no part of any case. The server has more to do than this lane's: it may be
    /// slower for a moment than a store is allowed to be.
    fn upload_well(&self, size: Size) -> (String, Vec<u8>) {
        let (owner, data) = (self.cloud.administrator(), self.bytes(size));
        let made = || {
            let made = owner.send(self.post(&owner, size, &data));
            if made.status == 503 {
                println!("an upload is repeated: {}", made.text());
                return None;
            }
            Some(made.expect(201))
        };
        let made = within(Duration::from_secs(10), made).expect("the store takes no upload");
        let image = &made.json()["image"];
        assert_eq!(image["checksum"], md5_hex(&data));
        (image["id"].as_str().unwrap().to_owned(), data)
    }

    /// Does something while faults are there.
    fn troubled<T>(&self, case: &Case, does: impl FnOnce() -> T) -> T {
        self.proxy.forget();
        for (when, fault) in &case.faults {
            self.proxy.inject(when.clone(), fault.clone());
        }
        let outcome = does();
        self.proxy.heal();
        let seen = self.proxy.seen();
        assert!(
            seen.len() <= self.kind.patience,
            "{}: {} requests: {seen:#?}",
            case.name,
            seen.len()
        );
        let faulted = seen.iter().any(|seen| seen.faulted) || case.faults.is_empty();
        assert!(faulted, "{}: nothing was faulted: {seen:#?}", case.name);
        outcome
    }

    fn upload(&mut self, case: &Case, size: Size) {
        let (owner, data) = (self.cloud.newcomer(), self.bytes(size));
        let made = self.troubled(case, || owner.send(self.post(&owner, size, &data)));
        let ids = owner.list("?status=active");
        let comes = match case.comes {
            Comes::DoneOrRefused(_) if made.status == 201 => Comes::Done,
            Comes::DoneOrRefused(status) => Comes::Refused(status),
            comes => comes,
        };
        match comes {
            Comes::Done => {
                assert_eq!(made.status, 201, "{}: {}", case.name, made.text());
                let id = made.json()["image"]["id"].as_str().unwrap().to_owned();
                let got = owner.download(&id).expect(200);
                assert!(got.complete && got.body == data, "{}", case.name);
                self.kept.insert(id, data);
            }
            Comes::Refused(status) => {
                assert_eq!(made.status, status, "{}: {}", case.name, made.text());
                assert!(ids.is_empty(), "{}", case.name);
                let killed = killed(&owner);
                assert_eq!(killed.len(), 1, "{}", case.name);
                self.is_gone(case, &killed[0]);
            }
            other => panic!("{}: an upload is never {other:?}", case.name),
        }
    }

    fn download(&mut self, case: &Case, size: Size, part_of: Option<u64>) {
        let (id, data) = self.upload_well(size);
        let owner = self.cloud.administrator();
        let mut get = Request::get(format!("/v1/images/{id}"));
        let mut expected = &data[..];
        if part_of.is_some() {
            let (first, end) = (data.len() / 10, data.len() / 10 * 9);
            get = get.header("Range", format!("bytes={first}-{}", end - 1));
            expected = &data[first..end];
        }
        let got = self.troubled(case, || self.cloud.try_send(get.by(&owner.caller)));
        let name = case.name;
        let comes = match &got {
            // Of a small image there may be nothing to send before it is known to be wrong.
            Err(_) => Comes::Cut,
            Ok(got) if !matches!(got.status, 200 | 206) => Comes::Refused(got.status),
            Ok(got) if got.complete => {
                assert!(got.body == expected, "{name}: wrong bytes as a whole");
                Comes::Done
            }
            Ok(got) => {
                assert!(
                    got.body.len() < expected.len(),
                    "{name}: all of it, and cut"
                );
                Comes::Cut
            }
        };
        assert_eq!(comes, case.comes, "{name}");
        // It was the way that failed, nothing else.
        self.wakes();
        let got = owner.download(&id).expect(200);
        assert!(got.complete && got.body == data, "{name}");
        owner.delete(&id).expect(200);
        self.deleted.insert(id.clone());
        self.is_gone(case, &id);
    }

    fn delete(&mut self, case: &Case, size: Size) {
        let (id, _) = self.upload_well(size);
        let owner = self.cloud.administrator();
        let gone = self.troubled(case, || owner.delete(&id));
        assert_eq!(gone.status, 200, "{}: {}", case.name, gone.text());
        owner.download(&id).expect(404);
        self.deleted.insert(id.clone());
        match case.comes {
            Comes::Done => self.is_gone(case, &id),
            Comes::DoneLater => (),
            other => panic!("{}: a deletion is never {other:?}", case.name),
        }
    }

    fn look(&self, case: &Case) {
        let found = self.troubled(case, || self.cloud.inspect("verify"));
        let comes = match found.status {
            Some(0) => Comes::Done,
            _ => Comes::Wrong,
        };
        assert_eq!(comes, case.comes, "{}: {found:#?}", case.name);
        for lie in ["is gone", "belong to no image", "unfinished"] {
            assert!(!found.says(&[lie]), "{}: {found:#?}", case.name);
        }
    }

    /// What the store has, but for what it will remove itself.
    fn held(&self) -> Vec<String> {
        let held = (self.held)(self.number).into_keys();
        let lingers = |name: &String| {
            let is_deleted = self.deleted.iter().any(|id| name.contains(id));
            is_deleted && name.contains(self.kind.lingering)
        };
        held.filter(|name| !lingers(name)).collect()
    }

    /// Nothing of the image is in the store, or soon will not be.
    fn is_gone(&self, case: &Case, id: &str) {
        let rest = || {
            let mut held = self.held();
            held.retain(|name| name.contains(id));
            held
        };
        let gone = within(Duration::from_secs(10), || rest().is_empty().then_some(()));
        assert!(gone.is_some(), "{}: left behind: {:?}", case.name, rest());
    }

    fn end(mut self) {
        let left = || {
            let is_kept = |name: &String| self.kept.keys().any(|id| name.contains(id));
            let mut held = self.held();
            held.retain(|name| !is_kept(name));
            held
        };
        // An interrupted deletion is taken up after a minute.
        let clean = within(Duration::from_secs(100), || left().is_empty().then_some(()));
        assert!(clean.is_some(), "left behind: {:#?}", left());
        self.cloud.check_invariants_beside(20, &self.kept);
        // An upload that the server began so late that it was begun again is left to the sweep.
        eventually("the sweep leaves nothing", 30, || {
            self.cloud.inspect("verify").status == Some(0)
        });
        self.cloud.verify();
        self.cloud.logs_tell_nothing_of(self.kind.secrets);
        let owner = self.cloud.administrator();
        for id in self.kept.keys() {
            owner.delete(id).expect(200);
            self.deleted.insert(id.clone());
        }
        let rest = self.held();
        assert!(rest.is_empty(), "left behind: {rest:?}");
        self.cloud.stop();
    }
}
