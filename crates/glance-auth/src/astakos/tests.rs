//! What the flavor `astakos` promises, before an Astakos that does as it is told.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use actix_http::header::{HeaderName, HeaderValue};
use actix_http::{Request, RequestHead, Uri};
use glance_config::{CacheTime, Secret};

use super::*;
use crate::stub::{Asked, Stub, Told};

const OWN: &str = "0123456789abcdef0123456789abcdef";

/// Tokens are `user-…` and `short-…`; any other is nobody's.
fn usual(asked: &Asked) -> Told {
    let seconds = match asked.body.split_once(r#"{"id":""#) {
        Some((_, token)) if token.starts_with("user-") => 3600,
        Some((_, token)) if token.starts_with("short-") => 1,
        Some((_, token)) if token.starts_with("expired-") => {
            return refused("Authentication expired");
        }
        _ => return refused("Invalid token"),
    };
    let expires = chrono::Utc::now() + chrono::TimeDelta::seconds(seconds);
    let body = format!(
        r#"{{"access": {{"token": {{"expires": "{}", "id": "t", "tenant": {{"id": "uuid-1",
            "name": "Alice"}}}}, "serviceCatalog": [], "user": {{"roles_links": [], "projects":
            ["uuid-1"], "id": "uuid-1", "roles": [{{"name": "admin"}}], "name": "Alice"}}}}}}"#,
        expires.format("%Y-%m-%dT%H:%M:%S%.6f+00:00"),
    );
    (200, String::new(), body)
}

