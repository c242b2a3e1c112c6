//! Flavor `keystone`, with a real Keystone: whose a token is, who may do what, and what goes on
//! when Keystone does not.

use std::path::PathBuf;
use std::process::Command;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use functional::{
    Cloud, Connection, Daemon, FaultProxy, Request, Response, Service, Setup, Signal, When,
    eventually, patterned,
};
use serde_json::{Value, json};

/// Keystone's question about a token.
const ASKED: &str = "/v3/auth/tokens";

/// A Keystone with its users.
struct Keystone {
    service: Service,
}

impl Keystone {
    /// One that the stories share, because it takes a while to start.
    fn shared() -> &'static Self {
        static SHARED: OnceLock<Keystone> = OnceLock::new();
        SHARED.get_or_init(|| Self::start(&[]))
    }

    fn start(settings: &[(&str, &str)]) -> Self {
        let service = Service::start("keystone", settings);
        Self { service }
    }

    fn address(&self) -> String {
        self.service.address("KEYSTONE_URL")
    }

    fn project(&self, name: &str) -> String {
        let name = name.to_uppercase();
        self.service.variable(&format!("KEYSTONE_PROJECT_{name}"))
    }

    #[track_caller]
    fn send(&self, request: Request) -> Response {
        let connection = Connection::open(&self.address());
        let answer = connection.and_then(|mut connection| connection.exchange(&request));
        answer.unwrap_or_else(|error| panic!("no answer of Keystone: {error}"))
    }

    /// A token of `user`'s; `scope` is Keystone's.
    #[track_caller]
    fn issue(&self, user: &str, scope: Option<Value>) -> String {
        let mut auth = json!({ "identity": {
            "methods": ["password"],
            "password": { "user": {
                "name": user,
                "domain": { "id": "default" },
                "password": format!("{user}-secret"),
            } },
        } });
        auth["scope"] = scope.unwrap_or("unscoped".into());
        let body = json!({ "auth": auth });
        let answer = functional::within(Duration::from_secs(10), || {
            let answer = self.send(Request::post("/v3/auth/tokens").json(&body));
            // Its database is SQLite's, and at times locked.
            (answer.status != 500).then_some(answer)
        });
        let answer = answer.expect("an answer of Keystone's").expect(201);
        answer.header("X-Subject-Token").unwrap().to_owned()
    }

    /// A token of `user`'s for his project.
    #[track_caller]
    fn token(&self, user: &str) -> String {
        let project = match user {
            "alice" | "carol" => "alpha",
            "bob" => "beta",
            "glance" => "service",
            other => other,
        };
        let scope = json!({ "project": { "id": self.project(project) } });
        self.issue(user, Some(scope))
    }

    fn revoke(&self, token: &str) {
        let request = Request::delete("/v3/auth/tokens").header("X-Subject-Token", token);
        let admin = self.token("admin");
        self.send(request.header("X-Auth-Token", admin)).expect(204);
    }

    fn signal(&self, signal: &str) {
        let file = self.service.directory().join("run/server");
        let text = std::fs::read_to_string(file).unwrap();
        let pid = text.split_whitespace().next().unwrap();
        // The workers, too.
        let mut pids = vec![pid.to_owned()];
        let children = Command::new("pgrep").args(["-P", pid]).output().unwrap();
        let children = String::from_utf8(children.stdout).unwrap();
        pids.extend(children.split_whitespace().map(str::to_owned));
        let done = Command::new("kill")
            .arg(format!("-{signal}"))
            .args(&pids)
            .status();
        assert!(done.unwrap().success());
    }

    /// After it was killed.
    fn start_again(&self) {
        let script = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../scripts/services/keystone");
        let run = Command::new(script)
            .arg("start")
            .arg(self.service.directory())
            .env("SERVICE_OWNER", std::process::id().to_string())
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&run.stderr);
        assert!(run.status.success(), "{said}");
    }
}

