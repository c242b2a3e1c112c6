//! Images from elsewhere while their source fails: whatever happens, nobody gets wrong bytes as a
//! whole, nothing stays half-done, and no source is asked without end.

use std::collections::BTreeMap;
use std::time::Duration;

use functional::{
    Cloud, Fault, FaultProxy, Images, Request, Response, Setup, Trouble, WebServer, When, patterned,
};

const SIZE: usize = 1_000_003;

/// In every URL: what signs a URL must not be in a log.
const SIGNATURE: &str = "signature-of-nobody-else";

/// Attempts are bounded: five to begin, five to go on, and the size before.
const PATIENCE: usize = 12;

/// How a fault is met, and what must come of it.
struct Case<T> {
    name: &'static str,
    faults: Vec<(When, Fault)>,
    comes: T,
}

/// What a reader gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Read {
    Whole,
    /// A 200 whose body ends too early for everybody to see.
    Cut,
    Refused(u16),
}

fn case<T>(name: &'static str, faults: Vec<(When, Fault)>, comes: T) -> Case<T> {
    Case {
        name,
        faults,
        comes,
    }
}

fn head() -> When {
    When::asked("HEAD", "")
}

fn get() -> When {
    When::asked("GET", "")
}

fn part() -> When {
    get().ranged()
}

fn any() -> When {
    When::asked("*", "")
}

/// A service whose users may name sources here, and a web server with `/image`.
struct Scene {
    server: WebServer,
    cloud: Cloud,
    data: Vec<u8>,
}

impl Scene {
    fn start() -> Self {
        let (server, data) = (WebServer::start(), patterned(SIZE, 1));
        server.put("image", &data);
        let cloud = Setup::new()
            .api_in("glance_store", "external_allow", "127.0.0.1")
            .api_in("glance_store", "external_timeout", "4")
            .api_in("glance_store", "copy_from_parallel", "50")
            .start();
        Self {
            server,
            cloud,
            data,
        }
    }

