//! The API over TLS: the same service, certificates that are renewed while transfers run, and clients
//! who speak something else or nothing.

use std::net::TcpStream;
use std::time::Duration;

use functional::{
    Authority, Cloud, Connection, Daemon, Identity, Request, Response, Setup, Signal, eventually,
    patterned,
};

/// A cloud whose API shows a certificate of this authority.
fn secure(authority: &Authority) -> Setup {
    Setup::new().api_over_tls(&authority.sign("server"), &authority.believers())
}

fn download(cloud: &Cloud, request: Request) -> (Connection, Response) {
    let mut connection = cloud.connect();
    connection.send_head(&request).unwrap();
    let head = connection.response_head().unwrap();
    (connection, head)
}

#[test]
fn images_travel_as_they_do_without() {
    let authority = Authority::new();
    let cloud = secure(&authority).start();
    let owner = cloud.newcomer();
    let data = patterned(30_000_000, 1);
    let id = owner.create("sized", &data);
    assert!(owner.download(&id).expect(200).body == data);
    let chunked = owner.new_disk("chunked").chunked(data.clone(), 100_000);
    let image = owner.send(chunked).expect(201).json()["image"].clone();
    assert_eq!(image["size"], data.len());

    let part = Request::get(format!("/v1/images/{id}")).header("Range", "bytes=4000000-4999999");
    let part = owner.send(part).expect(206);
    assert!(part.body == data[4_000_000..5_000_000]);
    let last = Request::get(format!("/v1/images/{id}")).header("Range", "bytes=-1");
    assert_eq!(owner.send(last).expect(206).body, data[29_999_999..]);
    assert_eq!(owner.show(&id).expect(200).meta("Size"), "30000000");
    cloud.check_invariants(10);
    cloud.stop();
}

#[test]
fn a_body_is_asked_for_when_it_is_wanted() {
    let authority = Authority::new();
    let cloud = secure(&authority).start();
    let owner = cloud.newcomer();
    let mut connection = cloud.connect();
    let announced = || {
        let post = owner.new_disk("polite").by(&owner.caller);
        post.header("Expect", "100-continue")
            .header("Content-Type", "application/octet-stream")
            .header("Content-Length", "5")
    };
    connection.send_head(&announced()).unwrap();
    connection.response_head().unwrap().expect(100);
    connection.write(b"12345").unwrap();
    connection.response(false).unwrap().expect(201);
    let refused = announced().header("x-image-meta-foo", "1");
    connection.send_head(&refused).unwrap();
    connection.response_head().unwrap().expect(400);
    cloud.stop();
}

#[test]
fn one_connection_serves_many_requests() {
    let authority = Authority::new();
    let cloud = secure(&authority).start();
    let owner = cloud.newcomer();
    let mut connection = cloud.connect();
    for number in 0..5 {
        let data = patterned(100_000, number);
        let post = owner
            .new_disk("kept")
            .by(&owner.caller)
            .data(data.as_slice());
        let image = connection.exchange(&post).unwrap().expect(201).json();
        let id = image["image"]["id"].as_str().unwrap();
        let get = Request::get(format!("/v1/images/{id}")).by(&owner.caller);
        assert!(connection.exchange(&get).unwrap().expect(200).body == data);
        // A body that nobody read does not end it.
        let refused = post.header("x-image-meta-foo", "1");
        connection.exchange(&refused).unwrap().expect(400);
    }
    // Requests that come in one piece are answered one after the other.
    let get = Request::get("/v1/images").by(&owner.caller);
    let both = [get.head_bytes("h"), get.head_bytes("h")].concat();
    connection.write(&both).unwrap();
    for _ in 0..2 {
        assert_eq!(
            connection.response(false).unwrap().expect(200).ids().len(),
            5
        );
    }
    let last = get.header("Connection", "close");
    connection.exchange(&last).unwrap().expect(200);
    assert!(connection.closes_within(Duration::from_secs(5)));
    cloud.stop();
}

#[test]
fn links_say_https() {
    let authority = Authority::new();
    let cloud = secure(&authority).start();
    let owner = cloud.newcomer();
    let answer = owner
        .send(owner.new_disk("linked").data("12345"))
        .expect(201);
    let location = answer.header("Location").unwrap();
    let here = format!("https://{}/", cloud.address());
    assert!(location.starts_with(&here), "{location}");
    let versions = cloud.send(Request::get("/")).expect(300).text();
    assert!(versions.contains(&format!("{here}v1/")), "{versions}");
    assert!(!versions.contains("http://"), "{versions}");
    let moved = owner.send(Request::get("/v1"));
    let location = moved.expect(302).header("Location").unwrap().to_owned();
    assert!(location.starts_with(&here), "{location}");
    cloud.stop();
}

