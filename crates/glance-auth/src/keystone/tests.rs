//! What the flavor `keystone` promises, before a Keystone that does as it is told.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use actix_http::header::{HeaderName, HeaderValue};
use actix_http::{Request, RequestHead};
use glance_config::{AccessConfig, CacheTime, KeystoneAuthtoken};

use super::testing::{Asked, FakeKeystone, Told, body, config};
use super::*;
use crate::given::LONGEST_TOKEN;

/// Tokens are `user-…`, `expired-…`, `service-…`; any other is nobody's.
fn usual(asked: &Asked) -> Told {
    if asked.line.starts_with("POST") {
        let token = "X-Subject-Token: ours\r\n".to_owned();
        return (201, token, body("glance", 3600, "service"));
    }
    let subject = asked.header("x-subject-token");
    let (user, _) = subject.split_once('-').unwrap_or(("", ""));
    let seconds = match user {
        "expired" if asked.line.contains("allow_expired=1") => -5,
        "expired" => return (404, String::new(), String::new()),
        "short" => 4,
        _ => 3600,
    };
    match user {
        "service" => (200, String::new(), body(user, seconds, "service")),
        "user" | "expired" | "short" => (200, String::new(), body(user, seconds, "Member")),
        "broken" => (500, String::new(), String::new()),
        _ => (404, String::new(), String::new()),
    }
}

fn keystone(config: &KeystoneAuthtoken) -> Keystone {
    Keystone::new(AccessRules::from(&AccessConfig::default()), config).unwrap()
}

fn head(headers: &[(&str, &str)]) -> RequestHead {
    let mut request = Request::new();
    for (name, value) in headers {
        let name: HeaderName = name.parse().unwrap();
        let value = HeaderValue::from_bytes(value.as_bytes()).unwrap();
        request.headers_mut().append(name, value);
    }
    let (head, _) = request.into_parts();
    RequestHead::clone(&head)
}

async fn ask(keystone: &Keystone, headers: &[(&str, &str)]) -> Result<Identity, AuthError> {
    keystone.authenticate(&head(headers)).await
}

async fn with_token(keystone: &Keystone, token: &str) -> Result<Identity, AuthError> {
    ask(keystone, &[("x-auth-token", token)]).await
}

#[tokio::test]
async fn a_token_says_who_calls_and_headers_do_not() {
    let server = FakeKeystone::start(usual);
    let keystone = keystone(&config(&server.url));
    let headers = [
        ("x-auth-token", "user-1"),
        ("x-identity-status", "Confirmed"),
        ("x-roles", "admin"),
        ("x-user-id", "root"),
        ("x-tenant-id", "everything"),
    ];
    let identity = ask(&keystone, &headers).await.unwrap();
    assert_eq!(identity.user.as_deref(), Some("user"));
    assert_eq!(identity.tenant.as_deref(), Some("p-user"));
    assert_eq!(identity.roles, ["member"]);
    assert!(!identity.is_admin);
    assert_eq!(identity.service_catalog.as_deref(), Some("[]"));
    assert_eq!(
        ask(&keystone, &headers[1..]).await.unwrap_err(),
        AuthError::Rejected
    );
    let asked = server.asked();
    assert_eq!(asked[0].line, "POST /v3/auth/tokens?nocatalog HTTP/1.1");
    assert_eq!(asked[1].line, "GET /v3/auth/tokens HTTP/1.1");
    assert_eq!(asked[1].header("x-auth-token"), "ours");
    assert_eq!(asked.len(), 2);
}

#[tokio::test]
async fn many_who_come_with_one_token_make_one_request() {
    let server = FakeKeystone::start(|asked| {
        std::thread::sleep(Duration::from_millis(100));
        usual(asked)
    });
    let keystone = keystone(&config(&server.url));
    // The first of them leaves.
    let gone = tokio::time::timeout(Duration::from_millis(20), with_token(&keystone, "user-1"));
    assert!(gone.await.is_err());
    let all = (0..50).map(|_| with_token(&keystone, "user-1"));
    for outcome in futures_util::future::join_all(all).await {
        outcome.unwrap();
    }
    with_token(&keystone, "user-1").await.unwrap();
    assert_eq!((server.count("POST"), server.count("GET")), (1, 1));
    // Nor do many with many tokens ask for ours more than once.
    let tokens: Vec<_> = (0..20).map(|number| format!("user-x{number}")).collect();
    let all = tokens.iter().map(|token| with_token(&keystone, token));
    futures_util::future::join_all(all).await;
    assert_eq!((server.count("POST"), server.count("GET")), (1, 21));
}