/// Both daemons know callers by the Keystone at `address`.
fn setup(address: &str) -> Setup {
    [
        ("auth_url", format!("http://{address}").as_str()),
        ("www_authenticate_uri", "http://keystone.example:5000"),
        ("auth_type", "password"),
        ("username", "glance"),
        ("password", "glance-secret"),
        ("project_name", "service"),
        ("user_domain_name", "Default"),
        ("project_domain_id", "default"),
    ]
    .into_iter()
    .fold(
        Setup::new().both("paste_deploy", "flavor", "keystone"),
        |setup, (name, value)| setup.both("keystone_authtoken", name, value),
    )
}

fn with(request: Request, token: &str) -> Request {
    request.header("X-Auth-Token", token)
}

fn list(token: &str) -> Request {
    with(Request::get("/v1/images"), token)
}

fn show(id: &str, token: &str) -> Request {
    with(Request::head(format!("/v1/images/{id}")), token)
}

fn disk(name: &str, token: &str) -> Request {
    with(Request::post("/v1/images").raw_disk(name), token)
}

#[track_caller]
fn create(cloud: &Cloud, name: &str, token: &str) -> Value {
    let answer = cloud.send(disk(name, token).data("12345")).expect(201);
    answer.json()["image"].clone()
}

fn id(image: &Value) -> &str {
    image["id"].as_str().unwrap()
}

#[track_caller]
fn unavailable(answer: Response) {
    let answer = answer.expect(503);
    let retry: u32 = answer.header("Retry-After").unwrap().parse().unwrap();
    assert!(retry > 0);
}

#[test]
fn a_token_decides_what_its_user_may_see_and_do() {
    let keystone = Keystone::shared();
    let cloud = setup(&keystone.address()).start();
    let [alice, bob, carol, admin] =
        ["alice", "bob", "carol", "admin"].map(|user| keystone.token(user));
    let image = create(&cloud, "alice's", &alice);
    assert_eq!(image["owner"], keystone.project("alpha").as_str());
    let path = format!("/v1/images/{}", id(&image));
    cloud.send(show(id(&image), &carol)).expect(200);
    cloud.send(show(id(&image), &bob)).expect(404);
    cloud.send(show(id(&image), &admin)).expect(200);
    let public = |token| with(Request::put(&path), token).header("x-image-meta-is_public", "True");

    // Shared, and no longer.
    let member = format!("{path}/members/{}", keystone.project("beta"));
    cloud.send(with(Request::put(&member), &alice)).expect(204);
    let read = cloud.send(with(Request::get(&path), &bob)).expect(200);
    assert_eq!(read.body, b"12345");
    cloud.send(public(&bob)).expect(403);
    cloud
        .send(with(Request::delete(&member), &alice))
        .expect(204);
    cloud.send(show(id(&image), &bob)).expect(404);

    cloud.send(public(&alice)).expect(403);
    cloud.send(public(&admin)).expect(200);
    cloud.send(show(id(&image), &bob)).expect(200);
    cloud.send(with(Request::delete(&path), &bob)).expect(403);
    cloud.send(with(Request::delete(&path), &alice)).expect(200);
    cloud.verify();
    cloud.stop();
}

#[test]
fn identity_headers_of_a_client_are_nothing() {
    let keystone = Keystone::shared();
    let cloud = setup(&keystone.address()).start();
    let image = create(&cloud, "alice's", &keystone.token("alice"));
    let bob = keystone.token("bob");
    let pretending = |request: Request| {
        request
            .header("X-Identity-Status", "Confirmed")
            .header("X-User-Id", "root")
            .header("X-Tenant-Id", keystone.project("alpha"))
            .header("X-Project-Id", keystone.project("alpha"))
            .header("X-Roles", "admin")
            .header("X-Role", "admin")
            .header("X-Is-Admin-Project", "True")
            .header("X-Service-Identity-Status", "Confirmed")
            .header("X-Service-Roles", "service")
    };
    cloud.send(pretending(show(id(&image), &bob))).expect(404);
    cloud
        .send(pretending(Request::get("/v1/images")))
        .expect(401);
    let own = cloud
        .send(pretending(disk("bob's", &bob)).data("1"))
        .expect(201);
    assert_eq!(
        own.json()["image"]["owner"],
        keystone.project("beta").as_str()
    );
    let registry = |request| cloud.send_to_registry(pretending(request));
    registry(with(Request::get(format!("/images/{}", id(&image))), &bob)).expect(404);
    registry(Request::get("/images")).expect(401);
    cloud.stop();
}