#[test]
fn what_the_operator_says_of_links_wins() {
    let authority = Authority::new();
    let cloud = secure(&authority)
        .api("public_endpoint", "http://images.example:8080")
        .api("secure_proxy_ssl_header", "HTTP_X_FORWARDED_PROTO")
        .start();
    let owner = cloud.newcomer();
    let versions = cloud.send(Request::get("/")).expect(300).text();
    assert!(
        versions.contains("http://images.example:8080/v1/"),
        "{versions}"
    );
    let post = owner.new_disk("linked").header("X-Forwarded-Proto", "http");
    let answer = owner.send(post).expect(201);
    let location = answer.header("Location").unwrap();
    let here = format!("http://{}/", cloud.address());
    assert!(location.starts_with(&here), "{location}");
    cloud.stop();
}

#[test]
fn clients_must_show_a_certificate_where_an_authority_is_named() {
    let (authority, stranger) = (Authority::new(), Authority::new());
    let known = authority.believers_with(&authority.sign("client"));
    let cloud = Setup::new()
        .api_over_tls(&authority.sign("server"), &known)
        .api("ca_file", &authority.ca_file().display().to_string())
        .start();
    let owner = cloud.newcomer();
    let id = owner.create("guarded", b"12345");
    assert_eq!(owner.download(&id).expect(200).body, b"12345");
    let unknown = [
        authority.believers(),
        authority.believers_with(&stranger.sign("client")),
    ];
    for clients in unknown {
        let answer = Connection::open_tls(cloud.address(), &clients)
            .and_then(|mut connection| connection.exchange(&Request::get("/")));
        assert!(answer.is_err(), "{answer:?}");
    }
    eventually("the log says so", 5, || {
        cloud.logs().matches("the handshake fails").count() == 2
    });
    cloud.stop();
}

#[test]
fn whoever_does_not_know_the_authority_does_not_go_on() {
    let authority = Authority::new();
    let cloud = secure(&authority).start();
    let stranger = Authority::new().believers();
    assert!(Connection::open_tls(cloud.address(), &stranger).is_err());
    cloud.send(Request::get("/")).expect(300);
    cloud.stop();
}

#[test]
fn plain_http_is_told_and_turned_away() {
    let authority = Authority::new();
    let cloud = secure(&authority).start();
    let mut plain = Connection::open(cloud.address()).unwrap();
    let answer = plain.exchange(&Request::get("/v1/images")).unwrap();
    assert!(answer.expect(400).text().contains("HTTPS"));
    assert!(plain.closes_within(Duration::from_secs(5)));
    // A body that he sends along does not keep him from hearing it.
    let mut plain = Connection::open(cloud.address()).unwrap();
    let post = Request::post("/v1/images").data(vec![0; 40_000]);
    plain.exchange(&post).unwrap().expect(400);
    let mut nonsense = Connection::open(cloud.address()).unwrap();
    nonsense.write(&[0; 100]).unwrap();
    assert!(nonsense.closes_within(Duration::from_secs(5)));
    let mut garbled = Connection::open(cloud.address()).unwrap();
    garbled.write(&[22; 1000]).unwrap();
    assert!(garbled.closes_within(Duration::from_secs(5)));
    cloud.send(Request::get("/")).expect(300);
    assert!(!cloud.logs().contains("panicked"), "{}", cloud.logs());
    cloud.stop();
}

#[test]
fn tls_is_turned_away_where_plain_http_is_spoken() {
    let cloud = Setup::new().start();
    let clients = Authority::new().believers();
    assert!(Connection::open_tls(cloud.address(), &clients).is_err());
    cloud.send(Request::get("/")).expect(300);
    assert!(!cloud.logs().contains("panicked"), "{}", cloud.logs());
    cloud.stop();
}

