//! Stands between the store and Pithos, writes down what is asked, and meddles as a test says.

use std::io;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use futures_util::StreamExt;
use futures_util::stream::{self, BoxStream};
use http_body_util::{BodyExt, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper::header::{CONTENT_LENGTH, HeaderName, HeaderValue, RANGE};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;
use tokio::sync::Barrier;

use crate::conformance::services;
use crate::net::answer::body;
use crate::net::client::{Outgoing, ServerClient};
use crate::net::tls::Trust;

/// A request: its method, its path with its query, and how its body begins.
#[derive(Clone, Debug)]
pub(super) struct Asked {
    pub(super) method: String,
    pub(super) path: String,
    begin: Bytes,
    range: Option<HeaderValue>,
}

impl Asked {
    /// Whether data or a hash map becomes an object.
    pub(super) fn publishes(&self) -> bool {
        self.method == "PUT" && self.path.matches('/').count() > 2 && !self.is_question()
    }

    /// Whether it asks for a block and one that is not there. No test has an image of that size.
    pub(super) fn is_question(&self) -> bool {
        let two_blocks = b"{\"bytes\": 8388608,";
        self.path.contains("hashmap") && self.begin == two_blocks[..]
    }

    /// Which part of the data it asks for.
    pub(super) fn range(&self) -> Option<&str> {
        self.range.as_ref()?.to_str().ok()
    }

    pub(super) fn is_block(&self) -> bool {
        self.method == "POST" && self.path.contains("update&")
    }
}

/// What is done with a request.
#[derive(Clone, Copy, Debug)]
pub(super) enum Meddling {
    Pass,
    /// Pithos is not asked.
    Answer(u16),
    /// Pithos is asked, and its answer is lost.
    Lose,
    /// A header of the answer is another.
    Header(&'static str, &'static str),
    /// The connection breaks after so many bytes of the body.
    Cut(usize),
    /// The body is another.
    Body(&'static str),
    /// Pithos is asked when as many as the barrier holds have come.
    Meet(&'static Barrier),
}

/// Its address, which takes the place of Pithos', and what it was asked.
pub(super) struct Proxy {
    pub(super) url: String,
    asked: Arc<Mutex<Vec<Asked>>>,
}

impl Proxy {
    /// `meddle` is given each request, and how many of them that `counts` came before it.
    pub(super) async fn start(
        counts: fn(&Asked) -> bool,
        meddle: impl Fn(usize) -> Meddling + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let asked: Arc<Mutex<Vec<Asked>>> = Arc::default();
        let trust = Trust {
            ca_file: None,
            insecure: false,
            option: "",
        };
        let client = ServerClient::new(trust, Duration::from_secs(60)).unwrap();
        let (log, meddle) = (asked.clone(), Arc::new(meddle));
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let (client, log, meddle) = (client.clone(), log.clone(), meddle.clone());
                let service = service_fn(move |request: Request<Incoming>| {
                    let (client, log, meddle) = (client.clone(), log.clone(), meddle.clone());
                    async move {
                        let (head, bytes) = request.into_parts();
                        let bytes = bytes.collect().await.map_err(io::Error::other)?;
                        let bytes = bytes.to_bytes();
                        let one = Asked {
                            method: head.method.to_string(),
                            path: head.uri.to_string(),
                            range: head.headers.get(RANGE).cloned(),
                            begin: bytes.slice(..bytes.len().min(18)),
                        };
                        let before = {
                            let mut log = log.lock().unwrap();
                            let before = log.iter().filter(|asked| counts(asked)).count();
                            log.push(one.clone());
                            before
                        };
                        let meddling = match counts(&one) {
                            true => meddle(before),
                            false => Meddling::Pass,
                        };
                        pass(&client, head, bytes, meddling).await
                    }
                });
                tokio::spawn(async move {
                    let connection = http1::Builder::new();
                    let _ = connection
                        .serve_connection(TokioIo::new(stream), service)
                        .await;
                });
            }
        });
        Self { url, asked }
    }

    pub(super) fn asked(&self, counts: fn(&Asked) -> bool) -> Vec<Asked> {
        let asked = self.asked.lock().unwrap();
        asked
            .iter()
            .filter(|asked| counts(asked))
            .cloned()
            .collect()
    }

    pub(super) fn count(&self, counts: fn(&Asked) -> bool) -> usize {
        self.asked(counts).len()
    }
}

type Pieces = BoxStream<'static, Result<Frame<Bytes>, io::Error>>;

async fn pass(
    client: &ServerClient,
    mut head: hyper::http::request::Parts,
    bytes: Bytes,
    meddling: Meddling,
) -> Result<Response<StreamBody<Pieces>>, io::Error> {
    if let Meddling::Answer(status) = meddling {
        let mut answer = Response::new(pieces(vec![]));
        *answer.status_mut() = StatusCode::from_u16(status).unwrap();
        answer.headers_mut().insert(CONTENT_LENGTH, 0.into());
        return Ok(answer);
    }
    if let Meddling::Meet(barrier) = meddling {
        barrier.wait().await;
    }
    let url = format!("{}{}", services::synnefo().get("PITHOS_URL"), head.uri);
    head.uri = url.parse().map_err(io::Error::other)?;
    head.headers.remove("host");
    let request = Request::from_parts(head, Outgoing::whole(vec![bytes]));
    let answer = client.send(request).await.map_err(io::Error::other)?;
    let (status, mut headers) = (answer.status(), answer.headers().clone());
    let bytes = body(answer, 64 << 20, Duration::from_secs(60)).await;
    let bytes = Bytes::from(bytes.map_err(io::Error::other)?);
    let mut sent = vec![Ok(Frame::data(bytes.clone()))];
    match meddling {
        Meddling::Pass | Meddling::Answer(_) | Meddling::Meet(_) => {}
        Meddling::Lose => return Err(io::ErrorKind::ConnectionReset.into()),
        Meddling::Header(name, value) => {
            let name = HeaderName::from_static(name);
            headers.insert(name, HeaderValue::from_static(value));
        }
        Meddling::Cut(length) => {
            let part = Ok(Frame::data(bytes.slice(..length)));
            sent = vec![part, Err(io::ErrorKind::ConnectionReset.into())];
        }
        Meddling::Body(text) => {
            headers.insert(CONTENT_LENGTH, text.len().into());
            sent = vec![Ok(Frame::data(Bytes::from_static(text.as_bytes())))];
        }
    }
    let mut answer = Response::new(pieces(sent));
    *answer.status_mut() = status;
    *answer.headers_mut() = headers;
    Ok(answer)
}

fn pieces(pieces: Vec<Result<Frame<Bytes>, io::Error>>) -> StreamBody<Pieces> {
    let pieces = stream::iter(pieces).then(|piece| async {
        // What came before goes on its way.
        tokio::task::yield_now().await;
        piece
    });
    StreamBody::new(pieces.boxed())
}

/// Nothing counts, nothing is done.
pub(super) async fn watching() -> Proxy {
    Proxy::start(|_| false, |_| Meddling::Pass).await
}
