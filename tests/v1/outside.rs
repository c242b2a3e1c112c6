//! Images from elsewhere: by reference, or copied in the background; and no way in through a URL.

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use functional::{Cloud, Images, Request, Response, Setup, eventually, md5_hex, patterned};

/// A web server whose requests a story answers: what it is given is the number of the request and
/// its head, what it gives is the answer down to its bytes. Then it hangs up.
struct Source {
    address: String,
    requests: Arc<Mutex<Vec<String>>>,
}

impl Source {
    fn start(answer: impl Fn(usize, &str) -> Vec<u8> + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let requests: Arc<Mutex<Vec<String>>> = Arc::default();
        let (seen, answer, count) = (requests.clone(), Arc::new(answer), AtomicUsize::new(0));
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let (seen, answer) = (seen.clone(), answer.clone());
                let number = count.fetch_add(1, Ordering::SeqCst);
                std::thread::spawn(move || {
                    let Some(head) = read_head(&stream) else {
                        return;
                    };
                    seen.lock()
                        .unwrap()
                        .push(head.lines().next().unwrap().to_owned());
                    let _ = (&stream).write_all(&answer(number, &head));
                });
            }
        });
        Self { address, requests }
    }

    /// One that serves `data` under every path.
    fn of(data: Vec<u8>) -> Self {
        Self::start(move |_, head| serve(&data, head))
    }

    fn url(&self) -> String {
        format!("http://{}/image", self.address)
    }

    fn requests(&self) -> Vec<String> {
        self.requests.lock().unwrap().clone()
    }
}

fn read_head(stream: &TcpStream) -> Option<String> {
    let mut head = String::new();
    let mut lines = BufReader::new(stream);
    while !head.ends_with("\r\n\r\n") {
        if lines.read_line(&mut head).ok()? == 0 {
            return None;
        }
    }
    Some(head)
}

fn header<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    head.lines().find_map(|line| {
        let (found, value) = line.split_once(':')?;
        found.eq_ignore_ascii_case(name).then(|| value.trim())
    })
}

/// What a good server answers for `data`.
fn serve(data: &[u8], head: &str) -> Vec<u8> {
    let range = header(head, "range").and_then(|range| range.strip_prefix("bytes="));
    let (status, from, end) = match range.and_then(|range| range.split_once('-')) {
        Some((first, last)) => {
            let end = last.parse().map_or(data.len(), |last: usize| last + 1);
            ("206 Partial Content", first.parse().unwrap(), end)
        }
        None => ("200 OK", 0, data.len()),
    };
    let place = match range {
        Some(_) => format!("Content-Range: bytes {from}-{}/{}\r\n", end - 1, data.len()),
        None => String::new(),
    };
    let length = end - from;
    let answer = format!(
        "HTTP/1.1 {status}\r\nETag: \"{}\"\r\nContent-Length: {length}\r\n{place}\
         Connection: close\r\n\r\n",
        md5_hex(data)
    );
    let body = if head.starts_with("HEAD ") {
        &[][..]
    } else {
        &data[from..end]
    };
    [answer.as_bytes(), body].concat()
}

fn answer(status: &str) -> Vec<u8> {
    format!("HTTP/1.1 {status}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n").into_bytes()
}

/// A service whose users may name sources on this machine.
fn open_to_loopback() -> Setup {
    Setup::new()
        .api_in("glance_store", "external_allow", "127.0.0.1")
        .api_in("glance_store", "external_timeout", "2")
}

fn at(owner: &Images, url: &str) -> Response {
    owner.send(
        owner
            .new_disk("elsewhere")
            .header("x-image-meta-location", url),
    )
}

fn copied(owner: &Images, url: &str) -> Response {
    owner.send(
        owner
            .new_disk("copied")
            .header("x-glance-api-copy-from", url),
    )
}

fn id(answer: &Response) -> String {
    answer.json()["image"]["id"].as_str().unwrap().to_owned()
}

