//! Between the daemons: TLS, certificates at both ends, the secret they share, and whom the registry
//! believes.

use std::time::Duration;

use functional::{
    Authority, Cloud, Connection, Daemon, Request, Response, Setup, Signal, eventually,
};

const SECRET: &str = "0123456789-the-right-one";
const OTHER: &str = "0123456789-the-wrong-one";

/// A cloud whose registry shows a certificate of this authority.
fn secure(authority: &Authority) -> Setup {
    let shown = authority.sign("registry");
    Setup::new().registry_over_tls(&shown, &authority.believers())
}

fn ca(authority: &Authority) -> String {
    authority.ca_file().display().to_string()
}

#[track_caller]
fn works(cloud: &Cloud) {
    let owner = cloud.newcomer();
    let id = owner.create("kept", b"12345");
    assert_eq!(owner.download(&id).expect(200).body, b"12345");
    assert_eq!(owner.list(""), [id.as_str()]);
    owner.delete(&id).expect(200);
}

/// The client is told to come back, and the operator why.
#[track_caller]
fn is_unavailable(cloud: &Cloud, reason: &str) {
    let owner = cloud.newcomer();
    let answer = owner.send(Request::get("/v1/images")).expect(503);
    assert!(answer.header("Retry-After").is_some());
    assert!(!answer.text().contains(reason), "{}", answer.text());
    eventually(reason, 5, || {
        let log = cloud.logs();
        let mut lines = log.lines();
        lines.any(|line| line.contains("the registry is unavailable") && line.contains(reason))
    });
}

#[test]
fn the_registry_is_reached_over_tls() {
    let authority = Authority::new();
    let cloud = secure(&authority)
        .api("registry_client_ca_file", &ca(&authority))
        .start();
    works(&cloud);
    let inspection = cloud.inspect("verify");
    assert_eq!(inspection.status, Some(0), "{:?}", inspection.lines);
    let plain = Connection::open(cloud.registry_address())
        .and_then(|mut connection| connection.exchange(&Request::get("/images")));
    plain.unwrap().expect(400);
    cloud.stop();
}

#[test]
fn glances_own_variables_name_the_files_too() {
    let authority = Authority::new();
    let own = authority.sign("api");
    let (cert_file, key_file) = own.paths();
    let cloud = Setup::new()
        .registry_over_tls(&authority.sign("registry"), &authority.believers_with(&own))
        .registry("ca_file", &ca(&authority))
        .api_environment("GLANCE_CLIENT_CA_FILE", &ca(&authority))
        .api_environment("GLANCE_CLIENT_CERT_FILE", &cert_file)
        .api_environment("GLANCE_CLIENT_KEY_FILE", &key_file)
        .start();
    works(&cloud);
    cloud.stop();
}

#[test]
fn both_show_certificates() {
    let authority = Authority::new();
    let (shown, own) = (authority.sign("registry"), authority.sign("api"));
    let (cert_file, key_file) = own.paths();
    let mut cloud = Setup::new()
        .registry_over_tls(&shown, &authority.believers_with(&own))
        .registry("ca_file", &ca(&authority))
        .api("registry_client_ca_file", &ca(&authority))
        .api("registry_client_cert_file", &cert_file)
        .api("registry_client_key_file", &key_file)
        .start();
    works(&cloud);
    let stranger = Connection::open_tls(cloud.registry_address(), &authority.believers())
        .and_then(|mut connection| connection.exchange(&Request::get("/images")));
    assert!(stranger.is_err(), "{stranger:?}");

    // Both are renewed while the daemons run, under another authority.
    let other = Authority::new();
    for (from, to) in [(other.sign("registry"), &shown), (other.sign("api"), &own)] {
        std::fs::copy(from.cert_file, &to.cert_file).unwrap();
        std::fs::copy(from.key_file, &to.key_file).unwrap();
    }
    std::fs::copy(other.ca_file(), authority.ca_file()).unwrap();
    cloud.registry().signal(Signal::HUP);
    cloud.api().signal(Signal::HUP);
    let clients = other.believers_with(&own);
    eventually("the new one is shown", 10, || {
        Connection::open_tls(cloud.registry_address(), &clients)
            .and_then(|mut connection| connection.exchange(&Request::get("/images")))
            .is_ok()
    });
    // Whom glance-api believes is read at its start.
    cloud.take_api().stop();
    cloud.start_api();
    works(&cloud);
}

#[test]
fn an_api_without_a_certificate_is_refused() {
    let authority = Authority::new();
    let own = authority.sign("story");
    let cloud = Setup::new()
        .registry_over_tls(&authority.sign("registry"), &authority.believers_with(&own))
        .registry("ca_file", &ca(&authority))
        .api("registry_client_ca_file", &ca(&authority))
        .start();
    is_unavailable(&cloud, "ertificate");
    cloud.stop();
}