fn refused(message: &str) -> Told {
    let body = format!(r#"{{"unauthorized": {{"message": "{message}"}}}}"#);
    (401, String::new(), body)
}

fn config(url: &str) -> AstakosConfig {
    AstakosConfig {
        auth_url: Some(format!("{url}/identity/v2.0")),
        retries: 0,
        ..AstakosConfig::default()
    }
}

fn astakos(config: &AstakosConfig) -> Astakos {
    Astakos::for_users(&AccessConfig::default(), config).unwrap()
}

fn flavor(config: &AstakosConfig) -> Astakos {
    let rules = AccessRules::from(&AccessConfig::default());
    Astakos::for_daemons(rules, config).unwrap()
}

async fn ask(
    astakos: &Astakos,
    target: &str,
    headers: &[(&str, &str)],
) -> Result<Identity, AuthError> {
    let mut request = Request::new();
    *request.uri_mut() = target.parse::<Uri>().unwrap();
    for (name, value) in headers {
        let name: HeaderName = name.parse().unwrap();
        let value = HeaderValue::from_bytes(value.as_bytes()).unwrap();
        request.headers_mut().append(name, value);
    }
    let (head, _) = request.into_parts();
    astakos.authenticate(&RequestHead::clone(&head)).await
}

async fn with_token(astakos: &Astakos, token: &str) -> Result<Identity, AuthError> {
    ask(astakos, "/images", &[("x-auth-token", token)]).await
}

#[tokio::test]
async fn a_token_says_who_calls_and_headers_do_not() {
    let server = Stub::start(usual);
    let astakos = astakos(&config(&server.url));
    let headers = [
        ("x-auth-token", "user-1"),
        ("x-identity-status", "Confirmed"),
        ("x-roles", "admin"),
        ("x-user-id", "root"),
        ("x-tenant-id", "everything"),
    ];
    let identity = ask(&astakos, "/images", &headers).await.unwrap();
    assert_eq!(identity.user.as_deref(), Some("uuid-1"));
    assert_eq!(identity.tenant.as_deref(), Some("uuid-1"));
    assert!(identity.roles.is_empty() && !identity.is_admin);
    assert_eq!(identity.token, Some(Token::new("user-1")));
    let nobody = ask(&astakos, "/images", &headers[1..]).await;
    assert_eq!(nobody.unwrap_err(), AuthError::Unauthorized);
    let asked = server.asked();
    assert_eq!(asked.len(), 1);
    assert_eq!(asked[0].line, "POST /identity/v2.0/tokens HTTP/1.1");
    assert_eq!(asked[0].header("content-type"), "application/json");
    assert_eq!(asked[0].body, r#"{"auth":{"token":{"id":"user-1"}}}"#);
}

#[tokio::test]
async fn the_query_comes_before_the_header() {
    let server = Stub::start(usual);
    let astakos = astakos(&config(&server.url));
    let good = [("x-auth-token", "user-1")];
    for target in [
        "/?X-Auth-Token=user-1",
        "/?a=b&X-Auth-Token=x&X-Auth-Token=user%2D1",
    ] {
        assert!(ask(&astakos, target, &[]).await.is_ok(), "{target}");
    }
    for target in ["/?X-Auth-Token=", "/?x-auth-token=bad", "/?X-Auth-Token"] {
        assert!(ask(&astakos, target, &good).await.is_ok(), "{target}");
        let nobody = ask(&astakos, target, &[]).await;
        assert_eq!(nobody.unwrap_err(), AuthError::Unauthorized, "{target}");
    }
    let bad = ask(&astakos, "/?X-Auth-Token=bad", &good).await;
    assert!(matches!(bad.unwrap_err(), AuthError::Refused(_)));
}

#[tokio::test]
async fn a_refusal_has_the_words_of_astakos_and_is_asked_for_once() {
    let server = Stub::start(usual);
    let astakos = astakos(&config(&server.url));
    for _ in 0..3 {
        let refusal = with_token(&astakos, "expired-1").await.unwrap_err();
        let words = r#"{"unauthorized": {"message": "Authentication expired"}}"#;
        assert_eq!(refusal, AuthError::Refused(words.into()));
    }
    assert_eq!(server.asked().len(), 1);
}

#[tokio::test]
async fn hopeless_tokens_are_refused_without_asking() {
    let server = Stub::start(usual);
    let astakos = astakos(&config(&server.url));
    let long = "x".repeat(crate::given::LONGEST_TOKEN + 1);
    for token in [" a", "a b", "жук", long.as_str()] {
        let refused = with_token(&astakos, token).await;
        assert_eq!(refused.unwrap_err(), AuthError::Refused(unknown_token()));
    }
    assert_eq!(server.asked().len(), 0);
}

#[tokio::test]
async fn many_who_come_with_one_token_make_one_request() {
    let server = Stub::start(|asked| {
        std::thread::sleep(Duration::from_millis(100));
        usual(asked)
    });
    let astakos = astakos(&config(&server.url));
    // The first of them leaves.
    let gone = tokio::time::timeout(Duration::from_millis(20), with_token(&astakos, "user-1"));
    assert!(gone.await.is_err());
    let all = (0..50).map(|_| with_token(&astakos, "user-1"));
    for outcome in futures_util::future::join_all(all).await {
        outcome.unwrap();
    }
    assert_eq!(server.asked().len(), 1);
}

#[tokio::test]
async fn nothing_is_cached_past_expiry_or_where_there_is_no_cache() {
    let server = Stub::start(usual);
    let cached = astakos(&config(&server.url));
    with_token(&cached, "short-1").await.unwrap();
    tokio::time::sleep(Duration::from_millis(1050)).await;
    with_token(&cached, "short-1").await.unwrap();
    assert_eq!(server.asked().len(), 2);
    let uncached = astakos(&AstakosConfig {
        token_cache_time: CacheTime(None),
        ..config(&server.url)
    });
    with_token(&uncached, "user-1").await.unwrap();
    with_token(&uncached, "user-1").await.unwrap();
    assert_eq!(server.asked().len(), 4);
}

#[tokio::test]
async fn while_astakos_is_down_known_tokens_go_on() {
    static DOWN: AtomicBool = AtomicBool::new(false);
    let server = Stub::start(|asked| match DOWN.load(Ordering::SeqCst) {
        true => (503, String::new(), String::new()),
        false => usual(asked),
    });
    let astakos = astakos(&config(&server.url));
    with_token(&astakos, "user-1").await.unwrap();
    DOWN.store(true, Ordering::SeqCst);
    with_token(&astakos, "user-1").await.unwrap();
    for token in ["user-2", "bad"] {
        let unknown = with_token(&astakos, token).await;
        assert_eq!(unknown.unwrap_err(), AuthError::Unavailable);
    }
    DOWN.store(false, Ordering::SeqCst);
    with_token(&astakos, "user-2").await.unwrap();
    // Nor is an answer believed that makes no sense.
    let odd = Stub::start(|_| (404, String::new(), String::new()));
    let unknown = with_token(&super::tests::astakos(&config(&odd.url)), "user-1").await;
    assert_eq!(unknown.unwrap_err(), AuthError::Unavailable);
}

#[tokio::test]
async fn administrators_and_daemons_are_known_to_the_flavor_only() {
    let server = Stub::start(usual);
    let config = AstakosConfig {
        admin_users: vec!["uuid-1".to_owned()],
        service_token: Some(Secret::new(OWN)),
        ..config(&server.url)
    };
    let (daemons, users) = (flavor(&config), astakos(&config));
    assert!(with_token(&daemons, "user-1").await.unwrap().is_admin);
    assert!(!with_token(&users, "user-1").await.unwrap().is_admin);
    let own = daemons.service_token().unwrap().token().await.unwrap();
    assert_eq!(own, Token::new(OWN));
    let service = with_token(&daemons, OWN).await.unwrap();
    assert!(service.is_admin && service.user.as_deref() == Some("glance"));
    let refused = with_token(&users, OWN).await;
    assert!(matches!(refused.unwrap_err(), AuthError::Refused(_)));
    assert!(users.service_token().is_none());
    assert!(!format!("{daemons:?}").contains(OWN));
}

#[tokio::test]
async fn strangers_are_let_in_by_the_flavor_only_and_where_configured() {
    let server = Stub::start(usual);
    let access = AccessConfig {
        allow_anonymous_access: true,
        ..AccessConfig::default()
    };
    let config = config(&server.url);
    let daemons = Astakos::for_daemons(AccessRules::from(&access), &config).unwrap();
    let stranger = ask(&daemons, "/images", &[]).await.unwrap();
    assert!(stranger.read_only && stranger.token.is_none());
    let refused = with_token(&daemons, "bad").await;
    assert!(matches!(refused.unwrap_err(), AuthError::Refused(_)));
    let users = Astakos::for_users(&access, &config).unwrap();
    let refused = ask(&users, "/images", &[]).await;
    assert_eq!(refused.unwrap_err(), AuthError::Unauthorized);
}