#[test]
fn urls_that_lead_inside_are_refused_and_leave_nothing() {
    let secret = Source::of(b"secret".to_vec());
    let port = secret.address.rsplit_once(':').unwrap().1.to_owned();
    let cloud = Setup::new().start();
    let owner = cloud.newcomer();
    let existing = owner.create("mine", b"data");
    let own = format!(
        "file://{}",
        cloud.data_directory().join(&existing).display()
    );
    let long = format!("http://example.org/{}", "x".repeat(8000));
    let urls = [
        "",
        "file:///etc/passwd",
        "filesystem:///etc/passwd",
        "swift+config://reference/container/object",
        "swift://user:key@host/container/object",
        "s3://key:secret@host/bucket/object",
        "pithos://a",
        "pithos://../x",
        "gopher://example.org/",
        "ftp://example.org/",
        "nonsense",
        "http:///nohost",
        "http://user:password@example.org/",
        "http://example.org:0/",
        "http://example.org:65536/",
        "http://example.org:22/",
        "http://127.0.0.1:22/",
        &format!("http://127.0.0.1:{port}/"),
        &format!("http://localhost:{port}/"),
        &format!("http://2130706433:{port}/"),
        &format!("http://0x7f.1:{port}/"),
        &format!("http://0177.0.0.1:{port}/"),
        &format!("http://127.1:{port}/"),
        &format!("http://0.0.0.0:{port}/"),
        &format!("http://[::1]:{port}/"),
        &format!("http://[::ffff:127.0.0.1]:{port}/"),
        "http://[::ffff:169.254.169.254]/",
        "http://169.254.169.254/latest/meta-data/",
        "http://[fe80::1]/",
        "http://10.0.0.1/",
        "http://224.0.0.1/",
        &own,
        &long,
    ];
    for url in urls {
        // An empty copy-from is none, as an empty header mostly is.
        let both = [at(&owner, url), copied(&owner, url)];
        let expected = if url.is_empty() { 1 } else { 2 };
        for refused in both.into_iter().take(expected) {
            assert_eq!(refused.status, 400, "{url}: {}", refused.text());
            let inside = ["password@", "Connection", "refused", "os error", "resolve"];
            for word in inside {
                assert!(!refused.text().contains(word), "{url}: {}", refused.text());
            }
        }
    }
    assert_eq!(owner.list(""), std::slice::from_ref(&existing));
    assert!(secret.requests().is_empty());
    assert!(!cloud.logs().contains("password"));
    assert!(!cloud.logs().contains("user:key"));
    cloud.stop();
}

#[test]
fn redirects_into_the_inside_are_refused() {
    let secret = Source::of(b"secret".to_vec());
    let port = secret.address.rsplit_once(':').unwrap().1.to_owned();
    let cloud = open_to_loopback().start();
    let owner = cloud.newcomer();
    for to in [
        format!("http://127.0.0.2:{port}/"),
        format!("http://2130706433:{port}/"),
        format!("http://[::1]:{port}/"),
        "file:///etc/passwd".to_owned(),
        "http://169.254.169.254/".to_owned(),
    ] {
        let source = Source::start(move |_, _| answer(&format!("302 Found\r\nLocation: {to}")));
        at(&owner, &source.url()).expect(400);
        copied(&owner, &source.url()).expect(400);
    }
    let source = Source::start(|_, head| {
        let left: u32 = header(head, "host").map_or(0, |_| 30);
        answer(&format!("302 Found\r\nLocation: /{left}"))
    });
    at(&owner, &source.url()).expect(400);
    assert_eq!(source.requests().len(), 6);
    assert!(owner.list("").is_empty());
    assert!(secret.requests().is_empty());
    cloud.stop();
}

#[test]
fn an_image_elsewhere_is_active_at_once_and_never_ours() {
    let data = patterned(2_000_003, 3);
    let source = Source::of(data.clone());
    let cloud = open_to_loopback().start();
    let owner = cloud.newcomer();
    let made = at(&owner, &source.url()).expect(201);
    let image = made.json()["image"].clone();
    assert_eq!(
        (&image["status"], &image["size"]),
        (&"active".into(), &data.len().into())
    );
    assert!(image["checksum"].is_null());
    let id = id(&made);
    let got = owner.download(&id).expect(200);
    assert!(got.complete && got.body == data);
    let part = Request::get(format!("/v1/images/{id}")).header("Range", "bytes=1000000-1999999");
    let got = owner.send(part).expect(206);
    assert!(got.complete && got.body == data[1_000_000..2_000_000]);
    let listed = owner.send(Request::get("/v1/images/detail")).expect(200);
    assert!(!listed.text().contains(&source.address));
    cloud.nothing_is_stored();

    let wrong = owner
        .new_disk("wrong")
        .header("x-image-meta-location", source.url());
    owner
        .send(wrong.header("x-image-meta-size", "5"))
        .expect(409);
    assert_eq!(owner.list(""), std::slice::from_ref(&id));

    owner.delete(&id).expect(200);
    assert!(
        source
            .requests()
            .iter()
            .all(|line| !line.starts_with("DELETE"))
    );
    assert!(!cloud.logs().contains(&source.address));
    cloud.stop();
}