#[test]
fn any_certificate_is_believed_only_by_those_who_ask_for_that() {
    let authority = Authority::new();
    let careless = secure(&authority)
        .api("registry_client_insecure", "True")
        .start();
    works(&careless);
    careless.stop();
    let careful = secure(&authority).start();
    is_unavailable(&careful, "certificate");
    careful.stop();
    let missing = secure(&authority)
        .api("registry_client_ca_file", "/nowhere/ca.pem")
        .prepare();
    let conf = missing.path("glance-api.conf");
    let mut api = Daemon::start("glance-api", &conf, &missing.path("out"), &[]);
    assert_eq!(api.wait(20).code(), Some(1));
    let log = api.log();
    assert!(
        log.contains("registry_client_ca_file: /nowhere/ca.pem"),
        "{log}"
    );
}

#[test]
fn another_authority_is_not_believed() {
    let (authority, other) = (Authority::new(), Authority::new());
    let cloud = secure(&authority)
        .api("registry_client_ca_file", &ca(&other))
        .start();
    is_unavailable(&cloud, "certificate");
    cloud.stop();
}

#[test]
fn a_silent_client_of_the_registry_holds_up_nobody() {
    let authority = Authority::new();
    let cloud = secure(&authority)
        .api("registry_client_ca_file", &ca(&authority))
        .registry("workers", "1")
        .registry_in("service", "request_head_timeout", "2")
        .start();
    let open = |_| Connection::open(cloud.registry_address()).unwrap();
    let mut silent: Vec<Connection> = (0..50).map(open).collect();
    works(&cloud);
    for connection in &mut silent {
        assert!(connection.closes_within(Duration::from_secs(8)));
    }
    cloud.stop();
}

fn with_secrets(api: Option<&str>, registry: Option<&str>) -> Cloud {
    let mut setup = Setup::new();
    if let Some(secret) = api {
        setup = setup.api_in("service", "registry_secret", secret);
    }
    if let Some(secret) = registry {
        setup = setup.registry_in("service", "registry_secret", secret);
    }
    setup.start()
}

#[test]
fn the_secret_opens_the_registry() {
    let cloud = with_secrets(Some(SECRET), Some(SECRET));
    works(&cloud);
    let ask = |secret: Option<&str>| -> Response {
        let get = Request::get("/images").by(&functional::Identity::admin());
        cloud.send_to_registry(match secret {
            Some(secret) => get.header("X-Glance-Registry-Secret", secret),
            None => get,
        })
    };
    ask(Some(SECRET)).expect(200);
    for wrong in [None, Some(OTHER), Some(""), Some(&SECRET[1..])] {
        let refused = ask(wrong).expect(401);
        assert_eq!(refused.header("WWW-Authenticate"), Some("Registry-Secret"));
    }
    cloud
        .send_to_registry(Request::get("/healthcheck"))
        .expect(200);
    cloud.logs_tell_nothing_of(&[SECRET, OTHER]);
    cloud.stop();
}

#[test]
fn without_the_right_secret_nothing_works_and_the_log_says_why() {
    for api in [None, Some(OTHER)] {
        let cloud = with_secrets(api, Some(SECRET));
        is_unavailable(&cloud, "registry_secret");
        cloud.logs_tell_nothing_of(&[SECRET, OTHER]);
        cloud.stop();
    }
    // A registry of Glance's does not know what the header is, and goes on.
    let cloud = with_secrets(Some(SECRET), None);
    works(&cloud);
    cloud.stop();
}

#[test]
fn a_client_never_passes_a_secret_on() {
    let cloud = with_secrets(None, Some(SECRET));
    let smuggled = Request::get("/v1/images").header("X-Glance-Registry-Secret", SECRET);
    cloud.newcomer().send(smuggled).expect(503);
    cloud.stop();
}

/// What the registry's log has of its trust in strangers, with these options.
fn warnings(setup: Setup) -> usize {
    let cloud = setup
        .both("paste_deploy", "flavor", "trusted-auth")
        .api("send_identity_headers", "True")
        .start();
    let warnings = cloud
        .logs()
        .matches("is believed to be whoever he says")
        .count();
    cloud.stop();
    warnings
}

#[test]
fn a_registry_that_believes_strangers_is_warned_of() {
    let open = || Setup::new().registry("bind_host", "0.0.0.0");
    assert_eq!(warnings(Setup::new()), 0);
    assert_eq!(warnings(open()), 1);
    assert_eq!(
        warnings(open().both("service", "registry_secret", SECRET)),
        0
    );
}