#[test]
fn whoever_says_nothing_holds_up_nobody() {
    let authority = Authority::new();
    let cloud = secure(&authority)
        .api("workers", "1")
        .api_in("service", "request_head_timeout", "2")
        .start();
    let open = |_| Connection::open(cloud.address()).unwrap();
    let mut silent: Vec<Connection> = (0..100).map(open).collect();
    // The beginning of a ClientHello, and no more of it.
    for half in silent.iter_mut().take(50) {
        half.write(&[22, 3, 1, 2, 0, 1, 0]).unwrap();
    }
    let owner = cloud.newcomer();
    let id = owner.create("prompt", b"12345");
    assert_eq!(owner.download(&id).expect(200).body, b"12345");
    for connection in &mut silent {
        assert!(connection.closes_within(Duration::from_secs(8)));
    }
    // After the handshake, the head has its time, too.
    let mut shaken = cloud.connect();
    shaken
        .write(b"GET /v1/images HTTP/1.1\r\nHost: h\r\nX-Slow:")
        .unwrap();
    assert!(shaken.closes_within(Duration::from_secs(8)));
    cloud.stop();
}

#[test]
fn readers_who_do_not_read_cost_little_and_are_cut() {
    let authority = Authority::new();
    let mut cloud = secure(&authority).api("client_socket_timeout", "8").start();
    let caller = Identity::member();
    let id = cloud
        .images_of(&caller)
        .create("big", &patterned(30_000_000, 2));
    let before = cloud.api().resident();
    let mut slow: Vec<Connection> = (0..50)
        .map(|_| {
            let get = Request::get(format!("/v1/images/{id}")).by(&caller);
            let (connection, head) = download(&cloud, get);
            head.expect(200);
            connection
        })
        .collect();
    let grown = cloud.api().resident().saturating_sub(before);
    assert!(grown < 50 * 512, "{grown} KiB for 50 readers");
    let prompt = cloud.images_of(&caller).download(&id).expect(200);
    assert!(prompt.complete);
    eventually("they are cut", 30, || {
        let connected = format!("/proc/{}/fd", cloud.api().pid());
        let files = std::fs::read_dir(connected).unwrap().flatten();
        let targets = files.filter_map(|file| std::fs::read_link(file.path()).ok());
        targets.filter(|target| target.ends_with(&id)).count() == 0
    });
    for connection in &mut slow {
        let read = connection.read_up_to(30_000_000).unwrap_or_default();
        assert!(read.len() < 30_000_000);
    }
    cloud.stop();
}

#[test]
fn a_renewed_certificate_counts_from_the_next_connection_on() {
    let (old, new) = (Authority::new(), Authority::new());
    let shown = old.sign("server");
    let mut cloud = Setup::new().api_over_tls(&shown, &old.believers()).start();
    let owner = cloud.newcomer();
    let data = patterned(30_000_000, 3);
    let id = owner.create("read", &data);
    let get = Request::get(format!("/v1/images/{id}")).by(&owner.caller);
    let (mut running, head) = download(&cloud, get);
    head.expect(200);
    let mut read = running.read_up_to(100_000).unwrap();
    let mut idle = cloud.connect();
    idle.exchange(&Request::get("/")).unwrap().expect(300);

    let renewed = new.sign("server");
    std::fs::copy(&renewed.cert_file, &shown.cert_file).unwrap();
    std::fs::copy(&renewed.key_file, &shown.key_file).unwrap();
    cloud.api().signal(Signal::HUP);
    eventually("the new one is shown", 10, || {
        Connection::open_tls(cloud.address(), &new.believers()).is_ok()
    });
    assert!(Connection::open_tls(cloud.address(), &old.believers()).is_err());
    read.extend(running.read_up_to(data.len() - read.len()).unwrap());
    assert!(read == data, "{} of {} bytes", read.len(), data.len());
    idle.exchange(&Request::get("/")).unwrap().expect(300);
}

#[test]
fn what_clients_must_show_is_renewed_too() {
    let (authority, other) = (Authority::new(), Authority::new());
    let mine = authority.believers_with(&authority.sign("mine"));
    let theirs = authority.believers_with(&other.sign("theirs"));
    let mut cloud = Setup::new()
        .api_over_tls(&authority.sign("server"), &mine)
        .api("ca_file", &authority.ca_file().display().to_string())
        .start();
    let answers = |cloud: &Cloud, clients| {
        Connection::open_tls(cloud.address(), clients)
            .and_then(|mut connection| connection.exchange(&Request::get("/")))
            .is_ok()
    };
    assert!(answers(&cloud, &mine) && !answers(&cloud, &theirs));
    let ca_file = other.ca_file().display().to_string();
    cloud.set_api("DEFAULT", "ca_file", &ca_file);
    cloud.api().signal(Signal::HUP);
    eventually("the others are believed", 10, || answers(&cloud, &theirs));
    assert!(!answers(&cloud, &mine));
}

