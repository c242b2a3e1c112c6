//! Tokens that end, answers that are lost and connections that break.

use std::sync::atomic::{AtomicU32, Ordering::SeqCst};

use futures_util::future::join_all;

use super::stub::{Stub, empty, token};
use super::*;
use crate::conformance::{add, bytes, collect, data, nobody};

fn config(stub: &Stub) -> SwiftConfig {
    SwiftConfig {
        swift_store_auth_address: Some(format!("{}/auth/v1.0", stub.url)),
        swift_store_auth_version: SwiftAuthVersion::V1,
        swift_store_user: secret("acc:user"),
        swift_store_key: secret("hunter2"),
        ..SwiftConfig::default()
    }
}

fn location(store: &SwiftStore) -> LocationUrl {
    let access = store.inner.options.access().unwrap();
    let id = ImageId::generate();
    store.inner.place(access, &id).write()
}

fn count(stub: &Stub, begin: &str) -> usize {
    let asked = stub.asked();
    asked.iter().filter(|a| a.line.starts_with(begin)).count()
}

#[tokio::test]
async fn asks_for_one_token_for_all_and_again_when_it_is_refused() {
    let given = AtomicU32::new(0);
    let stub = Stub::start(move |asked| {
        if asked.line.contains("/auth/") {
            return token(asked, &format!("t{}", given.fetch_add(1, SeqCst)));
        }
        match asked.header("x-auth-token") {
            Some("t0") => empty("401 Unauthorized"),
            _ => empty("404 Not Found"),
        }
    })
    .await;
    let store = open(&config(&stub));
    let location = location(&store);
    let caller = nobody();
    let stats = (0..8).map(|_| store.stat(&location, &caller));
    for stat in join_all(stats).await {
        assert!(matches!(stat, Err(StoreError::NotFound)), "{stat:?}");
    }
    assert_eq!(count(&stub, "GET /auth/v1.0/"), 2);
    assert_eq!(stub.asked()[0].header("x-auth-key"), Some("hunter2"));
}

#[tokio::test]
async fn a_token_is_replaced_before_it_ends() {
    let stub = Stub::start(|asked| {
        if asked.line.contains("/auth/") {
            let answer = token(asked, "t");
            return answer.replace(
                "Content-Length",
                "X-Auth-Token-Expires: 6\r\nContent-Length",
            );
        }
        empty("404 Not Found")
    })
    .await;
    let store = open(&config(&stub));
    let location = location(&store);
    for _ in 0..3 {
        let _ = store.stat(&location, &nobody()).await;
    }
    assert_eq!(count(&stub, "GET /auth"), 1);
    tokio::time::sleep(Duration::from_millis(3100)).await;
    let _ = store.stat(&location, &nobody()).await;
    assert_eq!(count(&stub, "GET /auth"), 2);
}

#[tokio::test]
async fn tells_of_refused_credentials_without_them() {
    for refusal in ["401 Unauthorized", "403 Forbidden"] {
        let stub = Stub::start(|_| empty(refusal)).await;
        let store = open(&config(&stub));
        let error = store.stat(&location(&store), &nobody()).await.unwrap_err();
        assert!(matches!(error, StoreError::Unavailable(_)));
        let text = format!("{} {error:?} {store:?}", glance_config::chain(&error));
        assert!(text.contains("refuses the credentials"), "{text}");
        assert!(
            !text.contains("hunter2") && !text.contains("acc:user"),
            "{text}"
        );
        // Nobody asks again at once.
        let _ = store.stat(&location(&store), &nobody()).await;
        assert_eq!(stub.asked().len(), 1);
    }
}

#[tokio::test]
async fn a_new_token_that_is_refused_is_the_stores_trouble() {
    let stub = Stub::start(|asked| match asked.line.contains("/auth/") {
        true => token(asked, "t"),
        false => empty("401 Unauthorized"),
    })
    .await;
    let store = open(&config(&stub));
    let error = store.stat(&location(&store), &nobody()).await.unwrap_err();
    let text = glance_config::chain(&error);
    assert!(text.ends_with("Swift refuses a new token"), "{text}");
}

