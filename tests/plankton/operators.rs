//! What operators have of Glance mode they have here, too: numbers, ids of requests, the health
//! check, the protection of properties.

use functional::{Connection, Port, Request, Synnefo, eventually};

use crate::story::{Story, fault, get};

#[test]
fn requests_are_counted_logged_and_have_ids() {
    let metrics = Port::take();
    let setup = Synnefo::shared().image_service();
    let mut story = Story::with(setup.api_in("metrics", "listen", &metrics.address()));
    let alice = story.alice.clone();
    let id = story.register(&alice, "x", b"data");
    let request = get("/images/detail").header("X-OpenStack-Request-ID", "req-told");
    let listed = story.send(&alice, request).expect(200);
    assert_eq!(listed.header("X-OpenStack-Request-ID"), Some("req-told"));
    let shown = story.show(&alice, &id).expect(200);
    let own = shown.header("X-OpenStack-Request-ID").unwrap_or_default();
    assert!(own.starts_with("req-"), "{own}");
    // Both are written when the answer has left.
    let counted = |route: &str| {
        let numbers = Connection::open(&metrics.address())
            .and_then(|mut connection| connection.exchange(&Request::get("/metrics")));
        let numbers = numbers.unwrap().expect(200).text();
        assert!(!numbers.contains(&id));
        let route = format!("\"{route}\"");
        let mut lines = numbers.lines();
        lines.any(|line| line.starts_with("glance_api_requests_total") && line.contains(&route))
    };
    eventually("the requests are counted", 20, || {
        counted("(plankton)/images/detail") && counted("(plankton)/images/{id}")
    });
    let api = story.cloud.api();
    eventually("the request is logged", 20, || {
        let log = api.log();
        let mut lines = log.lines();
        lines.any(|it| it.contains("req-told") && it.contains("/image/v1.0/images/detail 200"))
    });
    story.cloud.send(Request::get("/healthcheck")).expect(200);
}

#[test]
fn protected_properties_are_protected() {
    let rules = |read, write| {
        format!("create = {write}\nread = {read}\nupdate = {write}\ndelete = {write}\n")
    };
    let file = std::env::temp_dir().join(format!("plankton-protect-{}.conf", std::process::id()));
    let text = format!(
        "[^fixed_.*]\n{}\n[^hidden_.*]\n{}\n[.*]\n{}",
        rules("@", "!"),
        rules("!", "@"),
        rules("@", "@"),
    );
    std::fs::write(&file, text).unwrap();
    let setup = Synnefo::shared().image_service();
    let story = Story::with(setup.api("property_protection_file", &file.display().to_string()));
    std::fs::remove_file(&file).unwrap();
    let alice = &story.alice;
    story.upload(alice, "p", b"data");
    let with = |name: &str| {
        let request = story.registration(alice, "p", "p");
        story.send(
            alice,
            request.header(&format!("X-Image-Meta-Property-{name}"), "1"),
        )
    };
    fault(with("fixed-a"), 405);
    assert!(story.names(alice, "").is_empty());
    let id = with("hidden-a").expect(200).meta("Id").to_owned();
    let shown = story.show(alice, &id).expect(200);
    assert_eq!(shown.header("X-Image-Meta-Property-Hidden-A"), None);
    assert_eq!(
        story.listed(alice, &id)["properties"],
        serde_json::json!({})
    );
    fault(
        story.update(alice, &id, &[("X-Image-Meta-Property-Fixed-B", "1")]),
        405,
    );
    let open = [("X-Image-Meta-Property-Open", "1")];
    story.update(alice, &id, &open).expect(200);
    let properties = &story.listed(alice, &id)["properties"];
    assert_eq!(*properties, serde_json::json!({ "open": "1" }));
}
