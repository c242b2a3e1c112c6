//! Who asks: the token that Astakos knows, and nothing else.

use functional::{FaultProxy, Request, Response, Synnefo, When, eventually, image_service};

use crate::story::{NOBODYS, PREFIX, Story, fault, get};

/// Every call of the guide's first table.
const CALLS: [(&str, &str); 12] = [
    ("GET", "/images"),
    ("GET", "/images/"),
    ("GET", "/images/detail"),
    ("POST", "/images/"),
    ("PUT", "/images/ID"),
    ("HEAD", "/images/ID"),
    ("GET", "/images/ID"),
    ("DELETE", "/images/ID"),
    ("GET", "/images/ID/members"),
    ("PUT", "/images/ID/members"),
    ("PUT", "/images/ID/members/x"),
    ("GET", "/shared-images/x"),
];

fn call((method, path): (&str, &str)) -> Request {
    Request::new(method, format!("{PREFIX}{}", path.replace("ID", NOBODYS)))
}

#[track_caller]
fn unauthorized(answer: Response, head: bool) {
    match head {
        true => drop(answer.expect(401)),
        false => drop(fault(answer, 401)),
    }
}

#[test]
fn every_call_needs_a_token_of_a_user() {
    let story = Story::begin();
    let synnefo = story.synnefo;
    let bad = [
        "not-a-token".to_owned(),
        String::new(),
        "café".to_owned(),
        synnefo.user("dave").token,
        synnefo.user("erin").token,
        synnefo.component_token(),
    ];
    for (method, path) in CALLS {
        let head = method == "HEAD";
        unauthorized(story.cloud.send(call((method, path))), head);
        for token in &bad {
            let answer = call((method, path)).header("X-Auth-Token", token);
            unauthorized(story.cloud.send(answer), head);
        }
    }
    let bearer = format!("Bearer {}", story.alice.token);
    let answer = get("/images/").header("Authorization", bearer);
    fault(story.cloud.send(answer), 401);
}

#[test]
fn no_header_but_the_token_says_who_calls() {
    let story = Story::begin();
    story.register(&story.alice, "x", b"data");
    let pretend = |request: Request| {
        request
            .header("X-Identity-Status", "Confirmed")
            .header("X-User-Id", &story.alice.uuid)
            .header("X-Tenant-Id", &story.alice.uuid)
            .header("X-Roles", "admin")
    };
    fault(story.cloud.send(pretend(get("/images/"))), 401);
    let seen = story.send(&story.bob, pretend(get("/images/"))).expect(200);
    assert_eq!(seen.json(), serde_json::json!([]));
}

#[test]
fn a_token_in_the_query_comes_first() {
    let mut story = Story::begin();
    story.register(&story.alice, "x", b"data");
    let token = story.alice.token.clone();
    let query = get(&format!("/images/?X-Auth-Token={token}"));
    assert_eq!(
        story
            .cloud
            .send(query)
            .expect(200)
            .json()
            .as_array()
            .unwrap()
            .len(),
        1
    );
    let bad = get("/images/?X-Auth-Token=bad");
    fault(story.send(&story.alice, bad), 401);
    // And is in no log.
    assert!(!story.cloud.logs().contains(&token));
    assert!(story.cloud.api().log().contains("/images/"));
}

#[test]
fn a_token_is_good_until_it_expires_or_is_revoked() {
    let setup = Synnefo::shared().image_service();
    let story = Story::with(setup.api_in("astakos", "token_cache_time", "1"));
    let synnefo = story.synnefo;
    let list = |token: &str| {
        story
            .cloud
            .send(get("/images/").header("X-Auth-Token", token))
    };
    let short = synnefo.issue("alice", 2);
    list(&short).expect(200);
    eventually("it has expired", 20, || list(&short).status == 401);
    let revoked = synnefo.issue("alice", 1000);
    list(&revoked).expect(200);
    synnefo.revoke(&revoked);
    eventually("it is forgotten", 20, || list(&revoked).status == 401);
}

#[test]
fn a_token_that_pithos_refuses_already_is_refused() {
    let story = Story::begin();
    let synnefo = story.synnefo;
    let alice = &story.alice;
    let id = story.register(alice, "x", b"data");
    let token = synnefo.issue("alice", 1000);
    let by_token = |request: Request| story.cloud.send(request.header("X-Auth-Token", &token));
    by_token(get("/images/")).expect(200);
    synnefo.revoke(&token);
    // We know it still, and Pithos does not.
    let registration = story.registration(alice, "y", "x");
    let answers = [
        by_token(get("/images/")),
        by_token(get(&format!("/images/{id}/members"))),
        by_token(registration),
    ];
    for answer in answers {
        fault(answer, 401);
    }
    assert_eq!(story.names(alice, ""), ["x"]);
}

#[test]
fn many_requests_with_a_new_token_are_one_question() {
    let synnefo = Synnefo::shared();
    let astakos = FaultProxy::before(&synnefo.astakos());
    let story = Story::with(image_service(&synnefo.pithos(), &astakos.address()));
    std::thread::scope(|scope| {
        for _ in 0..20 {
            scope.spawn(|| story.send(&story.alice, get("/images/")).expect(200));
        }
    });
    let asked = When::asked("POST", "/astakos/identity/v2.0/tokens");
    assert_eq!(astakos.count(&asked), 1);
}

#[test]
fn while_astakos_is_down_known_tokens_go_on() {
    let synnefo = Synnefo::shared();
    let astakos = FaultProxy::before(&synnefo.astakos());
    let setup = image_service(&synnefo.pithos(), &astakos.address());
    let mut story = Story::with(setup.api_in("astakos", "retries", "0"));
    let (alice, bob) = (story.alice.clone(), story.bob.clone());
    let id = story.register(&alice, "x", b"data");
    astakos.refuse();
    assert_eq!(story.names(&alice, ""), ["x"]);
    story
        .update(&alice, &id, &[("X-Image-Meta-Name", "y")])
        .expect(200);
    for request in CALLS {
        let answer = story.send(&bob, call(request)).expect(503);
        assert!(answer.header("Retry-After").is_some());
        if request.0 != "HEAD" {
            fault(answer, 503);
        }
    }
    // Without a token nobody need be asked.
    fault(story.cloud.send(get("/images/")), 401);
    let log = story.cloud.api().log();
    assert_eq!(log.matches("it cannot be reached").count(), 1, "{log}");
    astakos.accept();
    eventually("Astakos is back", 20, || {
        story.send(&bob, get("/images/")).status == 200
    });
}