#[tokio::test]
async fn hopeless_tokens_are_refused_without_asking() {
    let server = FakeKeystone::start(usual);
    let keystone = keystone(&config(&server.url));
    let long = "x".repeat(LONGEST_TOKEN + 1);
    for token in ["", " ", "a b", "a\tb", "жук", long.as_str()] {
        let refused = with_token(&keystone, token).await;
        assert_eq!(refused.unwrap_err(), AuthError::Rejected, "{token:?}");
    }
    let two = [("x-auth-token", "user-1"), ("x-auth-token", "user-2")];
    assert!(ask(&keystone, &two).await.is_err());
    assert_eq!(server.asked().len(), 0);
    let other_name = [("x-storage-token", "user-1")];
    assert!(ask(&keystone, &other_name).await.is_ok());
}

#[tokio::test]
async fn a_bad_token_is_asked_about_once() {
    let server = FakeKeystone::start(usual);
    let keystone = keystone(&config(&server.url));
    for _ in 0..3 {
        let refused = with_token(&keystone, "nobody").await;
        assert_eq!(refused.unwrap_err(), AuthError::Rejected);
    }
    assert_eq!(server.count("GET"), 1);
}

#[tokio::test]
async fn nothing_is_cached_past_expiry_or_where_there_is_no_cache() {
    let server = FakeKeystone::start(usual);
    let cached = keystone(&config(&server.url));
    with_token(&cached, "short-1").await.unwrap();
    with_token(&cached, "short-1").await.unwrap();
    assert_eq!(server.count("GET"), 1);
    tokio::time::sleep(Duration::from_millis(4050)).await;
    with_token(&cached, "short-1").await.unwrap();
    assert_eq!(server.count("GET"), 2);
    let uncached = keystone(&KeystoneAuthtoken {
        token_cache_time: CacheTime(None),
        ..config(&server.url)
    });
    with_token(&uncached, "user-1").await.unwrap();
    with_token(&uncached, "user-1").await.unwrap();
    assert_eq!(server.count("GET"), 4);
}

#[tokio::test]
async fn a_service_may_bring_a_token_that_has_expired() {
    let server = FakeKeystone::start(usual);
    let keystone = keystone(&config(&server.url));
    let both = |service| [("x-auth-token", "expired-1"), ("x-service-token", service)];
    assert_eq!(
        ask(&keystone, &both("user-9")).await.unwrap_err(),
        AuthError::Rejected
    );
    let identity = ask(&keystone, &both("service-1")).await.unwrap();
    assert_eq!(identity.user.as_deref(), Some("expired"));
    assert_eq!(identity.roles, ["member"]);
    // That is not believed without the service.
    assert_eq!(
        with_token(&keystone, "expired-1").await.unwrap_err(),
        AuthError::Rejected
    );
    // Nor does a good token help beside a bad service token.
    for bad in ["nobody", "a b"] {
        let headers = [("x-auth-token", "user-1"), ("x-service-token", bad)];
        let refused = ask(&keystone, &headers).await;
        assert_eq!(refused.unwrap_err(), AuthError::Rejected);
    }
    let asked = server.asked();
    assert!(
        asked
            .iter()
            .any(|asked| asked.line.contains("?allow_expired=1 "))
    );
}

#[tokio::test]
async fn service_roles_can_be_required() {
    let server = FakeKeystone::start(usual);
    let both = [("x-auth-token", "user-1"), ("x-service-token", "user-2")];
    assert!(ask(&keystone(&config(&server.url)), &both).await.is_ok());
    let strict = keystone(&KeystoneAuthtoken {
        service_token_roles_required: true,
        ..config(&server.url)
    });
    assert!(ask(&strict, &both).await.is_err());
}