#[test]
fn without_a_valid_token_it_is_told_where_to_get_one() {
    let keystone = Keystone::shared();
    let proxy = FaultProxy::before(&keystone.address());
    let cloud = setup(&keystone.address())
        .api_in(
            "keystone_authtoken",
            "auth_url",
            &format!("http://{}", proxy.address()),
        )
        .start();
    let body = r#"{"error": {"code": 401, "title": "Unauthorized", "message": "The request you have made requires authentication."}}"#;
    let refused = |answer: Response| {
        let answer = answer.expect(401);
        let challenge = answer.header("WWW-Authenticate");
        assert_eq!(
            challenge,
            Some("Keystone uri='http://keystone.example:5000'")
        );
        assert_eq!(answer.header("Content-Type"), Some("application/json"));
        assert_eq!(answer.header("X-Openstack-Request-Id"), None);
        answer
    };
    let long = "x".repeat(9000);
    for token in ["", "a b", "\u{1}", long.as_str()] {
        if token != "\u{1}" {
            refused(cloud.send(list(token)));
        }
        refused(
            cloud.send_to_registry(with(Request::get("/images"), &token.replace('\u{1}', " "))),
        );
    }
    refused(cloud.send(Request::get("/v1/images").header("Accept", "text/html")));
    assert_eq!(proxy.count(&When::asked("GET", ASKED)), 0);

    assert_eq!(refused(cloud.send(list("nobody's"))).text(), body);
    assert_eq!(refused(cloud.send(Request::get("/v1/images"))).text(), body);
    refused(cloud.send(Request::head("/v1/images/x")));
    refused(cloud.send(Request::get("/v1/nowhere")));
    let questions = proxy.count(&When::asked("GET", ASKED));
    refused(cloud.send(list("nobody's")));
    assert_eq!((questions, proxy.count(&When::asked("GET", ASKED))), (1, 1));
    assert_eq!(
        refused(cloud.send_to_registry(Request::get("/images"))).text(),
        body
    );
    // What is for everybody.
    cloud.send(Request::get("/")).expect(300);
    assert_eq!(
        cloud.send(Request::get("/healthcheck")).expect(200).text(),
        "OK"
    );
    assert_eq!(
        cloud.send_to_registry(Request::get("/healthcheck")).status,
        200
    );
    cloud.stop();
}

#[test]
fn the_registry_can_trust_the_api_instead() {
    let keystone = Keystone::shared();
    let mut cloud = setup(&keystone.address())
        .registry_in("paste_deploy", "flavor", "trusted-auth")
        .api("send_identity_headers", "True")
        .start();
    let (alice, bob) = (keystone.token("alice"), keystone.token("bob"));
    let image = create(&cloud, "alice's", &alice);
    assert_eq!(image["owner"], keystone.project("alpha").as_str());
    cloud.send(show(id(&image), &alice)).expect(200);
    cloud.send(show(id(&image), &bob)).expect(404);
    cloud.send(list(&keystone.token("admin"))).expect(200);
    assert!(
        !cloud
            .api()
            .log()
            .contains("refuses this daemon's own calls")
    );
    cloud.verify();
    cloud.stop();
}