#[test]
fn bad_files_leave_what_there_was() {
    let (authority, other) = (Authority::new(), Authority::new());
    let shown = authority.sign("server");
    let clients = authority.believers();
    let mut cloud = Setup::new().api_over_tls(&shown, &clients).start();
    let good = std::fs::read(&shown.key_file).unwrap();
    let foreign = std::fs::read(other.sign("server").key_file).unwrap();
    for (number, bad) in [&b"nothing of the kind"[..], &foreign]
        .into_iter()
        .enumerate()
    {
        std::fs::write(&shown.key_file, bad).unwrap();
        cloud.api().signal(Signal::HUP);
        eventually("it says so", 10, || {
            let log = cloud.logs();
            let stay = log.matches("the certificates stay as they were: [DEFAULT] key_file: ");
            stay.count() == number + 1
        });
        cloud.send(Request::get("/")).expect(300);
    }
    assert!(cloud.logs().contains("server.key"), "{}", cloud.logs());
    std::fs::write(&shown.key_file, good).unwrap();
    cloud.set_api("DEFAULT", "cert_file", "/nowhere/server.pem");
    cloud.api().signal(Signal::HUP);
    eventually("it says so", 10, || {
        cloud
            .logs()
            .contains("[DEFAULT] cert_file: /nowhere/server.pem")
    });
    cloud.send(Request::get("/")).expect(300);
    cloud.stop();
}

#[test]
fn a_start_with_bad_files_names_file_and_reason() {
    let (authority, other) = (Authority::new(), Authority::new());
    let (good, foreign) = (authority.sign("server"), other.sign("server"));
    let (cert_file, key_file) = good.paths();
    let (_, foreign_key) = foreign.paths();
    let garbage = other.sign("garbage").paths().1;
    std::fs::write(&garbage, "nothing of the kind").unwrap();
    let cases = [
        (
            Some("/nowhere/a.pem"),
            Some(key_file.as_str()),
            None,
            "cert_file: /nowhere/a.pem",
        ),
        (
            Some(&cert_file),
            Some("/nowhere/a.key"),
            None,
            "key_file: /nowhere/a.key",
        ),
        (
            Some(&cert_file),
            Some(&foreign_key),
            None,
            "it is not the key of the certificate",
        ),
        (Some(&garbage), Some(&key_file), None, "cert_file: "),
        (
            Some(&cert_file),
            Some(&key_file),
            Some(garbage.as_str()),
            "ca_file: ",
        ),
        (
            Some(&cert_file),
            None,
            None,
            "cert_file, key_file: TLS needs both",
        ),
    ];
    let cloud = Setup::new().prepare();
    for (number, (cert_file, key_file, ca_file, said)) in cases.into_iter().enumerate() {
        let given = [
            ("GLANCE_CERT_FILE", cert_file),
            ("GLANCE_KEY_FILE", key_file),
            ("GLANCE_CA_FILE", ca_file),
        ];
        let given = given.map(|(name, value)| Some((name.to_owned(), value?.to_owned())));
        let given: Vec<_> = given.into_iter().flatten().collect();
        for name in ["glance-api", "glance-registry"] {
            let conf = cloud.path(&format!("{name}.conf"));
            let log = cloud.path(&format!("{name}-{number}.out"));
            let mut daemon = Daemon::start(name, &conf, &log, &given);
            let status = daemon.wait(20);
            assert_eq!(status.code(), Some(1), "{name}: {}", daemon.log());
            let log = daemon.log();
            assert!(log.contains(said), "{name}: no {said:?}: {log}");
        }
    }
}

#[test]
fn an_authority_without_a_certificate_is_warned_of() {
    let ca_file = Authority::new().ca_file().display().to_string();
    let cloud = Setup::new().both("DEFAULT", "ca_file", &ca_file).start();
    let warnings = cloud
        .logs()
        .matches("[DEFAULT] ca_file does nothing")
        .count();
    assert_eq!(warnings, 2, "{}", cloud.logs());
    cloud.stop();
}

#[test]
fn connections_that_rest_do_not_delay_the_end() {
    let authority = Authority::new();
    let mut cloud = secure(&authority).start();
    let mut rests = cloud.connect();
    rests.exchange(&Request::get("/")).unwrap().expect(300);
    let silent = TcpStream::connect(cloud.address()).unwrap();
    let daemon = cloud.take_api();
    daemon.stop();
    assert!(rests.closes_within(Duration::from_secs(5)));
    drop(silent);
    cloud.stop();
}
