//! `/healthcheck`: what load balancers ask, as oslo.middleware answers it, in both daemons.

use functional::{Cloud, Request, Response, Setup, Signal, eventually};

const DAEMONS: [fn(&Cloud, Request) -> Response; 2] = [Cloud::send, |cloud, request| {
    cloud.send_to_registry(request)
}];

fn disabled_by(path: &std::path::Path, setup: Setup) -> Setup {
    let path = path.display().to_string();
    setup.both("healthcheck", "disable_by_file_path", &path)
}

#[test]
fn a_file_takes_both_daemons_out_of_service() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("disable");
    let cloud = disabled_by(&file, Setup::new()).start();
    for send in DAEMONS {
        let well = send(&cloud, Request::get("/healthcheck")).expect(200);
        assert_eq!(well.text(), "OK");
        assert_eq!(
            well.header("Content-Type"),
            Some("text/plain; charset=UTF-8")
        );
        // Nobody is asked who he is, and the method means nothing.
        send(&cloud, Request::post("/healthcheck")).expect(200);
        let head = send(&cloud, Request::head("/healthcheck")).expect(204);
        assert_eq!(head.body, b"");
        send(&cloud, Request::get("/healthcheck?x=y")).expect(200);
    }
    std::fs::write(&file, "").unwrap();
    for send in DAEMONS {
        let off = send(&cloud, Request::get("/healthcheck")).expect(503);
        assert_eq!(off.text(), "DISABLED BY FILE");
        send(&cloud, Request::head("/healthcheck")).expect(503);
        let as_json = Request::get("/healthcheck").header("Accept", "application/json");
        let off = send(&cloud, as_json).expect(503);
        assert_eq!(off.header("Content-Type"), Some("application/json"));
        let expected = serde_json::json!({"detailed": false, "reasons": ["DISABLED BY FILE"]});
        assert_eq!(off.json(), expected);
        let page = Request::get("/healthcheck").header("Accept", "text/html,*/*;q=0.8");
        let page = send(&cloud, page).expect(503);
        assert_eq!(
            page.header("Content-Type"),
            Some("text/html; charset=UTF-8")
        );
        assert!(page.text().contains("<TD>DISABLED BY FILE</TD>"));
    }
    // It serves on: the file is for load balancers.
    cloud.newcomer().create("served", b"12345");
    std::fs::remove_file(&file).unwrap();
    for send in DAEMONS {
        send(&cloud, Request::get("/healthcheck")).expect(200);
    }
    cloud.stop();
}

#[test]
fn each_port_can_have_a_file_of_its_own() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("disable");
    let mut cloud = Setup::new()
        .both("healthcheck", "backends", "disable_by_files_ports")
        .prepare();
    cloud.start_registry();
    cloud.start_api();
    let port = cloud.address().rsplit_once(':').unwrap().1.to_owned();
    let paths = format!("1:/nowhere, {port}:{}", file.display());
    cloud.set_api("healthcheck", "disable_by_file_paths", &paths);
    std::fs::write(&file, "").unwrap();
    cloud.send(Request::get("/healthcheck")).expect(200);
    cloud.api().signal(Signal::HUP);
    eventually("the reload is done", 5, || {
        cloud.send(Request::get("/healthcheck")).status == 503
    });
    cloud
        .send_to_registry(Request::get("/healthcheck"))
        .expect(200);
    cloud.stop();
}

#[test]
fn its_path_and_its_details_can_be_chosen() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("disable");
    let cloud = disabled_by(&file, Setup::new())
        .both("healthcheck", "path", "/alive")
        .both("healthcheck", "detailed", "True")
        .start();
    for send in DAEMONS {
        let request = Request::get("/alive").header("Accept", "application/json");
        let health = send(&cloud, request).expect(200).json();
        assert_eq!(health["detailed"], true);
        let expected = serde_json::json!([{
            "class": "HealthcheckResult",
            "details": format!("Path '{}' was not found", file.display()),
            "reason": "OK",
        }]);
        assert_eq!(health["reasons"], expected);
        assert_eq!(send(&cloud, Request::get("/alive")).text(), "OK");
    }
    cloud.send(Request::get("/healthcheck")).expect(300);
    cloud
        .send_to_registry(Request::get("/healthcheck"))
        .expect(401);
    cloud.stop();
}

#[test]
fn it_needs_no_registry() {
    let mut cloud = Setup::new().start();
    cloud.take_registry().stop();
    assert_eq!(
        cloud.send(Request::get("/healthcheck")).expect(200).text(),
        "OK"
    );
    cloud.stop();
}
