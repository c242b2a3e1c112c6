//! What of Google's XML API the store gs uses, as Google documents it, for tests: no program that
//! could stand in for Google's server is to be had where these run. The stories of both daemons
//! (`tests/v1`) use it, too.

use std::collections::{BTreeMap, VecDeque};
use std::convert::Infallible;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard};

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use chrono::{DateTime, SecondsFormat, Utc};
use futures_util::{StreamExt, stream};
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper::header::HeaderMap;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use percent_encoding::percent_decode_str;
use tokio::net::TcpListener;

pub(super) const BUCKET: &str = "bucket";
/// How many objects a page of a list has.
const PAGE: usize = 2;

type Answer = Response<BoxBody<Bytes, io::Error>>;

/// What goes wrong with the next request of a method whose path and query contain a text.
#[derive(Clone, Copy, Debug)]
pub(super) enum Fault {
    /// It is not carried out but answered so.
    Status(u16),
    /// It is carried out, but the connection ends before the answer.
    LoseAnswer,
    /// The connection ends after so many bytes of the body.
    Cut(usize),
    /// After so many bytes of the body nothing more comes.
    Stall(usize),
}

#[derive(Clone, Debug)]
pub(super) struct Object {
    pub(super) data: Bytes,
    metadata: HeaderMap,
    generation: u64,
    kept: DateTime<Utc>,
}

pub(super) struct Parts {
    pub(super) name: String,
    metadata: HeaderMap,
    parts: BTreeMap<usize, Bytes>,
}

#[derive(Default)]
pub(super) struct State {
    pub(super) objects: BTreeMap<String, Object>,
    pub(super) uploads: BTreeMap<String, Parts>,
    numbers: u64,
    faults: VecDeque<(Method, &'static str, Fault)>,
    /// Bytes that every part but the last must have.
    pub(super) least_part: usize,
    /// Every request: method, path and query.
    pub(super) requests: Vec<String>,
    /// The last token. Without one only if tokens are not asked for.
    pub(super) bearer: String,
    pub(super) asks_for_tokens: bool,
}

/// A running server. It ends with the runtime.
#[derive(Clone)]
pub(super) struct Emulation {
    state: Arc<Mutex<State>>,
    pub(super) url: String,
}

impl Emulation {
    pub(super) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let state = Arc::new(Mutex::new(State::default()));
        let shared = Arc::clone(&state);
        tokio::spawn(async move {
            while let Ok((socket, _)) = listener.accept().await {
                let state = Arc::clone(&shared);
                let service = service_fn(move |request| answer(Arc::clone(&state), request));
                let server = hyper::server::conn::http1::Builder::new();
                tokio::spawn(server.serve_connection(TokioIo::new(socket), service));
            }
        });
        Self { state, url }
    }

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    pub(super) fn fail(&self, method: Method, part: &'static str, fault: Fault) {
        self.state().faults.push_back((method, part, fault));
    }

    /// Objects, uploads in parts.
    pub(super) fn held(&self) -> (usize, usize) {
        let state = self.state();
        (state.objects.len(), state.uploads.len())
    }
}

async fn answer(state: Arc<Mutex<State>>, request: Request<Incoming>) -> Result<Answer, io::Error> {
    let (head, body) = request.into_parts();
    let Ok(body) = body.collect().await else {
        return Err(io::ErrorKind::UnexpectedEof.into());
    };
    let body = body.to_bytes();
    let (answer, fault) = state.lock().unwrap().answer(&head, body);
    match fault {
        Some(Fault::LoseAnswer) => Err(io::ErrorKind::ConnectionReset.into()),
        Some(Fault::Cut(after)) => Ok(broken(answer, after, false).await),
        Some(Fault::Stall(after)) => Ok(broken(answer, after, true).await),
        _ => Ok(answer),
    }
}

/// The same answer whose body ends, or stops, too early.
async fn broken(answer: Answer, after: usize, stall: bool) -> Answer {
    let (mut head, body) = answer.into_parts();
    let whole = body.collect().await.unwrap().to_bytes();
    head.headers.insert("content-length", whole.len().into());
    let begin = stream::iter([Ok(Frame::data(whole.slice(..after)))]);
    let body = match stall {
        true => BodyExt::boxed(StreamBody::new(begin.chain(stream::pending()))),
        false => {
            let reset = Err(io::ErrorKind::ConnectionReset.into());
            // What comes before must leave first.
            let end = stream::once(async {
                tokio::time::sleep(std::time::Duration::from_millis(20)).await;
                reset
            });
            BodyExt::boxed(StreamBody::new(Box::pin(begin.chain(end)).map(|x| x)))
        }
    };
    Response::from_parts(head, body)
}