#[test]
fn a_revoked_token_is_good_for_the_cache_time_at_most() {
    let keystone = Keystone::shared();
    let cloud = setup(&keystone.address())
        .both("keystone_authtoken", "token_cache_time", "2")
        .start();
    let alice = keystone.token("alice");
    cloud.send(list(&alice)).expect(200);
    keystone.revoke(&alice);
    let revoked = Instant::now();
    eventually("it is refused", 5, || {
        cloud.send(list(&alice)).status == 401
    });
    assert!(revoked.elapsed() < Duration::from_secs(40));
    cloud.stop();
}

#[test]
fn a_token_that_expires_is_refused_and_an_upload_that_has_begun_goes_on() {
    let keystone = Keystone::start(&[("KEYSTONE_TOKEN_SECONDS", "7")]);
    let cloud = setup(&keystone.address())
        .both("service", "lease_seconds", "6")
        .start();
    let alice = keystone.token("alice");
    let data = patterned(3_000_000, 1);
    let mut upload = cloud.connect();
    let post = disk("slow", &alice)
        .header("Content-Type", "application/octet-stream")
        .header("Content-Length", data.len().to_string());
    upload.send_head(&post).unwrap();
    upload.write(&data[..1_000_000]).unwrap();
    eventually("it is refused", 12, || {
        cloud.send(list(&alice)).status == 401
    });
    upload.write(&data[1_000_000..]).unwrap();
    let image = upload.response(false).unwrap().expect(201).json()["image"].clone();
    assert_eq!(image["status"], "active");
    // Our own token has expired by now, and is another one.
    let again = keystone.token("alice");
    let read = with(Request::get(format!("/v1/images/{}", id(&image))), &again);
    assert!(cloud.send(read).expect(200).body == data);
    cloud.stop();
}

#[test]
fn without_keystone_known_tokens_go_on_and_others_are_told_to_come_back() {
    let keystone = Keystone::start(&[]);
    let mut cloud = setup(&keystone.address())
        .both("keystone_authtoken", "http_connect_timeout", "3")
        .both("keystone_authtoken", "http_request_max_retries", "1")
        .start();
    let [alice, bob, carol] = ["alice", "bob", "carol"].map(|user| keystone.token(user));
    let image = create(&cloud, "alice's", &alice);

    keystone.signal("STOP");
    unavailable(cloud.send(list(&bob)));
    unavailable(cloud.send(list(&bob)));
    cloud.send(show(id(&image), &alice)).expect(200);
    create(&cloud, "another", &alice);
    unavailable(cloud.send_to_registry(with(Request::get("/images"), &bob)));
    keystone.signal("CONT");
    eventually("it is back", 10, || cloud.send(list(&bob)).status == 200);

    keystone.signal("KILL");
    unavailable(cloud.send(list(&carol)));
    cloud.send(show(id(&image), &alice)).expect(200);
    cloud.send(list("")).expect(401);
    for _ in 0..20 {
        unavailable(cloud.send(list(&carol)));
    }
    keystone.start_again();
    eventually("it is back", 10, || cloud.send(list(&carol)).status == 200);
    let mut log = String::new();
    eventually("it says that it is over", 5, || {
        log = cloud.api().log();
        log.matches("validates tokens again").count() >= 2
    });
    assert!(log.contains("it does not answer in 3 seconds"), "{log}");
    assert!(log.contains("it cannot be reached"), "{log}");
    no_reason_is_told_twice(&log);
    cloud.stop();
}

/// A machine that is busy has Keystone fail more often than the story does: what counts is that no
/// reason is told again before another, or before it is over.
#[track_caller]
fn no_reason_is_told_twice(log: &str) {
    let mut told = None;
    for line in log.lines() {
        let Some((_, said)) = line.split_once("] Keystone at ") else {
            continue;
        };
        let over = said.ends_with("validates tokens again");
        if over {
            assert!(told.take().is_some(), "{log}");
        } else {
            assert_ne!(told.replace(said), Some(said), "{log}");
        }
    }
}