#[tokio::test]
async fn signs_on_with_version_2() {
    let stub = Stub::start(|asked| {
        if !asked.line.starts_with("POST /v2.0/tokens") {
            return empty("404 Not Found");
        }
        let host = asked.header("host").unwrap();
        let body = serde_json::json!({"access": {
            "token": {"id": "t2", "expires": "2099-01-01T00:00:00Z"},
            "serviceCatalog": [{"type": "object-store", "endpoints": [
                {"region": "R", "publicURL": format!("http://{host}/v1/AUTH_p")},
            ]}],
        }})
        .to_string();
        let length = body.len();
        format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}")
    })
    .await;
    let store = open(&SwiftConfig {
        swift_store_auth_address: Some(format!("{}/v2.0/", stub.url)),
        swift_store_auth_version: SwiftAuthVersion::V2,
        ..config(&stub)
    });
    let stat = store.stat(&location(&store), &nobody()).await;
    assert!(matches!(stat, Err(StoreError::NotFound)), "{stat:?}");
    let asked = stub.asked();
    let ask: Value = serde_json::from_str(&asked[0].body).unwrap();
    let expected = serde_json::json!({"auth": {"tenantName": "acc",
        "passwordCredentials": {"username": "user", "password": "hunter2"}}});
    assert_eq!(ask, expected);
    assert!(asked[1].line.starts_with("HEAD /v1/AUTH_p/glance/"));
    assert_eq!(asked[1].header("x-auth-token"), Some("t2"));
}

/// Ten bytes, of which the first answer gives four.
async fn cutting() -> Stub {
    Stub::start(|asked| {
        if asked.line.contains("/auth/") {
            return token(asked, "t");
        }
        match (asked.header("range"), asked.header("if-match")) {
            (Some("bytes=0-8388607"), None) => {
                "HTTP/1.1 206 Partial Content\r\nContent-Length: 10\r\n\
                 Content-Range: bytes 0-9/10\r\nETag: \"e1\"\r\n\r\n0123"
                    .into()
            }
            (Some("bytes=4-9"), Some("\"e1\"")) => {
                "HTTP/1.1 206 Partial Content\r\nContent-Length: 6\r\n\
                 Content-Range: bytes 4-9/10\r\nETag: \"e1\"\r\n\r\n456789"
                    .into()
            }
            _ => empty("400 Bad Request"),
        }
    })
    .await
}

#[tokio::test]
async fn takes_a_download_up_again_where_it_broke_off() {
    let stub = cutting().await;
    let store = open(&SwiftConfig {
        swift_store_retry_get_count: 1,
        ..config(&stub)
    });
    let got = store.get(&location(&store), None, &nobody()).await.unwrap();
    assert_eq!(got.size, Some(10));
    assert_eq!(collect(got).await.unwrap(), b"0123456789");
}

#[tokio::test]
async fn gives_up_a_broken_download_as_glance_does_by_default() {
    let stub = cutting().await;
    let store = open(&config(&stub));
    let got = store.get(&location(&store), None, &nobody()).await.unwrap();
    let got = collect(got).await;
    assert!(matches!(got, Err(StoreError::Unavailable(_))), "{got:?}");
}

#[tokio::test]
async fn other_data_is_not_the_rest() {
    let stub = Stub::start(|asked| {
        if asked.line.contains("/auth/") {
            return token(asked, "t");
        }
        match asked.header("if-match") {
            // It knows no parts.
            None => "HTTP/1.1 200 OK\r\nContent-Length: 10\r\nETag: \"e1\"\r\n\r\n0123".into(),
            Some(_) => empty("412 Precondition Failed"),
        }
    })
    .await;
    let store = open(&SwiftConfig {
        swift_store_retry_get_count: 1,
        ..config(&stub)
    });
    let got = store.get(&location(&store), None, &nobody()).await.unwrap();
    let error = collect(got).await.unwrap_err();
    let text = glance_config::chain(&error);
    assert!(
        text.ends_with("the data changed while it was read"),
        "{text}"
    );
}

