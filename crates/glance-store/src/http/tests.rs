//! What outside sources do, good and bad, as tests. Servers are scripted down to their bytes.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use glance_config::{AllowList, ExternalConfig, OptionValue};
use glance_core::location::LocationUrl;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::*;
use crate::conformance::{add, bytes, collect, nobody};

fn config() -> ExternalConfig {
    ExternalConfig {
        external_allow: AllowList::parse("127.0.0.1,localhost").unwrap(),
        external_timeout: 1.try_into().unwrap(),
        ..Default::default()
    }
}

fn store() -> HttpStore {
    HttpStore::open(&config()).unwrap()
}

/// A server that answers its n-th request as `answer` says: with these bytes, then it hangs up; with
/// `hold`, it then waits.
struct Server {
    address: std::net::SocketAddr,
    requests: Arc<AtomicUsize>,
}

struct Reply {
    bytes: Vec<u8>,
    hold: bool,
}

fn reply(head: &str, body: &[u8]) -> Reply {
    let bytes = [format!("HTTP/1.1 {head}\r\n\r\n").as_bytes(), body].concat();
    Reply { bytes, hold: false }
}

fn ok(body: &[u8]) -> Reply {
    reply(
        &format!("200 OK\r\nETag: \"v1\"\r\nContent-Length: {}", body.len()),
        body,
    )
}

/// The part that a request asks for.
fn part(whole: &[u8], request: &str, tag: &str) -> Reply {
    let range = header(request, "range").unwrap();
    let (first, last) = range
        .strip_prefix("bytes=")
        .unwrap()
        .split_once('-')
        .unwrap();
    let first: usize = first.parse().unwrap();
    let end = last.parse().map_or(whole.len(), |last: usize| last + 1);
    let head = format!(
        "206 Partial Content\r\nETag: {tag}\r\nContent-Range: bytes {first}-{}/{}\r\n\
         Content-Length: {}",
        end - 1,
        whole.len(),
        end - first
    );
    reply(&head, &whole[first..end])
}

fn header<'a>(request: &'a str, name: &str) -> Option<&'a str> {
    request.lines().find_map(|line| {
        let (found, value) = line.split_once(':')?;
        found.eq_ignore_ascii_case(name).then(|| value.trim())
    })
}

async fn read_head(stream: &mut TcpStream) -> Option<String> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.ok()?);
    }
    String::from_utf8(head).ok()
}

async fn serve(answer: impl Fn(usize, &str) -> Reply + Send + Sync + 'static) -> Server {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let requests = Arc::new(AtomicUsize::new(0));
    let (counter, answer) = (requests.clone(), Arc::new(answer));
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let (counter, answer) = (counter.clone(), answer.clone());
            tokio::spawn(async move {
                let Some(head) = read_head(&mut stream).await else {
                    return;
                };
                let reply = answer(counter.fetch_add(1, Ordering::SeqCst), &head);
                let _ = stream.write_all(&reply.bytes).await;
                if reply.hold {
                    tokio::time::sleep(Duration::from_secs(60)).await;
                }
                let _ = stream.shutdown().await;
            });
        }
    });
    Server { address, requests }
}

impl Server {
    fn url(&self, path: &str) -> LocationUrl {
        LocationUrl::new(format!("http://{}{path}", self.address))
    }

    fn requests(&self) -> usize {
        self.requests.load(Ordering::SeqCst)
    }
}

async fn fetch(store: &HttpStore, url: &LocationUrl) -> Result<Vec<u8>, StoreError> {
    collect(store.get(url, None, &nobody()).await?).await
}

fn why(error: &StoreError) -> String {
    match error {
        StoreError::Unavailable(source) => source.to_string(),
        other => format!("{other:?}"),
    }
}

#[tokio::test]
async fn asks_for_plain_data_and_sends_no_credentials() {
    let server = serve(|_, head| {
        assert_eq!(header(head, "accept-encoding"), Some("identity"));
        assert!(header(head, "host").unwrap().starts_with("127.0.0.1:"));
        for name in ["authorization", "x-auth-token", "cookie", "range"] {
            assert_eq!(header(head, name), None);
        }
        ok(b"data")
    });
    let server = server.await;
    assert_eq!(
        fetch(&store(), &server.url("/x?y=z")).await.unwrap(),
        b"data"
    );
}