#[test]
fn many_requests_with_a_new_token_are_one_question() {
    let keystone = Keystone::shared();
    let proxy = FaultProxy::before(&keystone.address());
    let cloud = setup(&keystone.address())
        .api_in(
            "keystone_authtoken",
            "auth_url",
            &format!("http://{}/v3/", proxy.address()),
        )
        .start();
    let alice = keystone.token("alice");
    std::thread::scope(|scope| {
        for _ in 0..40 {
            scope.spawn(|| cloud.send(list(&alice)).expect(200));
        }
    });
    assert_eq!(proxy.count(&When::asked("GET", ASKED)), 1);
    // Once for ourselves.
    assert_eq!(proxy.count(&When::asked("POST", ASKED)), 1);
    cloud.stop();
}

#[test]
fn tokens_for_other_things_than_projects_have_no_tenant() {
    let keystone = Keystone::shared();
    let cloud = setup(&keystone.address()).start();
    let admin = keystone.token("admin");
    let roles = Request::get("/v3/roles?name=admin").header("X-Auth-Token", &admin);
    let role = keystone.send(roles).expect(200).json()["roles"][0]["id"].clone();
    let user = keystone.service.variable("KEYSTONE_USER_ADMIN");
    let grant = format!(
        "/v3/domains/default/users/{user}/roles/{}",
        role.as_str().unwrap()
    );
    keystone.send(with(Request::put(grant), &admin)).expect(204);
    let image = create(&cloud, "alice's", &keystone.token("alice"));

    // Its roles are what they are: who is admin of a domain or of the system, is admin here.
    let domain = keystone.issue("admin", Some(json!({ "domain": { "id": "default" } })));
    let system = keystone.issue("admin", Some(json!({ "system": { "all": true } })));
    for token in [&domain, &system] {
        cloud.send(show(id(&image), token)).expect(200);
        assert_eq!(create(&cloud, "nobody's", token)["owner"], Value::Null);
    }
    // Without a scope there are no roles.
    let unscoped = keystone.issue("alice", None);
    cloud.send(list(&unscoped)).expect(200);
    cloud.send(show(id(&image), &unscoped)).expect(404);
    cloud.stop();
}

#[test]
fn anonymous_readers_are_let_in_where_configured() {
    let keystone = Keystone::shared();
    let cloud = setup(&keystone.address())
        .both("keystone_authtoken", "delay_auth_decision", "True")
        .both("DEFAULT", "allow_anonymous_access", "True")
        .start();
    let public = disk("seen", &keystone.token("admin")).header("x-image-meta-is_public", "True");
    let public = cloud.send(public.data("12345")).expect(201).json()["image"].clone();
    let private = create(&cloud, "alice's", &keystone.token("alice"));
    for token in [None, Some("nobody's")] {
        let by = |request: Request| match token {
            Some(token) => with(request, token),
            None => request,
        };
        let get = |image: &Value| by(Request::get(format!("/v1/images/{}", id(image))));
        assert_eq!(cloud.send(get(&public)).expect(200).body, b"12345");
        cloud.send(get(&private)).expect(404);
        cloud
            .send(by(Request::post("/v1/images").raw_disk("x")).data("1"))
            .expect(403);
    }
    cloud.stop();

    let cloud = setup(&keystone.address())
        .both("keystone_authtoken", "delay_auth_decision", "True")
        .start();
    let answer = cloud.send(Request::get("/v1/images")).expect(401);
    assert!(answer.header("WWW-Authenticate").is_some());
    assert!(
        answer.text().starts_with("401 Unauthorized\n\n"),
        "{}",
        answer.text()
    );
    cloud.stop();
}