#[tokio::test]
async fn the_decision_can_be_left_to_allow_anonymous_access() {
    let server = FakeKeystone::start(usual);
    let delaying = KeystoneAuthtoken {
        delay_auth_decision: true,
        ..config(&server.url)
    };
    let access = AccessConfig {
        allow_anonymous_access: true,
        ..AccessConfig::default()
    };
    let open = Keystone::new(AccessRules::from(&access), &delaying).unwrap();
    for headers in [&[][..], &[("x-auth-token", "nobody")]] {
        let stranger = ask(&open, headers).await.unwrap();
        assert!(stranger.read_only && stranger.token.is_none());
    }
    let closed = keystone(&delaying);
    assert_eq!(
        ask(&closed, &[]).await.unwrap_err(),
        AuthError::Unauthorized
    );
    assert_eq!(
        closed.challenge(),
        Some(&*format!("Keystone uri='{}'", server.url))
    );
}

#[tokio::test]
async fn our_token_is_renewed_when_it_is_refused_and_before_it_expires() {
    let logins = Arc::new(AtomicUsize::new(0));
    let numbers = logins.clone();
    let server = FakeKeystone::start(move |asked| {
        if asked.line.starts_with("POST") {
            let number = numbers.fetch_add(1, Ordering::SeqCst);
            let token = format!("X-Subject-Token: ours{number}\r\n");
            return (
                201,
                token,
                body("glance", if number == 0 { 3600 } else { 8 }, "service"),
            );
        }
        match asked.header("x-auth-token") {
            "ours0" => (401, String::new(), String::new()),
            _ => usual(asked),
        }
    });
    let keystone = keystone(&config(&server.url));
    with_token(&keystone, "user-1").await.unwrap();
    assert_eq!(logins.load(Ordering::SeqCst), 2);
    with_token(&keystone, "user-2").await.unwrap();
    assert_eq!(logins.load(Ordering::SeqCst), 2);
    tokio::time::sleep(Duration::from_millis(6100)).await;
    with_token(&keystone, "user-3").await.unwrap();
    assert_eq!(logins.load(Ordering::SeqCst), 3);
}

#[tokio::test]
async fn a_user_of_ours_that_is_refused_is_not_tried_at_each_request() {
    let server = FakeKeystone::start(|_| (401, String::new(), String::new()));
    let keystone = keystone(&config(&server.url));
    for number in 0..5 {
        let refused = with_token(&keystone, &format!("user-{number}")).await;
        assert_eq!(refused.unwrap_err(), AuthError::Unavailable);
    }
    assert_eq!(server.asked().len(), 1);
    assert!(keystone.service_token().unwrap().token().await.is_none());
}

#[tokio::test]
async fn without_keystone_known_tokens_go_on() {
    let away = Arc::new(AtomicBool::new(false));
    let is_away = away.clone();
    let server = FakeKeystone::start(move |asked| {
        if is_away.load(Ordering::SeqCst) {
            std::thread::sleep(Duration::from_secs(3));
        }
        usual(asked)
    });
    let keystone = keystone(&config(&server.url));
    with_token(&keystone, "user-1").await.unwrap();
    away.store(true, Ordering::SeqCst);
    assert_eq!(
        with_token(&keystone, "user-2").await.unwrap_err(),
        AuthError::Unavailable
    );
    with_token(&keystone, "user-1").await.unwrap();
    // Now that it is known, one finds out whether it is over, and the others do not wait.
    let begin = Instant::now();
    let tokens: Vec<_> = (3..20).map(|number| format!("user-{number}")).collect();
    let all = tokens.iter().map(|token| with_token(&keystone, token));
    for outcome in futures_util::future::join_all(all).await {
        assert_eq!(outcome.unwrap_err(), AuthError::Unavailable);
    }
    // One after the other they would wait for most of a minute.
    assert!(begin.elapsed() < Duration::from_secs(20));
    away.store(false, Ordering::SeqCst);
    with_token(&keystone, "user-2").await.unwrap();
}

#[tokio::test]
async fn odd_answers_are_no_verdict() {
    let server = FakeKeystone::start(usual);
    let keystone = keystone(&config(&server.url));
    assert_eq!(
        with_token(&keystone, "broken-1").await.unwrap_err(),
        AuthError::Unavailable
    );
    with_token(&keystone, "user-1").await.unwrap();
    // It is asked twice about the first.
    assert_eq!(server.count("GET"), 3);
}