#[tokio::test]
async fn sizes_come_from_head_or_else_from_a_first_byte() {
    let head = serve(|_, head| {
        assert!(head.starts_with("HEAD "));
        reply("200 OK\r\nContent-Length: 77", b"")
    });
    assert_eq!(
        store()
            .stat(&head.await.url("/"), &nobody())
            .await
            .unwrap()
            .size,
        Some(77)
    );

    for refusal in [
        "405 Method Not Allowed",
        "403 Forbidden",
        "501 Not Implemented",
    ] {
        let get = serve(move |_, head| {
            if head.starts_with("HEAD ") {
                return reply(refusal, b"");
            }
            part(&[1; 4321], head, "\"v1\"")
        });
        let size = store()
            .stat(&get.await.url("/"), &nobody())
            .await
            .unwrap()
            .size;
        assert_eq!(size, Some(4321), "{refusal}");
    }

    let unranged = serve(|_, head| match head.starts_with("HEAD ") {
        true => reply("405 No", b""),
        false => ok(&[1; 99]),
    });
    assert_eq!(
        store()
            .stat(&unranged.await.url("/"), &nobody())
            .await
            .unwrap()
            .size,
        Some(99)
    );

    let unsized_ = serve(|_, _| reply("200 OK", b""));
    assert_eq!(
        store()
            .stat(&unsized_.await.url("/"), &nobody())
            .await
            .unwrap()
            .size,
        None
    );

    let empty = serve(|_, head| match head.starts_with("HEAD ") {
        true => reply("405 No", b""),
        false => reply("416 No\r\nContent-Range: bytes */0", b""),
    });
    assert_eq!(
        store()
            .stat(&empty.await.url("/"), &nobody())
            .await
            .unwrap()
            .size,
        Some(0)
    );
}

#[tokio::test]
async fn says_what_the_source_answers() {
    for (status, expected) in [
        ("404 Not Found", "NotFound"),
        ("410 Gone", "NotFound"),
        ("403 Forbidden", "Answered(403)"),
        ("401 Unauthorized", "Answered(401)"),
        ("418 Teapot", "Answered(418)"),
    ] {
        let server = serve(move |_, _| reply(status, b"")).await;
        let error = store().stat(&server.url("/"), &nobody()).await.unwrap_err();
        assert_eq!(why(&error), expected);
        let error = store()
            .get(&server.url("/"), None, &nobody())
            .await
            .unwrap_err();
        assert_eq!(why(&error), expected);
    }
}

#[tokio::test]
async fn asks_again_when_the_source_has_trouble() {
    let server = serve(|count, _| match count {
        0 => reply("503 Slow Down", b""),
        1 => Reply {
            bytes: Vec::new(),
            hold: false,
        },
        _ => ok(b"data"),
    });
    let server = server.await;
    assert_eq!(fetch(&store(), &server.url("/")).await.unwrap(), b"data");
    let server = serve(|_, _| reply("500 Broken", b"")).await;
    let error = fetch(&store(), &server.url("/")).await.unwrap_err();
    assert_eq!(why(&error), "Answered(500)");
    assert_eq!(server.requests(), 5);
}

#[tokio::test]
async fn refuses_what_is_not_the_data() {
    for (head, expected) in [
        (
            "200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 3",
            "its data is packed",
        ),
        (
            "206 Partial Content\r\nContent-Range: bytes 0-2/3\r\nContent-Length: 3",
            "a part instead of the whole",
        ),
    ] {
        let server = serve(move |_, _| reply(head, b"abc")).await;
        let error = fetch(&store(), &server.url("/")).await.unwrap_err();
        assert!(why(&error).ends_with(expected), "{error:?}");
        assert_eq!(server.requests(), 1);
    }
}

#[tokio::test]
async fn goes_on_where_the_connection_broke() {
    let whole = Arc::new(bytes(2_000_003));
    for cut in [0, 1, 700_000, 2_000_002] {
        let data = whole.clone();
        let server = serve(move |count, head| {
            if count == 0 {
                let mut reply = ok(&data);
                let lost = data.len() - cut;
                reply.bytes.truncate(reply.bytes.len() - lost);
                return reply;
            }
            if cut == 0 {
                return ok(&data);
            }
            assert_eq!(header(head, "if-range"), Some("\"v1\""));
            part(&data, head, "\"v1\"")
        });
        let server = server.await;
        assert!(
            fetch(&store(), &server.url("/")).await.unwrap() == *whole,
            "{cut}"
        );
        assert_eq!(server.requests(), 2);
    }
}