#[test]
fn what_a_crash_left_is_finished_with_a_token_of_our_own() {
    let keystone = Keystone::shared();
    let mut cloud = setup(&keystone.address())
        .both("service", "lease_seconds", "3")
        .start();
    let alice = keystone.token("alice");
    let mut upload = cloud.connect();
    let post = disk("crashed", &alice)
        .header("Content-Type", "application/octet-stream")
        .header("Content-Length", "3000000");
    upload.send_head(&post).unwrap();
    let saving = || with(Request::get("/v1/images?status=saving"), &alice);
    eventually("it has begun", 10, || {
        cloud.send(saving()).expect(200).ids().len() == 1
    });
    cloud.take_api().kill();
    cloud.start_api();
    eventually("it is given up", 20, || {
        cloud.send(saving()).expect(200).ids().is_empty()
    });
    cloud.stop();
}

#[test]
fn an_application_credential_will_do_for_us() {
    let keystone = Keystone::shared();
    let ours = keystone.service.variable("KEYSTONE_USER_GLANCE");
    let make = Request::post(format!("/v3/users/{ours}/application_credentials"));
    let wanted = json!({ "application_credential": { "name": "images" } });
    let made = keystone.send(with(make.json(&wanted), &keystone.token("glance")));
    let made = made.expect(201).json()["application_credential"].clone();
    let setup = [
        ("auth_type", "v3applicationcredential"),
        ("application_credential_id", made["id"].as_str().unwrap()),
        (
            "application_credential_secret",
            made["secret"].as_str().unwrap(),
        ),
        ("username", ""),
        ("password", ""),
    ]
    .into_iter()
    .fold(setup(&keystone.address()), |setup, (name, value)| {
        setup.both("keystone_authtoken", name, value)
    });
    let cloud = setup.start();
    create(&cloud, "alice's", &keystone.token("alice"));
    cloud.verify();
    cloud.stop();
}

#[test]
fn a_wrong_password_is_named_in_the_log_and_not_tried_at_each_request() {
    let keystone = Keystone::shared();
    let proxy = FaultProxy::before(&keystone.address());
    let mut cloud = setup(&proxy.address())
        .api_in("keystone_authtoken", "password", "wr0ng")
        .start();
    let alice = keystone.token("alice");
    for _ in 0..5 {
        unavailable(cloud.send(list(&alice)));
    }
    assert!(proxy.count(&When::asked("POST", ASKED)) <= 2);
    let log = cloud.api().log();
    let line = "the user glance of [keystone_authtoken] gets no token: status 401";
    assert_eq!(log.matches(line).count(), 1, "{log}");
    assert!(!log.contains("wr0ng") && !log.contains(&alice), "{log}");
    cloud.stop();
}

#[test]
fn a_section_that_cannot_work_ends_the_start() {
    for (name, value, reason) in [
        ("auth_url", "", "auth_url is missing"),
        ("auth_type", "v2password", "version 2"),
        ("cafile", "/no/such/file", "/no/such/file"),
    ] {
        let cloud = setup("127.0.0.1:1")
            .both("keystone_authtoken", name, value)
            .prepare();
        for daemon in ["glance-api", "glance-registry"] {
            let (conf, log) = (cloud.path(&format!("{daemon}.conf")), cloud.path("out"));
            let mut daemon = Daemon::start(daemon, &conf, &log, &[]);
            assert!(!daemon.wait(10).success());
            assert!(daemon.log().contains(reason), "{}", daemon.log());
        }
    }
}

#[test]
fn no_token_reaches_a_log() {
    let keystone = Keystone::shared();
    let mut cloud = setup(&keystone.address())
        .both("DEFAULT", "debug", "True")
        .both(
            "DEFAULT",
            "default_log_levels",
            "hyper=DEBUG,hyper_util=DEBUG,rustls=DEBUG",
        )
        .start();
    let alice = keystone.token("alice");
    create(&cloud, "alice's", &alice);
    cloud.registry().signal(Signal::HUP);
    let logs = cloud.logs();
    assert!(!logs.contains(&alice) && !logs.contains("glance-secret"));
    cloud.stop();
}