#[test]
fn data_elsewhere_that_changed_is_not_served() {
    let changed = Arc::new(AtomicBool::new(false));
    let now = changed.clone();
    let source = Source::start(move |_, head| {
        serve(
            &patterned(if now.load(Ordering::SeqCst) { 99 } else { 100 }, 1),
            head,
        )
    });
    let cloud = open_to_loopback().start();
    let owner = cloud.newcomer();
    let id = id(&at(&owner, &source.url()).expect(201));
    owner.download(&id).expect(200);
    changed.store(true, Ordering::SeqCst);
    owner.download(&id).expect(404);
    cloud.stop();
}

#[test]
fn a_copy_outlives_its_source() {
    let data = patterned(3_000_001, 5);
    let source = Source::of(data.clone());
    let cloud = open_to_loopback().start();
    let owner = cloud.newcomer();
    let made = copied(&owner, &source.url()).expect(201);
    let image = made.json()["image"].clone();
    assert_eq!(
        (&image["status"], &image["size"]),
        (&"queued".into(), &data.len().into())
    );
    let id = id(&made);
    owner.becomes(&id, "active", 20);
    let asked = source.requests().len();
    let got = owner.download(&id).expect(200);
    assert!(got.complete && got.body == data);
    assert_eq!(got.meta("Checksum"), md5_hex(&data));
    assert_eq!(source.requests().len(), asked);

    // A declared size counts for nothing, in Glance too: the source knows better.
    let post = owner
        .new_disk("sized")
        .header("x-glance-api-copy-from", source.url());
    let made = owner
        .send(post.header("x-image-meta-size", "5"))
        .expect(201);
    let sized = made.json()["image"]["id"].as_str().unwrap().to_owned();
    owner.becomes(&sized, "active", 20);
    assert_eq!(owner.show(&sized).meta("Size"), data.len().to_string());

    // An image that waits can be filled so, too.
    let waiting = owner.reserve("waiting");
    let put = Request::put(format!("/v1/images/{waiting}"));
    owner
        .send(put.header("x-glance-api-copy-from", source.url()))
        .expect(200);
    owner.becomes(&waiting, "active", 20);
    cloud.check_invariants(10);
    cloud.stop();
}

#[test]
fn a_copy_goes_on_after_its_connection_broke() {
    let data = patterned(4_000_000, 7);
    let whole = data.clone();
    let breaks = AtomicUsize::new(0);
    let source = Source::start(move |_, head| {
        let mut answer = serve(&whole, head);
        if !head.starts_with("HEAD ") && breaks.fetch_add(1, Ordering::SeqCst) < 3 {
            answer.truncate(1_000_000);
        }
        answer
    });
    let cloud = open_to_loopback().start();
    let owner = cloud.newcomer();
    let id = id(&copied(&owner, &source.url()).expect(201));
    owner.becomes(&id, "active", 30);
    assert!(owner.download(&id).expect(200).body == data);
    assert_eq!(source.requests().len(), 5);
    cloud.check_invariants(10);
    cloud.stop();
}