#[tokio::test]
async fn passing_trouble_passes() {
    let asked_before = AtomicU32::new(0);
    let stub = Stub::start(move |asked| {
        if asked.line.contains("/auth/") {
            return token(asked, "t");
        }
        match asked_before.fetch_add(1, SeqCst) {
            0 => empty("503 Service Unavailable"),
            1 => String::new(),
            _ => "HTTP/1.1 200 OK\r\nContent-Length: 7\r\nConnection: close\r\n\r\n".into(),
        }
    })
    .await;
    let store = open(&config(&stub));
    let stat = store.stat(&location(&store), &nobody()).await.unwrap();
    assert_eq!(stat.size, Some(7));
}

/// Publishes, but the answer is lost.
#[tokio::test]
async fn an_object_of_its_own_is_no_duplicate() {
    for ours in [true, false] {
        let mark = Mutex::new(None::<String>);
        let stub = Stub::start(move |asked| {
            if asked.line.contains("/auth/") {
                return token(asked, "t");
            }
            let mut mark = mark.lock().unwrap();
            if asked.line.starts_with("PUT") {
                assert_eq!(asked.header("if-none-match"), Some("*"));
                if mark.is_some() {
                    return empty("412 Precondition Failed");
                }
                *mark = asked
                    .header("x-object-meta-glance-upload")
                    .map(str::to_owned);
                return String::new();
            }
            let is_object = asked.line.matches('/').count() > 4;
            match (&*mark, is_object, asked.line.starts_with("HEAD")) {
                (Some(mark), true, true) => {
                    let mark = if ours { mark } else { "another" };
                    format!(
                        "HTTP/1.1 200 OK\r\nContent-Length: 3\r\nX-Object-Meta-Glance-Upload: \
                         {mark}\r\nETag: 900150983cd24fb0d6963f7d28e17f72\r\n\
                         Connection: close\r\n\r\n"
                    )
                }
                (None, true, true) => empty("404 Not Found"),
                _ => empty("204 No Content"),
            }
        })
        .await;
        let store = open(&config(&stub));
        let id = ImageId::generate();
        let added = store.add(&id, data(b"abc", Some(3)), &nobody()).await;
        match added {
            Ok(added) => {
                assert!(ours);
                let md5 = "900150983cd24fb0d6963f7d28e17f72";
                assert_eq!(added.checksum.as_deref(), Some(md5));
            }
            Err(error) => assert!(!ours && matches!(error, StoreError::Duplicate), "{error:?}"),
        }
        assert_eq!(count(&stub, "DELETE"), 0);
    }
}

#[tokio::test]
async fn a_segment_with_another_checksum_is_sent_again_and_never_published() {
    let stub = Stub::start(|asked| {
        if asked.line.contains("/auth/") {
            return token(asked, "t");
        }
        if asked.line.starts_with("PUT") {
            let etag = "0".repeat(32);
            return format!(
                "HTTP/1.1 201 Created\r\nETag: {etag}\r\nContent-Length: 0\r\n\
                 Connection: close\r\n\r\n"
            );
        }
        match asked.line.starts_with("HEAD /v1/a/glance/") {
            true => empty("404 Not Found"),
            false => empty("204 No Content"),
        }
    })
    .await;
    let store = sized(&config(&stub), 1_000, 1_000);
    let id = ImageId::generate();
    let error = add(&store, &id, data(&bytes(1_500), None))
        .await
        .unwrap_err();
    let text = glance_config::chain(&error);
    assert!(text.contains("another checksum"), "{text}");
    let asked = stub.asked();
    let manifests = asked
        .iter()
        .filter(|a| a.line.contains("multipart-manifest"));
    assert_eq!(manifests.count(), 0);
}

#[tokio::test]
async fn servers_that_do_not_answer_are_unavailable() {
    let stub = Stub::start(|_| String::new()).await;
    let store = open(&config(&stub));
    let stat = store.stat(&location(&store), &nobody()).await;
    assert!(matches!(stat, Err(StoreError::Unavailable(_))), "{stat:?}");
}