impl State {
    fn answer(
        &mut self,
        head: &hyper::http::request::Parts,
        body: Bytes,
    ) -> (Answer, Option<Fault>) {
        let uri = head.uri.to_string();
        self.requests.push(format!("{} {uri}", head.method));
        let fault = self
            .faults
            .iter()
            .position(|(method, part, _)| *method == head.method && uri.contains(part))
            .and_then(|at| self.faults.remove(at))
            .map(|(_, _, fault)| fault);
        if let Some(Fault::Status(status)) = fault {
            return (refuse(status, "Emulated"), None);
        }
        let query: BTreeMap<String, String> =
            url::form_urlencoded::parse(head.uri.query().unwrap_or_default().as_bytes())
                .into_owned()
                .collect();
        let path = head.uri.path().trim_start_matches('/');
        let (bucket, name) = path.split_once('/').unwrap_or((path, ""));
        let name = percent_decode_str(name).decode_utf8().unwrap().into_owned();
        let token = head.headers.get("authorization");
        let token = token.and_then(|text| text.to_str().ok()?.strip_prefix("Bearer "));
        self.bearer = token.unwrap_or_default().to_owned();
        let answer = if self.bearer.is_empty() && self.asks_for_tokens {
            refuse(401, "AuthenticationRequired")
        } else if bucket == BUCKET {
            self.carry_out(&head.method, &name, &query, &head.headers, body)
        } else {
            refuse(404, "NoSuchBucket")
        };
        (answer, fault)
    }

    fn carry_out(
        &mut self,
        method: &Method,
        name: &str,
        query: &BTreeMap<String, String>,
        headers: &HeaderMap,
        body: Bytes,
    ) -> Answer {
        let absent = headers.get("x-goog-if-generation-match");
        let create_only = absent.is_some_and(|value| value == "0");
        let upload = query.get("uploadId");
        if let Some(sent) = headers.get("content-md5")
            && *sent != *base64_md5(&body)
        {
            return refuse(400, "BadDigest");
        }
        match (method.as_str(), upload) {
            ("GET", None) if name.is_empty() => self.list(query),
            ("GET" | "HEAD", None) => self.read(name, headers),
            ("PUT", Some(upload)) => {
                let number = query["partNumber"].parse().unwrap();
                match self.uploads.get_mut(upload) {
                    Some(parts) => {
                        let answer = stored(&body);
                        parts.parts.insert(number, body);
                        answer
                    }
                    None => refuse(404, "NoSuchUpload"),
                }
            }
            ("PUT", None) => {
                let (data, metadata) = match headers.get("x-goog-copy-source") {
                    Some(from) => {
                        let from = percent_decode_str(from.to_str().unwrap());
                        let from = from.decode_utf8().unwrap();
                        let from = from.strip_prefix(BUCKET).unwrap();
                        match self.objects.get(from.trim_start_matches('/')) {
                            Some(from) => (from.data.clone(), from.metadata.clone()),
                            None => return refuse(404, "NoSuchKey"),
                        }
                    }
                    None => (body, metadata(headers)),
                };
                if create_only && self.objects.contains_key(name) {
                    return refuse(412, "PreconditionFailed");
                }
                let answer = stored(&data);
                self.keep(name.to_owned(), data, metadata);
                answer
            }
            ("POST", None) if query.contains_key("uploads") => {
                self.numbers += 1;
                let id = format!("upload-{}", self.numbers);
                let xml = format!(
                    "<InitiateMultipartUploadResult><UploadId>{id}</UploadId>\
                     </InitiateMultipartUploadResult>"
                );
                let parts = Parts {
                    name: name.to_owned(),
                    metadata: metadata(headers),
                    parts: BTreeMap::new(),
                };
                self.uploads.insert(id, parts);
                whole(Response::builder(), xml)
            }
            // Google documents exactly this.
            ("POST", Some(_)) if absent.is_some() => refuse(400, "NotImplemented"),
            ("POST", Some(upload)) => self.complete(upload, &body),
            ("DELETE", Some(upload)) => match self.uploads.remove(upload) {
                Some(_) => empty(204),
                None => refuse(404, "NoSuchUpload"),
            },
            ("DELETE", None) => match self.objects.remove(name) {
                Some(_) => empty(204),
                None => refuse(404, "NoSuchKey"),
            },
            _ => refuse(405, "MethodNotAllowed"),
        }
    }

    fn keep(&mut self, name: String, data: Bytes, metadata: HeaderMap) {
        self.numbers += 1;
        let generation = self.numbers;
        let object = Object {
            data,
            metadata,
            generation,
            kept: Utc::now(),
        };
        self.objects.insert(name, object);
    }

    fn complete(&mut self, id: &str, list: &[u8]) -> Answer {
        let Some(upload) = self.uploads.get(id) else {
            return refuse(404, "NoSuchUpload");
        };
        let list = std::str::from_utf8(list).unwrap();
        let numbers: Vec<usize> = values(list, "PartNumber")
            .map(|text| text.parse().unwrap())
            .collect();
        let etags = values(list, "ETag").map(|etag| etag.replace("&quot;", "\""));
        let mut data = Vec::new();
        for (at, (number, etag)) in numbers.iter().zip(etags).enumerate() {
            let Some(part) = upload.parts.get(number) else {
                return refuse(400, "InvalidPart");
            };
            if etag != quoted_md5(part) {
                return refuse(400, "InvalidPart");
            }
            if at + 1 < numbers.len() && part.len() < self.least_part {
                return refuse(400, "EntityTooSmall");
            }
            data.extend_from_slice(part);
        }
        let Some(upload) = self.uploads.remove(id) else {
            return refuse(404, "NoSuchUpload");
        };
        self.keep(upload.name, data.into(), upload.metadata);
        let xml = "<CompleteMultipartUploadResult><ETag>\"whole-1\"</ETag>\
                   </CompleteMultipartUploadResult>";
        whole(Response::builder(), xml.to_owned())
    }