    /// All cases at once, each with a proxy of its own.
    fn play<T: Sync>(
        &self,
        cases: &[Case<T>],
        tell: impl Fn(&Case<T>, &FaultProxy, &Images<'_>) + Sync,
    ) {
        std::thread::scope(|scope| {
            for case in cases {
                let play = || {
                    let proxy = FaultProxy::before(self.server.address());
                    tell(case, &proxy, &self.cloud.newcomer());
                    let seen = proxy.seen();
                    assert!(seen.len() <= PATIENCE, "{seen:?}");
                };
                let named = std::thread::Builder::new().name(case.name.to_owned());
                named.spawn_scoped(scope, play).unwrap();
            }
        });
    }

    fn end(self) {
        // It answers, and what has nothing to do with sources works.
        let owner = self.cloud.newcomer();
        let id = owner.create("ours", b"data");
        assert_eq!(owner.download(&id).expect(200).body, b"data");
        let url = format!("http://{}/image?{SIGNATURE}", self.server.address());
        let made = owner.send(at(&owner, &url)).expect(201);
        let elsewhere = BTreeMap::from([(self::id(&made), self.data.clone())]);
        self.cloud.check_invariants_beside(20, &elsewhere);
        self.cloud.verify();
        self.cloud
            .logs_tell_nothing_of(&[SIGNATURE, self.server.address()]);
        self.cloud.stop();
    }
}

fn url(proxy: &FaultProxy, path: &str) -> String {
    format!("http://{}/{path}?{SIGNATURE}", proxy.address())
}

fn at(owner: &Images<'_>, url: &str) -> Request {
    let post = owner.new_disk("elsewhere");
    post.header("x-image-meta-location", url)
}

fn copied(owner: &Images<'_>, url: &str) -> Request {
    owner
        .new_disk("copied")
        .header("x-glance-api-copy-from", url)
}

fn id(answer: &Response) -> String {
    let id = answer.json()["image"]["id"].as_str().unwrap().to_owned();
    assert!(!id.is_empty());
    id
}

fn inject(proxy: &FaultProxy, faults: &[(When, Fault)]) {
    for (when, fault) in faults {
        proxy.inject(when.clone(), fault.clone());
    }
}

/// What the reader got, which is right as far as it goes in any case.
fn read(got: &Response, data: &[u8]) -> Read {
    if got.status != 200 {
        return Read::Refused(got.status);
    }
    assert!(data.starts_with(&got.body), "wrong bytes");
    match got.complete {
        true => {
            assert_eq!(got.body.len(), data.len(), "less as if it were all");
            Read::Whole
        }
        false => Read::Cut,
    }
}

#[test]
fn a_source_that_fails_at_its_size_is_an_image_or_nothing() {
    let scene = Scene::start();
    let cases = [
        case("one 500", vec![(any().once(), Fault::internal())], 201),
        case("only 500", vec![(any(), Fault::internal())], 400),
        case("one 503", vec![(any().once(), Fault::unavailable())], 201),
        case("only 503", vec![(any(), Fault::unavailable())], 400),
        case("SlowDown", vec![(head().times(2), Fault::slow_down())], 201),
        case("only SlowDown", vec![(any(), Fault::slow_down())], 400),
        case("stall", vec![(any(), Fault::StallHead)], 400),
        case("reset", vec![(any(), Fault::ResetHead)], 400),
        case(
            "wrong ETag",
            vec![(head(), Fault::Header("ETag", "\"other\"".to_owned()))],
            201,
        ),
        case(
            "gzip",
            vec![(head(), Fault::Header("Content-Encoding", "gzip".to_owned()))],
            400,
        ),
        case(
            "no number",
            vec![(head(), Fault::Header("Content-Length", "many".to_owned()))],
            400,
        ),
    ];
    scene.play(&cases, |case, proxy, owner| {
        inject(proxy, &case.faults);
        let made = owner.send(at(owner, &url(proxy, "image")));
        assert_eq!(made.status, case.comes, "{}", made.text());
        proxy.heal();
        if made.status != 201 {
            assert!(owner.list("").is_empty());
            return;
        }
        assert_eq!(made.json()["image"]["size"], SIZE);
        let got = owner.download(&id(&made));
        assert_eq!(read(&got, &scene.data), Read::Whole);
        // Where it is ends with the proxy; then it must not be read as whole, and can be deleted.
        proxy.refuse();
        assert_eq!(
            read(&owner.download(&id(&made)), &scene.data),
            Read::Refused(503)
        );
        owner.delete(&id(&made)).expect(200);
    });
    let owner = scene.cloud.newcomer();
    let gone = FaultProxy::before(scene.server.address());
    gone.refuse();
    for url in [
        url(&gone, "image"),
        "http://no-such-host.invalid:8080/image".to_owned(),
    ] {
        owner.send(at(&owner, &url)).expect(400);
        owner.send(copied(&owner, &url)).expect(400);
    }
    assert!(owner.list("").is_empty());
    scene.end();
}

#[test]
fn a_reader_gets_the_data_of_a_failing_source_whole_or_cut() {
    let scene = Scene::start();
    let down = Fault::Received;
    let cases = [
        case(
            "two 500",
            vec![(get().times(2), Fault::internal())],
            Read::Whole,
        ),
        case(
            "only 500",
            vec![(get(), Fault::internal())],
            Read::Refused(503),
        ),
        case(
            "one 503",
            vec![(get().once(), Fault::unavailable())],
            Read::Whole,
        ),
        case(
            "only 503",
            vec![(get(), Fault::unavailable())],
            Read::Refused(503),
        ),
        case(
            "SlowDown",
            vec![(get().once(), Fault::slow_down())],
            Read::Whole,
        ),
        case(
            "one stall",
            vec![(get().once(), Fault::StallHead)],
            Read::Whole,
        ),
        case(
            "only stalls",
            vec![(get(), Fault::StallHead)],
            Read::Refused(503),
        ),
        case(
            "one reset",
            vec![(get().once(), Fault::ResetHead)],
            Read::Whole,
        ),
        case(
            "only resets",
            vec![(get(), Fault::ResetHead)],
            Read::Refused(503),
        ),
        case(
            "one stall within",
            vec![(get().once(), down(Trouble::Stall(300_000)))],
            Read::Whole,
        ),
        case(
            "only stalls within",
            vec![(get(), down(Trouble::Stall(1000)))],
            Read::Cut,
        ),
        case(
            "one reset within",
            vec![(get().once(), down(Trouble::Reset(300_000)))],
            Read::Whole,
        ),
        case(
            "only resets within",
            vec![(get(), down(Trouble::Reset(1000)))],
            Read::Cut,
        ),
        case(
            "one truncation",
            vec![(get().once(), down(Trouble::Cut(300_000)))],
            Read::Whole,
        ),
        case(
            "only truncations",
            vec![(get(), down(Trouble::Cut(1000)))],
            Read::Cut,
        ),
        case(
            "another ETag afterwards",
            vec![
                (get().once(), down(Trouble::Cut(300_000))),
                (get(), Fault::Header("ETag", "\"other\"".to_owned())),
            ],
            Read::Cut,
        ),
        case(
            "another ETag from the beginning",
            vec![(get(), Fault::Header("ETag", "\"other\"".to_owned()))],
            Read::Whole,
        ),
        case(
            "shorter",
            vec![(get(), down(Trouble::Shorter(1)))],
            Read::Refused(404),
        ),
        case(
            "longer",
            vec![(get(), down(Trouble::Longer(1)))],
            Read::Refused(404),
        ),
        case(
            "bytes after the end",
            vec![(get(), down(Trouble::Trailing(100)))],
            Read::Whole,
        ),
        case(
            "slow drip",
            vec![(
                get(),
                down(Trouble::Drip(20_000, Duration::from_millis(30))),
            )],
            Read::Whole,
        ),
    ];
    scene.play(&cases, |case, proxy, owner| {
        let made = owner.send(at(owner, &url(proxy, "image"))).expect(201);
        inject(proxy, &case.faults);
        let got = owner.download(&id(&made));
        assert_eq!(read(&got, &scene.data), case.comes);
        proxy.heal();
        let got = owner.download(&id(&made));
        assert_eq!(read(&got, &scene.data), Read::Whole);
        // Nobody knows the source but its proxy, which ends now.
        owner.delete(&id(&made)).expect(200);
    });
    scene.end();
}

#[test]
fn a_reader_of_a_part_gets_it_whole_or_cut() {
    let scene = Scene::start();
    let down = Fault::Received;
    let cases = [
        case(
            "one 503",
            vec![(part().once(), Fault::unavailable())],
            Read::Whole,
        ),
        case(
            "only 500",
            vec![(part(), Fault::internal())],
            Read::Refused(503),
        ),
        case(
            "only resets",
            vec![(part(), Fault::ResetHead)],
            Read::Refused(503),
        ),
        case(
            "one reset within",
            vec![(part().once(), down(Trouble::Reset(100_000)))],
            Read::Whole,
        ),
        case(
            "only truncations",
            vec![(part(), down(Trouble::Cut(1000)))],
            Read::Cut,
        ),
        case(
            "stall within",
            vec![(part().once(), down(Trouble::Stall(100_000)))],
            Read::Whole,
        ),
        // A part as long as another one than was asked for.
        case(
            "shorter",
            vec![(part(), down(Trouble::Shorter(1)))],
            Read::Refused(503),
        ),
        case(
            "another place",
            vec![(
                get(),
                Fault::Header("Content-Range", "bytes 1-500001/1000003".to_owned()),
            )],
            Read::Refused(503),
        ),
    ];
    scene.play(&cases, |case, proxy, owner| {
        let made = owner.send(at(owner, &url(proxy, "image"))).expect(201);
        inject(proxy, &case.faults);
        let part = Request::get(format!("/v1/images/{}", id(&made)));
        let mut got = owner.send(part.header("Range", "bytes=200000-699999"));
        if got.status == 206 {
            got.status = 200;
        }
        let part = &scene.data[200_000..700_000];
        assert_eq!(read(&got, part), case.comes);
        proxy.heal();
        owner.delete(&id(&made)).expect(200);
    });
    scene.end();
}

#[test]
fn data_of_unknown_length_is_whole_or_cut() {
    let scene = Scene::start();
    let down = Fault::Received;
    let cases = [
        case("nothing", vec![], Read::Whole),
        case(
            "shorter",
            vec![(get(), down(Trouble::Shorter(1)))],
            Read::Cut,
        ),
        case("longer", vec![(get(), down(Trouble::Longer(1)))], Read::Cut),
        case(
            "reset",
            vec![(get(), down(Trouble::Reset(1000)))],
            Read::Cut,
        ),
        case(
            "no last chunk",
            vec![(get(), down(Trouble::Cut(1000)))],
            Read::Cut,
        ),
        case(
            "stall",
            vec![(get(), down(Trouble::Stall(1000)))],
            Read::Cut,
        ),
    ];
    scene.play(&cases, |case, proxy, owner| {
        let post = at(owner, &url(proxy, "unsized/image"));
        let made = owner.send(post.header("x-image-meta-size", SIZE.to_string()));
        let made = made.expect(201);
        inject(proxy, &case.faults);
        let get = Request::get(format!("/v1/images/{}", id(&made))).by(&owner.caller);
        // Little data may be cut before its head has left.
        let got = scene.cloud.try_send(get);
        let read = got.map_or(Read::Cut, |got| read(&got, &scene.data));
        assert_eq!(read, case.comes);
        proxy.heal();
        owner.delete(&id(&made)).expect(200);
    });
    scene.end();
}

#[test]
fn a_copy_from_a_failing_source_is_whole_or_killed() {
    let scene = Scene::start();
    let down = Fault::Received;
    let cases = [
        case(
            "two 500",
            vec![(get().times(2), Fault::internal())],
            "active",
        ),
        case("only 500", vec![(get(), Fault::internal())], "killed"),
        case(
            "one 503",
            vec![(any().once(), Fault::unavailable())],
            "active",
        ),
        case("only 503", vec![(get(), Fault::unavailable())], "killed"),
        case(
            "one stall",
            vec![(get().once(), Fault::StallHead)],
            "active",
        ),
        case("only stalls", vec![(get(), Fault::StallHead)], "killed"),
        case(
            "one reset",
            vec![(get().once(), Fault::ResetHead)],
            "active",
        ),
        case("only resets", vec![(get(), Fault::ResetHead)], "killed"),
        case(
            "stalls within",
            vec![(get().times(2), down(Trouble::Stall(300_000)))],
            "active",
        ),
        case(
            "only stalls within",
            vec![(get(), down(Trouble::Stall(1000)))],
            "killed",
        ),
        case(
            "resets within",
            vec![(get().times(2), down(Trouble::Reset(300_000)))],
            "active",
        ),
        case(
            "only resets within",
            vec![(get(), down(Trouble::Reset(1000)))],
            "killed",
        ),
        case(
            "truncations",
            vec![(get().times(2), down(Trouble::Cut(300_000)))],
            "active",
        ),
        case(
            "only truncations",
            vec![(get(), down(Trouble::Cut(1000)))],
            "killed",
        ),
        case(
            "another ETag afterwards",
            vec![
                (get().once(), down(Trouble::Cut(300_000))),
                (get(), Fault::Header("ETag", "\"other\"".to_owned())),
            ],
            "killed",
        ),
        case(
            "a size that is none",
            vec![(head(), down(Trouble::Longer(5)))],
            "killed",
        ),
        case(
            "shorter",
            vec![(get(), down(Trouble::Shorter(1)))],
            "killed",
        ),
        case("longer", vec![(get(), down(Trouble::Longer(1)))], "killed"),
        case(
            "bytes after the end",
            vec![(get(), down(Trouble::Trailing(100)))],
            "active",
        ),
        case(
            "slow drip",
            vec![(
                get(),
                down(Trouble::Drip(20_000, Duration::from_millis(30))),
            )],
            "active",
        ),
    ];
    scene.play(&cases, |case, proxy, owner| {
        inject(proxy, &case.faults);
        let made = owner.send(copied(owner, &url(proxy, "image"))).expect(201);
        owner.becomes(&id(&made), case.comes, 30);
        if case.comes == "active" {
            let got = owner.download(&id(&made));
            assert_eq!(read(&got, &scene.data), Read::Whole);
        } else {
            owner.download(&id(&made)).expect(404);
        }
    });
    scene.end();
}

#[test]
fn a_copy_that_is_not_what_its_checksum_says_is_killed() {
    let scene = Scene::start();
    let cases = [
        case(
            "flipped",
            vec![(get(), Fault::Received(Trouble::Flip(500_000)))],
            "killed",
        ),
        case("right", vec![], "active"),
    ];
    scene.play(&cases, |case, proxy, owner| {
        inject(proxy, &case.faults);
        let sum = functional::md5_hex(&scene.data);
        let post = copied(owner, &url(proxy, "image")).header("x-image-meta-checksum", sum);
        let made = owner.send(post).expect(201);
        owner.becomes(&id(&made), case.comes, 20);
    });
    scene.end();
}

#[test]
fn data_elsewhere_that_is_not_what_its_checksum_says_is_cut() {
    let scene = Scene::start();
    let flip = |at| vec![(get(), Fault::Received(Trouble::Flip(at)))];
    let cases = [
        case("at the beginning", flip(0), Read::Cut),
        case("at the end", flip(SIZE as u64 - 1), Read::Cut),
        case("nowhere", vec![], Read::Whole),
    ];
    scene.play(&cases, |case, proxy, owner| {
        let sum = functional::md5_hex(&scene.data);
        let post = at(owner, &url(proxy, "image")).header("x-image-meta-checksum", sum);
        let made = owner.send(post).expect(201);
        inject(proxy, &case.faults);
        let got = owner.download(&id(&made)).expect(200);
        assert_eq!(got.complete, case.comes == Read::Whole);
        owner.delete(&id(&made)).expect(200);
    });
    scene.end();
}

#[test]
fn what_cannot_be_looked_at_is_not_called_gone() {
    let scene = Scene::start();
    let proxy = FaultProxy::before(scene.server.address());
    let owner = scene.cloud.newcomer();
    let made = owner.send(at(&owner, &url(&proxy, "image"))).expect(201);
    scene.cloud.verify();
    for (fault, told) in [
        (Fault::unavailable(), "cannot be looked at"),
        (Fault::internal(), "cannot be looked at"),
        (Fault::StallHead, "cannot be looked at"),
        (Fault::ResetHead, "cannot be looked at"),
        (
            Fault::Received(Trouble::Longer(1)),
            "bytes are stored instead of",
        ),
        (Fault::plain("404 Not Found"), "is gone"),
    ] {
        proxy.inject(any(), fault.clone());
        let found = scene.cloud.inspect("verify");
        assert_eq!(found.status, Some(1), "{fault:?}");
        assert!(found.says(&[&id(&made), told]), "{fault:?}: {found:#?}");
        assert!(!found.says(&[SIGNATURE]), "{found:#?}");
        proxy.heal();
    }
    scene.cloud.verify();
    owner.delete(&id(&made)).expect(200);
    scene.end();
}

#[test]
fn a_source_that_dies_and_comes_back_is_read_on() {
    let scene = Scene::start();
    let slowly = Fault::Received(Trouble::Drip(50_000, Duration::from_millis(50)));
    let cases = [
        case("comes back", vec![], true),
        case("stays away", vec![], false),
    ];
    scene.play(&cases, |case, proxy, owner| {
        let made = owner.send(at(owner, &url(proxy, "image"))).expect(201);
        proxy.inject(get(), slowly.clone());
        let mut reader = scene.cloud.connect();
        let request = Request::get(format!("/v1/images/{}", id(&made)));
        reader.send_head(&request.by(&owner.caller)).unwrap();
        std::thread::sleep(Duration::from_millis(200));
        proxy.refuse();
        if case.comes {
            proxy.accept();
        }
        let got = reader.response(false).unwrap();
        let expected = if case.comes { Read::Whole } else { Read::Cut };
        assert_eq!(read(&got, &scene.data), expected);
        proxy.accept();
        proxy.heal();
        if case.comes {
            owner.delete(&id(&made)).expect(200);
            return;
        }
        // Nothing is asked of a source when its image goes, so it need not be there either.
        proxy.refuse();
        proxy.forget();
        owner.delete(&id(&made)).expect(200);
        assert!(proxy.seen().is_empty());
    });
    scene.end();
}