#[tokio::test]
async fn goes_on_after_silence() {
    let whole = Arc::new(bytes(500_000));
    let data = whole.clone();
    let server = serve(move |count, head| match count {
        0 => {
            let mut reply = ok(&data);
            reply.bytes.truncate(300_000);
            Reply {
                hold: true,
                ..reply
            }
        }
        _ => part(&data, head, "\"v1\""),
    });
    assert!(fetch(&store(), &server.await.url("/")).await.unwrap() == *whole);
}

#[tokio::test]
async fn goes_on_with_a_source_that_gives_no_parts() {
    let whole = Arc::new(bytes(500_000));
    let data = whole.clone();
    let server = serve(move |count, _| {
        let mut reply = ok(&data);
        if count == 0 {
            reply.bytes.truncate(300_000);
        }
        reply
    });
    assert!(fetch(&store(), &server.await.url("/")).await.unwrap() == *whole);
}

#[tokio::test]
async fn never_mixes_versions() {
    let (old, new) = (bytes(500_000), vec![9; 500_000]);
    for ranged in [true, false] {
        let (old, new) = (old.clone(), new.clone());
        let server = serve(move |count, head| match count {
            0 => {
                let mut reply = ok(&old);
                reply.bytes.truncate(300_000);
                reply
            }
            _ if ranged => part(&new, head, "\"v2\""),
            _ => reply("200 OK\r\nETag: \"v2\"\r\nContent-Length: 500000", &new),
        });
        let server = server.await;
        let error = fetch(&store(), &server.url("/")).await.unwrap_err();
        assert_eq!(why(&error), "the source's data changed");
        assert_eq!(server.requests(), 2);
    }
}

#[tokio::test]
async fn without_a_version_a_broken_connection_is_the_end() {
    let server = serve(|_, _| reply("200 OK\r\nContent-Length: 500000", &[1; 300_000])).await;
    let error = fetch(&store(), &server.url("/")).await.unwrap_err();
    assert_eq!(why(&error), "the connection to the source broke");
    assert_eq!(server.requests(), 1);
}

#[tokio::test]
async fn gives_up_a_source_that_breaks_again_and_again() {
    let whole = bytes(500_000);
    let server = serve(move |count, head| {
        let mut reply = if count == 0 {
            ok(&whole)
        } else {
            part(&whole, head, "\"v1\"")
        };
        // A head and a little more.
        reply.bytes.truncate(500);
        reply
    });
    let server = server.await;
    let error = fetch(&store(), &server.url("/")).await.unwrap_err();
    assert_eq!(why(&error), "the connection to the source broke");
    assert_eq!(server.requests(), 6);
}

#[tokio::test]
async fn unknown_sizes_end_with_the_last_chunk() {
    let chunked = "200 OK\r\nETag: \"v1\"\r\nTransfer-Encoding: chunked";
    let server = serve(move |_, _| reply(chunked, b"4\r\ndata\r\n0\r\n\r\n")).await;
    let data = store()
        .get(&server.url("/"), None, &nobody())
        .await
        .unwrap();
    assert_eq!(data.size, None);
    assert_eq!(collect(data).await.unwrap(), b"data");

    let server = serve(move |_, _| reply(chunked, b"4\r\ndata\r\n")).await;
    let data = store()
        .get(&server.url("/"), None, &nobody())
        .await
        .unwrap();
    assert!(collect(data).await.is_err());
}

#[tokio::test]
async fn reads_parts_from_sources_that_give_none() {
    let whole = Arc::new(bytes(900_000));
    let data = whole.clone();
    let server = serve(move |_, _| ok(&data)).await;
    for (offset, length) in [(0, 1), (899_999, 1), (300_001, 400_000), (0, 900_000)] {
        let range = ByteRange { offset, length };
        let data = store()
            .get(&server.url("/"), Some(range), &nobody())
            .await
            .unwrap();
        assert_eq!(data.size, Some(length));
        let at = offset as usize;
        assert!(collect(data).await.unwrap() == whole[at..at + length as usize]);
    }
    let beyond = ByteRange {
        offset: 899_999,
        length: 2,
    };
    let got = store().get(&server.url("/"), Some(beyond), &nobody()).await;
    assert!(matches!(got, Err(StoreError::OutOfRange)));
}