    fn read(&self, name: &str, headers: &HeaderMap) -> Answer {
        let Some(object) = self.objects.get(name) else {
            return refuse(404, "NoSuchKey");
        };
        let etag = format!("\"{}-{}\"", object.generation, object.data.len());
        if headers
            .get("if-match")
            .is_some_and(|wanted| *wanted != *etag)
        {
            return refuse(412, "PreconditionFailed");
        }
        let mut answer = Response::builder()
            .header("etag", etag)
            .header(
                "last-modified",
                object.kept.to_rfc2822().replace("+0000", "GMT"),
            )
            .header("x-goog-generation", object.generation);
        for (name, value) in &object.metadata {
            answer = answer.header(name, value);
        }
        let size = object.data.len();
        let Some(range) = headers.get("range") else {
            let answer = answer.header("content-length", size);
            return answer.body(full(object.data.clone())).unwrap();
        };
        let range = range.to_str().unwrap().strip_prefix("bytes=").unwrap();
        let (begin, end) = range.split_once('-').unwrap();
        let begin: usize = begin.parse().unwrap();
        let end = end.parse::<usize>().unwrap().min(size.wrapping_sub(1));
        if begin >= size {
            return refuse(416, "InvalidRange");
        }
        answer
            .status(206)
            .header("content-range", format!("bytes {begin}-{end}/{size}"))
            .body(full(object.data.slice(begin..=end)))
            .unwrap()
    }

    fn list(&self, query: &BTreeMap<String, String>) -> Answer {
        assert_eq!(query["list-type"], "2");
        let prefix = query.get("prefix").map_or("", String::as_str);
        let after = query.get("continuation-token").map_or("", String::as_str);
        let mut found = self
            .objects
            .iter()
            .filter(|(name, _)| name.starts_with(prefix) && name.as_str() > after);
        let page: Vec<_> = found.by_ref().take(PAGE).collect();
        let mut xml = "<ListBucketResult>".to_owned();
        for (name, object) in &page {
            xml += &format!(
                "<Contents><Key>{name}</Key><Size>{}</Size><ETag>\"{}\"</ETag>\
                 <LastModified>{}</LastModified></Contents>",
                object.data.len(),
                object.generation,
                object.kept.to_rfc3339_opts(SecondsFormat::Millis, true),
            );
        }
        if let (Some(_), Some((last, _))) = (found.next(), page.last()) {
            xml += &format!("<NextContinuationToken>{last}</NextContinuationToken>");
        }
        whole(Response::builder(), xml + "</ListBucketResult>")
    }
}

fn values<'a>(xml: &'a str, element: &str) -> impl Iterator<Item = &'a str> {
    let (open, close) = (format!("<{element}>"), format!("</{element}>"));
    let values: Vec<_> = xml
        .split(&open)
        .skip(1)
        .filter_map(|rest| rest.split(&close).next())
        .collect();
    values.into_iter()
}

fn metadata(headers: &HeaderMap) -> HeaderMap {
    let kept = headers
        .iter()
        .filter(|(name, _)| name.as_str().starts_with("x-goog-meta-"));
    kept.map(|(name, value)| (name.clone(), value.clone()))
        .collect()
}

fn base64_md5(data: &[u8]) -> String {
    BASE64_STANDARD.encode(md5::compute(data).0)
}

fn quoted_md5(data: &[u8]) -> String {
    format!("\"{:x}\"", md5::compute(data))
}

fn stored(data: &[u8]) -> Answer {
    Response::builder()
        .header("etag", quoted_md5(data))
        .header("x-goog-hash", "crc32c=AAAAAA==")
        .header("x-goog-hash", format!("md5={}", base64_md5(data)))
        .body(full(Bytes::new()))
        .unwrap()
}

fn refuse(status: u16, code: &str) -> Answer {
    let status = StatusCode::from_u16(status).unwrap();
    let xml = format!("<Error><Code>{code}</Code></Error>");
    whole(Response::builder().status(status), xml)
}

fn empty(status: u16) -> Answer {
    let answer = Response::builder().status(status);
    answer
        .header("etag", "\"\"")
        .body(full(Bytes::new()))
        .unwrap()
}

fn whole(answer: hyper::http::response::Builder, xml: String) -> Answer {
    answer.body(full(xml.into())).unwrap()
}

fn full(data: Bytes) -> BoxBody<Bytes, io::Error> {
    let never = |never: Infallible| match never {};
    Full::new(data).map_err(never).boxed()
}