#[test]
fn a_copy_that_cannot_be_is_killed_with_a_reason() {
    let cloud = open_to_loopback().start();
    let owner = cloud.newcomer();
    let data = patterned(500_000, 2);
    let head_only = |whole: Vec<u8>, then: fn(&[u8], &str) -> Vec<u8>| {
        Source::start(move |_, head| match head.starts_with("HEAD ") {
            true => serve(&whole, head),
            false => then(&whole, head),
        })
    };
    for (source, reason) in [
        (
            head_only(data.clone(), |_, _| answer("404 Not Found")),
            "no image data",
        ),
        (
            head_only(data.clone(), |whole, head| serve(&whole[1..], head)),
            "were announced",
        ),
        (
            head_only(data.clone(), |whole, head| {
                let text = serve(whole, head);
                let gzip = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n";
                [&gzip[..], &text[b"HTTP/1.1 200 OK\r\n".len()..]].concat()
            }),
            "its data is packed",
        ),
        (
            head_only(data.clone(), |_, _| {
                b"HTTP/1.1 200 OK\r\nContent-Length: 500000\r\n\r\nshort".to_vec()
            }),
            "the connection to the source broke",
        ),
    ] {
        let id = id(&copied(&owner, &source.url()).expect(201));
        owner.becomes(&id, "killed", 20);
        let told = format!("image {id} is killed");
        eventually("the reason is logged", 5, || {
            cloud
                .logs()
                .lines()
                .any(|line| line.contains(&told) && line.contains(reason))
        });
    }
    let source = Source::of(data);
    let post = owner
        .new_disk("summed")
        .header("x-glance-api-copy-from", source.url());
    let made = owner
        .send(post.header("x-image-meta-checksum", "0".repeat(32)))
        .expect(201);
    owner.becomes(&id(&made), "killed", 20);
    cloud.nothing_is_stored();
    copied(&owner, "http://127.0.0.1:1/").expect(400);
    let missing = Source::start(|_, _| answer("404 Not Found"));
    copied(&owner, &missing.url()).expect(404);
    cloud.check_invariants(10);
    cloud.stop();
}

/// A source that begins and then sends nothing more, and whose connections stay.
fn stuck() -> Source {
    Source::start(|_, head| {
        let whole = patterned(500_000, 1);
        if head.starts_with("HEAD ") {
            return serve(&whole, head);
        }
        std::thread::sleep(Duration::from_secs(60));
        Vec::new()
    })
}

#[test]
fn a_copy_ends_with_its_image() {
    let source = stuck();
    let cloud = open_to_loopback()
        .api_in("glance_store", "external_timeout", "30")
        .start();
    let owner = cloud.newcomer();
    let id = id(&copied(&owner, &source.url()).expect(201));
    owner.becomes(&id, "saving", 10);
    owner.delete(&id).expect(200);
    eventually("the copy ends", 5, || {
        cloud.logs().contains(&format!("image {id} is not copied"))
    });
    cloud.nothing_is_stored();
    cloud.check_invariants(10);
    cloud.stop();
}

#[test]
fn only_so_many_copies_run_at_the_same_time() {
    let (running, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let (now, peak) = (running.clone(), most.clone());
    let source = Source::start(move |_, head| {
        if !head.starts_with("HEAD ") {
            let count = now.fetch_add(1, Ordering::SeqCst) + 1;
            peak.fetch_max(count, Ordering::SeqCst);
            std::thread::sleep(Duration::from_millis(300));
            now.fetch_sub(1, Ordering::SeqCst);
        }
        serve(b"data", head)
    });
    let cloud = open_to_loopback()
        .api_in("glance_store", "copy_from_parallel", "2")
        .start();
    let owner = cloud.newcomer();
    let ids: Vec<_> = (0..6)
        .map(|_| id(&copied(&owner, &source.url()).expect(201)))
        .collect();
    for id in &ids {
        owner.becomes(id, "active", 20);
    }
    assert_eq!(most.load(Ordering::SeqCst), 2);
    cloud.stop();
}

#[test]
fn a_copy_that_dies_with_its_daemon_is_killed_after_a_restart() {
    let source = stuck();
    let mut cloud = open_to_loopback()
        .both("service", "lease_seconds", "3")
        .start();
    let owner = cloud.newcomer().caller.clone();
    let id = id(&copied(&cloud.images_of(&owner), &source.url()).expect(201));
    cloud.images_of(&owner).becomes(&id, "saving", 10);
    cloud.take_api().kill();
    cloud.start_api();
    cloud.images_of(&owner).becomes(&id, "killed", 30);
    let reason = format!("image {id} is killed: its upload was abandoned");
    eventually("the reason is logged", 10, || {
        cloud.logs().contains(&reason)
    });
    finish(cloud);
}

fn finish(cloud: Cloud) {
    cloud.nothing_is_stored();
    cloud.check_invariants(20);
    cloud.stop();
}