#[tokio::test]
async fn refuses_other_parts_than_asked_for() {
    for head in [
        "206 P\r\nContent-Range: bytes 0-4/30\r\nContent-Length: 5",
        "206 P\r\nContent-Range: bytes 5-8/30\r\nContent-Length: 4",
        "206 P\r\nContent-Range: bytes 5-9/30\r\nContent-Length: 6",
        "206 P\r\nContent-Length: 5",
        "416 P\r\nContent-Range: bytes */3",
    ] {
        let server = serve(move |_, _| reply(head, b"abcdef")).await;
        let range = ByteRange {
            offset: 5,
            length: 5,
        };
        let got = store().get(&server.url("/"), Some(range), &nobody()).await;
        assert!(got.is_err(), "{head}");
    }
}

#[tokio::test]
async fn follows_five_redirects_and_no_more() {
    let server = serve(|_, head| {
        let path = head.split(' ').nth(1).unwrap();
        match path.trim_start_matches('/').parse::<u32>().unwrap() {
            0 => ok(b"data"),
            left => reply(&format!("302 Found\r\nLocation: /{}", left - 1), b""),
        }
    });
    let server = server.await;
    assert_eq!(fetch(&store(), &server.url("/5")).await.unwrap(), b"data");
    let error = fetch(&store(), &server.url("/30")).await.unwrap_err();
    assert_eq!(why(&error), "the source redirects too often");
    assert_eq!(server.requests(), 6 + 6);
}

#[tokio::test]
async fn checks_each_redirect() {
    for to in [
        "http://127.0.0.2/",
        "http://2130706433/",
        "http://[::1]/",
        "http://169.254.169.254/latest/meta-data/",
        "file:///etc/passwd",
        "http://u:p@127.0.0.1/",
    ] {
        let server = serve(move |_, _| reply(&format!("302 F\r\nLocation: {to}"), b"")).await;
        for error in [
            store().stat(&server.url("/"), &nobody()).await.unwrap_err(),
            store()
                .get(&server.url("/"), None, &nobody())
                .await
                .unwrap_err(),
        ] {
            assert!(matches!(error, StoreError::BadLocation), "{to}: {error:?}");
        }
    }
}

#[tokio::test]
async fn a_name_that_leads_to_loopback_is_not_connected_to() {
    let server = serve(|_, _| ok(b"secret")).await;
    let store = HttpStore::open(&ExternalConfig {
        external_allow: AllowList::default(),
        ..config()
    });
    let store = store.unwrap();
    let port = server.address.port();
    for host in ["localhost", "127.0.0.1"] {
        let url = LocationUrl::new(format!("http://{host}:{port}/"));
        let error = store.get(&url, None, &nobody()).await.unwrap_err();
        assert!(matches!(error, StoreError::BadLocation), "{error:?}");
        assert!(matches!(
            store.stat(&url, &nobody()).await,
            Err(StoreError::BadLocation)
        ));
    }
    assert_eq!(server.requests(), 0);
}

#[tokio::test]
async fn does_not_wait_for_a_silent_source() {
    let server = serve(|_, _| Reply {
        bytes: Vec::new(),
        hold: true,
    })
    .await;
    let begun = Instant::now();
    let error = store().stat(&server.url("/"), &nobody()).await.unwrap_err();
    assert_eq!(why(&error), "the source is silent for too long");
    assert!(begun.elapsed() < Duration::from_secs(30));
}

#[tokio::test]
async fn a_source_that_is_away_is_unavailable() {
    let url = LocationUrl::new("http://127.0.0.1:1/");
    assert!(matches!(
        store().stat(&url, &nobody()).await,
        Err(StoreError::Unavailable(_))
    ));
}

#[tokio::test]
async fn takes_no_data_and_deletes_none() {
    let store = store();
    let url = LocationUrl::new("http://127.0.0.1/x");
    let data = crate::conformance::data(b"x", Some(1));
    let added = add(&store, &ImageId::generate(), data).await;
    assert!(matches!(added, Err(StoreError::Unsupported)));
    assert!(matches!(
        store.delete(&url, &nobody()).await,
        Err(StoreError::Unsupported)
    ));
    store
        .discard(&ImageId::generate(), &nobody())
        .await
        .unwrap();
}
