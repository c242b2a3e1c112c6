//! The connection layer's promises, asked for over raw sockets.

#![allow(
    clippy::unwrap_used,
    reason = "a test fails by panicking, its helpers too"
)]

use std::{
    fs::File,
    io::{ErrorKind, Read, Write},
    net::{Shutdown, SocketAddr, TcpListener, TcpStream},
    os::unix::fs::FileExt,
    sync::{Arc, Mutex, mpsc},
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use actix_web::{
    App, Error, HttpRequest, HttpResponse,
    body::MessageBody,
    dev::{Service, ServiceRequest, ServiceResponse},
    web::{self, Payload},
};
use futures_util::{StreamExt, future::Either, future::ready};
use glance_api::connection::{self, Answered, Options, serve};

/// What the test's application saw.
#[derive(Default)]
struct Seen {
    bodies: Mutex<Vec<String>>,
    answers: Mutex<Vec<Answered>>,
}

struct Server {
    addr: SocketAddr,
    seen: Arc<Seen>,
    file: Arc<File>,
    handle: actix_server::ServerHandle,
    thread: Option<JoinHandle<()>>,
}

const FILE: usize = 9 * 1024 * 1024 + 123;

fn content(offset: usize, length: usize) -> Vec<u8> {
    (offset..offset + length)
        .map(|at| ((at / 7) ^ (at >> 13)) as u8)
        .collect()
}

/// A file without a name.
fn file() -> File {
    let path = std::env::temp_dir().join(format!("connection-test-{}", uuid::Uuid::new_v4()));
    let file = File::options()
        .create_new(true)
        .read(true)
        .write(true)
        .open(&path)
        .unwrap();
    std::fs::remove_file(path).unwrap();
    file
}

impl Server {
    fn start(change: impl FnOnce(&mut Options)) -> Self {
        let mut options = Options {
            workers: 1,
            ..Options::default()
        };
        change(&mut options);
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let addr = listener.local_addr().unwrap();
        let seen = Arc::new(Seen::default());
        let file = Arc::new(file());
        file.write_all_at(&content(0, FILE), 0).unwrap();
        let state = (Arc::clone(&seen), Arc::clone(&file));
        let (started, handle) = mpsc::channel();
        let thread = thread::spawn(move || {
            actix_rt::System::new().block_on(async move {
                let server = serve(listener, options, move || {
                    App::new()
                        .app_data(web::Data::new(state.clone()))
                        .wrap_fn(outermost)
                        .default_service(web::to(answer))
                });
                let server = server.unwrap();
                started.send(server.handle()).unwrap();
                server.await.unwrap();
            });
        });
        let handle = handle.recv().unwrap();
        Self {
            addr,
            seen,
            file,
            handle,
            thread: Some(thread),
        }
    }

    fn client(&self) -> Client {
        let tcp = TcpStream::connect(self.addr).unwrap();
        tcp.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        Client {
            tcp,
            rest: Vec::new(),
        }
    }

    fn body(&self) -> String {
        let end = Instant::now() + Duration::from_secs(5);
        loop {
            if let Some(body) = self.seen.bodies.lock().unwrap().pop() {
                return body;
            }
            assert!(Instant::now() < end, "the handler saw no body");
            thread::sleep(Duration::from_millis(5));
        }
    }

    fn answered(&self) -> Answered {
        let end = Instant::now() + Duration::from_secs(5);
        loop {
            if let Some(answered) = self.seen.answers.lock().unwrap().pop() {
                return answered;
            }
            assert!(Instant::now() < end, "no answer was reported");
            thread::sleep(Duration::from_millis(5));
        }
    }

    fn stop(&mut self, graceful: bool) {
        drop(self.handle.stop(graceful));
        if let Some(thread) = self.thread.take() {
            thread.join().unwrap();
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop(false);
    }
}

type State = (Arc<Seen>, Arc<File>);

fn outermost<S, B>(
    request: ServiceRequest,
    service: &S,
) -> impl Future<Output = Result<ServiceResponse, Error>> + use<S, B>
where
    S: Service<ServiceRequest, Response = ServiceResponse<B>, Error = Error>,
    B: MessageBody + 'static,
{
    if let Some(refusal) = connection::refusal(request.request()) {
        return Either::Left(ready(Ok(request.into_response(refusal.response()))));
    }
    let state = request.app_data::<web::Data<State>>().cloned().unwrap();
    connection::handle(request.request())
        .unwrap()
        .on_answered(move |answered| {
            state.0.answers.lock().unwrap().push(answered);
        });
    let answer = service.call(request);
    Either::Right(async move { answer.await.map(ServiceResponse::map_into_boxed_body) })
}

async fn answer(request: HttpRequest, mut payload: Payload) -> HttpResponse {
    let (seen, file) = &***request.app_data::<web::Data<State>>().unwrap();
    let handle = connection::handle(&request).unwrap();
    let head = connection::head(&request).unwrap();
    let mut response = HttpResponse::Ok();
    match request.path() {
        "/early" => HttpResponse::BadRequest().body("no"),
        "/slow" => {
            actix_rt::time::sleep(Duration::from_millis(700)).await;
            response.body("slow")
        }
        "/read" => {
            let mut body = Vec::new();
            while let Some(chunk) = payload.next().await {
                match chunk {
                    Ok(chunk) => body.extend_from_slice(&chunk),
                    Err(error) => {
                        let fault = format!("{:?} after {}", handle.body_fault(), body.len());
                        seen.bodies
                            .lock()
                            .unwrap()
                            .push(format!("{fault}: {error}"));
                        return HttpResponse::BadRequest().body(fault);
                    }
                }
            }
            seen.bodies
                .lock()
                .unwrap()
                .push(format!("{} bytes", body.len()));
            response.body(body)
        }
        "/headers" => {
            let line = |(name, value): (&str, &[u8])| format!("{name}={}\n", value.escape_ascii());
            let count = request.headers().len();
            let lines: String = head.headers().map(line).collect();
            response.insert_header(("x-count", count)).body(lines)
        }
        "/stream" => {
            let chunks = ["a", "b", "c"].map(|chunk| Ok::<_, Error>(chunk.into()));
            response.streaming(futures_util::stream::iter(chunks))
        }
        "/file" => {
            let mut range = request
                .query_string()
                .split('-')
                .map(|n| n.parse().unwrap());
            let (offset, length) = (range.next().unwrap(), range.next().unwrap());
            response.body(handle.send_file(Arc::clone(file), offset, length))
        }
        _ => response.body(format!(
            "{} {}",
            request.method(),
            head.target().escape_ascii()
        )),
    }
}

struct Client {
    tcp: TcpStream,
    rest: Vec<u8>,
}

#[derive(Debug)]
struct Answer {
    status: String,
    headers: String,
    body: Vec<u8>,
}

impl Answer {
    fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    fn closes(&self) -> bool {
        self.headers.contains("connection: close")
    }
}

impl Client {
    fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.tcp.write_all(bytes.as_ref()).unwrap();
    }

    /// Reads until `done` says how many bytes make a whole; false at the end of file.
    fn fill(&mut self) -> bool {
        let mut buffer = vec![0; 256 * 1024];
        match self.tcp.read(&mut buffer) {
            Ok(count) => {
                self.rest.extend_from_slice(&buffer[..count]);
                count > 0
            }
            Err(error) if error.kind() == ErrorKind::ConnectionReset => false,
            Err(error) => panic!("{error}; got {:?}", self.rest.escape_ascii().to_string()),
        }
    }

    fn head(&mut self) -> (String, String) {
        let end = loop {
            if let Some(at) = self.rest.windows(4).position(|four| four == b"\r\n\r\n") {
                break at + 4;
            }
            assert!(
                self.fill(),
                "closed without an answer: {}",
                self.rest.escape_ascii()
            );
        };
        let head: Vec<u8> = self.rest.drain(..end).collect();
        let head = String::from_utf8(head).unwrap();
        let (status, headers) = head.split_once("\r\n").unwrap();
        (status.to_owned(), headers.to_lowercase())
    }

    fn answer(&mut self) -> Answer {
        let (status, headers) = self.head();
        let length = headers
            .lines()
            .find_map(|line| line.strip_prefix("content-length: "))
            .map_or(0, |length| length.parse().unwrap());
        while self.rest.len() < length {
            assert!(self.fill(), "cut after {} of {length}", self.rest.len());
        }
        Answer {
            status,
            headers,
            body: self.rest.drain(..length).collect(),
        }
    }

    fn ask(&mut self, request: impl AsRef<[u8]>) -> Answer {
        self.send(request);
        self.answer()
    }

    fn is_closed(&mut self) -> bool {
        assert_eq!(self.rest.escape_ascii().to_string(), "");
        !self.fill()
    }

    /// The connection is idle, and still good for a request.
    fn is_open(&mut self) -> bool {
        assert_eq!(self.rest.escape_ascii().to_string(), "");
        self.ask("GET /still HTTP/1.1\r\nHost: h\r\n\r\n").text() == "GET /still"
    }

    fn is_silent(&mut self) -> bool {
        self.tcp
            .set_read_timeout(Some(Duration::from_millis(200)))
            .unwrap();
        let silent = matches!(self.tcp.read(&mut [0]), Err(e) if e.kind() == ErrorKind::WouldBlock);
        self.tcp
            .set_read_timeout(Some(Duration::from_secs(10)))
            .unwrap();
        silent
    }
}

fn refused(request: impl AsRef<[u8]>, status: &str) {
    let server = Server::start(|_| ());
    let mut client = server.client();
    let answer = client.ask(request);
    assert_eq!(answer.status, status);
    assert!(answer.closes() && answer.body.is_empty(), "{answer:?}");
    assert!(client.is_closed());
    assert!(server.seen.bodies.lock().unwrap().is_empty());
}

#[test]
fn answers_request_after_request() {
    let server = Server::start(|_| ());
    let mut client = server.client();
    for number in 0..3 {
        let answer = client.ask(format!("GET /{number} HTTP/1.1\r\nHost: h\r\n\r\n"));
        assert_eq!(answer.text(), format!("GET /{number}"));
        assert!(!answer.headers.contains("connection:"));
    }
    assert_eq!(
        server.answered(),
        Answered {
            body_bytes: 6,
            complete: true
        }
    );
}

#[test]
fn answers_a_thousand_pipelined_requests_in_their_order() {
    let server = Server::start(|_| ());
    let mut client = server.client();
    let mut all = String::new();
    for number in 0..1_000 {
        all += &match number % 3 {
            0 => format!("GET /{number} HTTP/1.1\r\nHost: h\r\n\r\n"),
            1 => format!("POST /{number} HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nabc"),
            _ => format!(
                "PUT /{number} HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"
            ),
        };
    }
    let mut writer = client.tcp.try_clone().unwrap();
    let writing = thread::spawn(move || writer.write_all(all.as_bytes()).unwrap());
    for number in 0..1_000 {
        let method = ["GET", "POST", "PUT"][number % 3];
        assert_eq!(client.answer().text(), format!("{method} /{number}"));
    }
    writing.join().unwrap();
    assert!(client.is_open());
}

#[test]
fn closes_when_asked() {
    let server = Server::start(|_| ());
    let mut client = server.client();
    let answer = client.ask("GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
    assert!(answer.closes());
    assert!(client.is_closed());
}

#[test]
fn closes_always_without_keep_alive() {
    let server = Server::start(|options| options.keep_alive = false);
    let mut client = server.client();
    assert!(client.ask("GET / HTTP/1.1\r\nHost: h\r\n\r\n").closes());
    assert!(client.is_closed());
}

#[test]
fn answers_old_clients() {
    let server = Server::start(|_| ());
    let mut client = server.client();
    let answer = client.ask("GET /a HTTP/1.0\r\n\r\n");
    assert_eq!(
        (answer.status.as_str(), answer.text()),
        ("HTTP/1.1 200 OK", "GET /a")
    );
    assert!(answer.closes());
    assert!(client.is_closed());

    let mut client = server.client();
    let keep = "GET /b HTTP/1.0\r\nConnection: keep-alive\r\n\r\n";
    let answer = client.ask(keep);
    assert!(
        answer.headers.contains("connection: keep-alive"),
        "{answer:?}"
    );
    let body = "POST /read HTTP/1.0\r\nConnection: keep-alive\r\nContent-Length: 3\r\n\r\nabc";
    let answer = client.ask(body);
    assert_eq!(answer.text(), "abc");
    assert!(
        answer.headers.contains("connection: keep-alive"),
        "{answer:?}"
    );
    assert_eq!(client.ask(keep).text(), "GET /b");

    let mut client = server.client();
    client.send("POST /read HTTP/1.0\r\nContent-Length: 3\r\n\r\nabc");
    assert_eq!(client.answer().text(), "abc");
}

#[test]
fn ends_streams_to_old_clients_with_the_connection() {
    let server = Server::start(|_| ());
    let mut client = server.client();
    client.send("GET /stream HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
    let (_, headers) = client.head();
    assert!(!headers.contains("transfer-encoding"), "{headers}");
    while client.fill() {}
    assert_eq!(client.rest, b"abc");
}

#[test]
fn needs_no_host() {
    let server = Server::start(|_| ());
    assert_eq!(
        server.client().ask("GET /x HTTP/1.1\r\n\r\n").text(),
        "GET /x"
    );
}

#[test]
fn passes_bodies_on() {
    let server = Server::start(|_| ());
    let mut client = server.client();
    let body = content(5, 3 * 1024 * 1024);
    let mut writer = client.tcp.try_clone().unwrap();
    let bytes = body.clone();
    let writing = thread::spawn(move || {
        let head = format!(
            "POST /read HTTP/1.1\r\nContent-Length: {}\r\n\r\n",
            bytes.len()
        );
        writer.write_all(head.as_bytes()).unwrap();
        writer.write_all(&bytes).unwrap();
        writer
            .write_all(b"POST /read HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n")
            .unwrap();
        for chunk in bytes.chunks(70_001) {
            writer
                .write_all(format!("{:x};a=b\r\n", chunk.len()).as_bytes())
                .unwrap();
            writer.write_all(chunk).unwrap();
            writer.write_all(b"\r\n").unwrap();
        }
        writer.write_all(b"0\r\nTrailer: x\r\n\r\n").unwrap();
    });
    assert!(client.answer().body == body);
    assert!(client.answer().body == body);
    writing.join().unwrap();
    assert!(client.is_open());
}

#[test]
fn shows_the_application_the_real_head() {
    let server = Server::start(|_| ());
    let mut client = server.client();
    for target in [
        "//v1/images",
        "http://h/v1/images",
        "/v1/images/<x>?a=%zz",
        "*",
    ] {
        let answer = client.ask(format!("BREW {target} HTTP/1.1\r\nHost: h\r\n\r\n"));
        assert_eq!(answer.text(), format!("BREW {target}"));
    }
    let answer = client.ask(
        "POST /headers HTTP/1.1\r\nHost: h\r\nx-image-meta-A: 1\r\nx_image_meta_a:  2\t\r\n\
         Content-Length: 2\r\nX-Image-Meta-a: 3\r\n\r\nok",
    );
    let lines = "Host=h\nx-image-meta-A=1\nx_image_meta_a=2\nContent-Length=2\nX-Image-Meta-a=3\n";
    assert_eq!(answer.text(), lines);
}

#[test]
fn takes_many_headers() {
    let server = Server::start(|_| ());
    let mut client = server.client();
    for count in [129, 512] {
        let property = |n| format!("x-image-meta-property-k{n}: v{n}\r\n");
        let headers: String = (0..count).map(property).collect();
        let answer = client.ask(format!("GET /headers HTTP/1.1\r\n{headers}\r\n"));
        assert_eq!(answer.text().lines().count(), count);
        assert!(
            answer.headers.contains(&format!("x-count: {count}\r\n")),
            "{}",
            answer.headers
        );
        let last = count - 1;
        assert!(
            answer
                .text()
                .ends_with(&format!("x-image-meta-property-k{last}=v{last}\n"))
        );
    }
    let mut client = server.client();
    client.send(b"GET /headers HTTP/1.1\r\nA: \xff\xfe\r\n\r\n");
    assert_eq!(client.answer().text(), "A=\\xff\\xfe\n");
    assert!(client.is_open());
}

#[test]
fn refuses_heads_that_are_too_large() {
    let long = "a".repeat(20_000);
    refused(
        format!("GET / HTTP/1.1\r\nX-Big: {long}\r\n\r\n"),
        "HTTP/1.1 400 Header Line Too Long",
    );
    let many: String = (0..5)
        .map(|n| format!("X-B{n}: {}\r\n", "a".repeat(16_000)))
        .collect();
    refused(
        format!("GET / HTTP/1.1\r\n{many}\r\n"),
        "HTTP/1.1 400 Headers Too Large",
    );
    let uri = format!("GET /v1/images?name={long} HTTP/1.1\r\nHost: h\r\n\r\n");
    refused(uri, "HTTP/1.1 414 Request URI Too Long");
    let many = "A: b\r\n".repeat(1_000);
    refused(
        format!("GET / HTTP/1.1\r\n{many}\r\n"),
        "HTTP/1.1 400 Too Many Headers",
    );
    let server = Server::start(|_| ());
    let fits = format!("GET /ok HTTP/1.1\r\nX-Big: {}\r\n\r\n", "a".repeat(16_000));
    assert_eq!(server.client().ask(fits).text(), "GET /ok");
}

#[test]
fn refuses_what_is_not_http() {
    refused("GARBAGE\r\n\r\n", "HTTP/1.1 400 Bad request syntax");
    refused("GARBAGE\r\n", "HTTP/1.1 400 Bad request syntax");
    refused("\x16\x03\x01\x02", "HTTP/1.1 400 Bad request syntax");
    refused("GET / HTTP/3.0\r\n\r\n", "HTTP/1.1 400 Bad request syntax");
}

#[test]
fn refuses_heads_that_could_smuggle_a_request() {
    let tail = "\r\nGET /smuggled HTTP/1.1\r\n\r\n";
    for headers in [
        "Content-Length: abc\r\n",
        "Content-Length: 5\r\nContent-Length: 6\r\n",
        "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
        "X: a\r\n Transfer-Encoding: chunked\r\n",
        "X: a\0\r\n",
        "X: a\rTransfer-Encoding: chunked\r\n",
        "Transfer-Encoding : chunked\r\n",
        "Host: a\r\nHost: b\r\n",
    ] {
        let request = format!("POST /read HTTP/1.1\r\n{headers}{tail}");
        refused(request, "HTTP/1.1 400 Bad Request");
    }
    let request = format!("POST /read HTTP/1.1\r\nTransfer-Encoding: gzip\r\n{tail}");
    refused(request, "HTTP/1.1 501 Not Implemented");
    let request = format!("POST /read HTTP/1.0\r\nTransfer-Encoding: chunked\r\n{tail}");
    refused(request, "HTTP/1.1 400 Bad Request");
}

#[test]
fn answers_what_came_before_a_refusal() {
    let server = Server::start(|_| ());
    let mut client = server.client();
    client.send("GET /one HTTP/1.1\r\n\r\nGET /slow HTTP/1.1\r\n\r\nGARBAGE\r\n\r\n");
    assert_eq!(client.answer().text(), "GET /one");
    assert_eq!(client.answer().text(), "slow");
    assert_eq!(client.answer().status, "HTTP/1.1 400 Bad request syntax");
    assert!(client.is_closed());
}

#[test]
fn takes_a_negative_length_for_none() {
    let server = Server::start(|_| ());
    let mut client = server.client();
    let answer = client.ask("POST /headers HTTP/1.1\r\nHost: h\r\nContent-Length: -5\r\n\r\n");
    assert_eq!(answer.text(), "Host=h\n");
    assert!(client.is_open());
}

#[test]
fn gives_up_on_slow_heads() {
    let server = Server::start(|options| options.head_timeout = Duration::from_secs(1));
    let mut client = server.client();
    client.send("GET /");
    assert_eq!(client.answer().status, "HTTP/1.1 408 Request Timeout");
    assert!(client.is_closed());

    // The same for a later request, however steadily its bytes drip.
    let mut client = server.client();
    assert!(client.is_open());
    let begun = Instant::now();
    let mut writer = client.tcp.try_clone().unwrap();
    thread::spawn(move || {
        while writer.write_all(b"a").is_ok() {
            thread::sleep(Duration::from_millis(20));
        }
    });
    assert_eq!(client.answer().status, "HTTP/1.1 408 Request Timeout");
    assert!(begun.elapsed() < Duration::from_secs(20));

    // Who has said nothing gets no answer.
    let begun = Instant::now();
    assert!(server.client().is_closed());
    assert!(begun.elapsed() >= Duration::from_secs(1));
}

#[test]
fn closes_idle_connections() {
    let server = Server::start(|options| options.idle_timeout = Some(Duration::from_millis(600)));
    let mut client = server.client();
    let begun = Instant::now();
    assert!(client.is_open());
    assert!(client.is_closed());
    assert!(
        begun.elapsed() >= Duration::from_millis(600),
        "{:?}",
        begun.elapsed()
    );
    // An answer that takes longer than that is not idleness.
    let mut client = server.client();
    assert_eq!(client.ask("GET /slow HTTP/1.1\r\n\r\n").text(), "slow");
    assert!(client.is_open());
}

#[test]
fn sends_the_interim_answer_when_the_body_is_read() {
    let server = Server::start(|_| ());
    let mut client = server.client();
    let head = "POST /read HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n";
    client.send(head);
    assert_eq!(
        client.head(),
        ("HTTP/1.1 100 Continue".into(), "\r\n".into())
    );
    assert_eq!(client.ask("12345").text(), "12345");
    // After pipelined answers, in their order.
    client.send(format!("GET /one HTTP/1.1\r\n\r\n{head}"));
    assert_eq!(client.answer().text(), "GET /one");
    assert_eq!(client.head().0, "HTTP/1.1 100 Continue");
    assert_eq!(client.ask("12345").text(), "12345");
    assert!(client.is_open());
}

#[test]
fn answers_without_an_interim_answer_and_discards_the_body() {
    let server = Server::start(|_| ());
    let mut client = server.client();
    let head = "POST /early HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 32\r\n\r\n";
    let answer = client.ask(head);
    assert_eq!(answer.status, "HTTP/1.1 400 Bad Request");
    assert!(!answer.closes());
    // What looks like a request is the body.
    client.send("GET /smuggled HTTP/1.1\r\nHost: h\r\n");
    assert!(client.is_silent());
    assert!(client.is_open());
}

#[test]
fn goes_on_after_a_short_unread_body() {
    let server = Server::start(|_| ());
    for framing in [
        "Content-Length: 5\r\n\r\n12345",
        "Transfer-Encoding: chunked\r\n\r\n5\r\n12345\r\n0\r\n\r\n",
    ] {
        let mut client = server.client();
        client.send(format!(
            "POST /early HTTP/1.1\r\n{framing}GET /next HTTP/1.1\r\n\r\n"
        ));
        let answer = client.answer();
        assert_eq!(answer.text(), "no");
        assert!(!answer.closes());
        assert_eq!(client.answer().text(), "GET /next");
        assert!(client.is_open());
    }
    let mut client = server.client();
    let answer = client.ask("POST /early HTTP/1.1\r\nContent-Length: 100000\r\n\r\n");
    assert!(!answer.closes());
    client.send("x".repeat(100_000));
    assert!(client.is_open());
}

#[test]
fn closes_after_a_long_unread_body_without_losing_the_answer() {
    let server = Server::start(|_| ());
    let mut client = server.client();
    client.send("POST /early HTTP/1.1\r\nContent-Length: 50000000\r\n\r\n");
    // A client that reads only after it has sent everything.
    for _ in 0..50 {
        client.send(vec![b'x'; 1_000_000]);
    }
    let answer = client.answer();
    assert_eq!(answer.text(), "no");
    assert!(answer.closes());
    client.tcp.shutdown(Shutdown::Write).unwrap();
    assert!(client.is_closed());
    // A chunked body whose end has not come cannot be known to be short.
    let mut client = server.client();
    let head = "POST /early HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n";
    assert!(client.ask(head).closes());
}

#[test]
fn shows_the_handler_that_a_body_broke_off() {
    let server = Server::start(|_| ());
    for (head, sent) in [
        ("Content-Length: 100000\r\n\r\n", "x".repeat(5_000)),
        (
            "Transfer-Encoding: chunked\r\n\r\n",
            format!("1388\r\n{}\r\n", "x".repeat(5_000)),
        ),
    ] {
        let mut client = server.client();
        client.send(format!("POST /read HTTP/1.1\r\n{head}{sent}"));
        drop(client);
        let body = server.body();
        assert!(body.starts_with("Some(Disconnected) after 5000"), "{body}");
    }
    // The same when the client only says that it will send no more: it gets an answer.
    let mut client = server.client();
    client.send("POST /read HTTP/1.1\r\nContent-Length: 10\r\n\r\n12345");
    client.tcp.shutdown(Shutdown::Write).unwrap();
    let answer = client.answer();
    assert_eq!(answer.text(), "Some(Disconnected) after 5");
    assert!(answer.closes());
    assert!(client.is_closed());
}

#[test]
fn takes_a_whole_body_from_a_client_that_stops_sending() {
    let server = Server::start(|_| ());
    let mut client = server.client();
    let body = content(0, 300_000);
    client.send(format!(
        "POST /read HTTP/1.1\r\nContent-Length: {}\r\n\r\n",
        body.len()
    ));
    client.send(&body);
    client.tcp.shutdown(Shutdown::Write).unwrap();
    assert!(client.answer().body == body);
}

#[test]
fn breaks_off_bodies_that_are_not_chunked_coding() {
    let server = Server::start(|_| ());
    for chunks in [
        "5\r\nhelloX\r\n0\r\n\r\n",
        "5\r\nhello\r\nffffffffffffffff0\r\n",
        "5\r\nhello\r\nzz\r\n",
    ] {
        let mut client = server.client();
        let head = "POST /read HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n";
        let answer = client.ask(format!("{head}{chunks}GET /smuggled HTTP/1.1\r\n\r\n"));
        assert_eq!(answer.text(), "Some(BadChunk) after 5");
        assert!(answer.closes());
        assert!(client.is_closed());
    }
    let mut client = server.client();
    client.send("POST /read HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n5;");
    client.send("x".repeat(5_000));
    assert_eq!(client.answer().text(), "Some(BadChunk) after 0");
}

#[test]
fn gives_up_on_bodies_that_do_not_come() {
    let server = Server::start(|options| options.socket_timeout = Some(Duration::from_millis(300)));
    let mut client = server.client();
    client.send("POST /read HTTP/1.1\r\nContent-Length: 10\r\n\r\n12345");
    assert_eq!(client.answer().text(), "Some(TimedOut) after 5");
    assert!(client.is_closed());
}

#[test]
fn sends_files() {
    let server = Server::start(|_| ());
    let mut client = server.client();
    for (offset, length) in [
        (0, FILE),
        (0, 1),
        (FILE - 1, 1),
        (4_097, 3_000_001),
        (5, 0),
        (0, 64),
    ] {
        let answer = client.ask(format!(
            "GET /file?{offset}-{length} HTTP/1.1\r\nHost: h\r\n\r\n"
        ));
        assert_eq!(answer.body.len(), length);
        assert!(answer.body == content(offset, length));
        assert!(!answer.headers.contains("transfer-encoding"));
        let answered = Answered {
            body_bytes: length as u64,
            complete: true,
        };
        assert_eq!(server.answered(), answered);
    }
    let old = client.ask("GET /file?3-500000 HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
    assert!(old.body == content(3, 500_000));
    assert!(client.is_open());
}

#[test]
fn sends_files_that_are_not_in_the_page_cache() {
    let server = Server::start(|_| ());
    server.file.sync_all().unwrap();
    let forget = rustix::fs::Advice::DontNeed;
    rustix::fs::fadvise(&*server.file, 0, None, forget).unwrap();
    let mut client = server.client();
    let answer = client.ask(format!("GET /file?7-{} HTTP/1.1\r\n\r\n", FILE - 7));
    assert!(answer.body == content(7, FILE - 7));
    assert!(client.is_open());
}

#[test]
fn sends_pipelined_files() {
    let server = Server::start(|_| ());
    let mut client = server.client();
    for number in 0..20 {
        client.send(format!(
            "GET /file?{number}-500000 HTTP/1.1\r\n\r\nGET /{number} HTTP/1.1\r\n\r\n"
        ));
    }
    for number in 0..20 {
        assert!(client.answer().body == content(number, 500_000));
        assert_eq!(client.answer().text(), format!("GET /{number}"));
    }
}

#[test]
fn says_only_the_length_of_a_file_to_head() {
    let server = Server::start(|_| ());
    let mut client = server.client();
    client.send("HEAD /file?0-1000 HTTP/1.1\r\nHost: h\r\n\r\n");
    let (_, headers) = client.head();
    assert!(headers.contains("content-length: 1000\r\n"), "{headers}");
    assert!(client.is_open());
}

#[test]
fn sends_a_file_on_eight_connections_at_once() {
    let server = Server::start(|_| ());
    let clients: Vec<_> = (0..8)
        .map(|number| {
            let mut client = server.client();
            thread::spawn(move || {
                for round in 0..4 {
                    let offset = number * 1_000 + round;
                    let length = FILE - offset;
                    let request = format!("GET /file?{offset}-{length} HTTP/1.1\r\n\r\n");
                    assert!(client.ask(request).body == content(offset, length));
                }
            })
        })
        .collect();
    for client in clients {
        client.join().unwrap();
    }
}

#[test]
fn cuts_the_connection_when_a_file_is_shorter_than_declared() {
    let server = Server::start(|_| ());
    let mut client = server.client();
    server.file.set_len(1_000_000).unwrap();
    client.send(format!("GET /file?0-{FILE} HTTP/1.1\r\n\r\n"));
    client.head();
    while client.fill() {}
    assert_eq!(client.rest.len(), 1_000_000);
    assert_eq!(
        server.answered(),
        Answered {
            body_bytes: 1_000_000,
            complete: false
        }
    );
}

#[test]
fn notices_that_a_downloader_left() {
    let server = Server::start(|_| ());
    let mut client = server.client();
    client.send(format!("GET /file?0-{FILE} HTTP/1.1\r\n\r\n"));
    client.head();
    drop(client);
    let answered = server.answered();
    assert!(
        !answered.complete && answered.body_bytes < FILE as u64,
        "{answered:?}"
    );
}

#[test]
fn cuts_off_downloaders_that_do_not_read() {
    let server = Server::start(|options| options.socket_timeout = Some(Duration::from_millis(300)));
    let mut client = server.client();
    client.send(format!("GET /file?0-{FILE} HTTP/1.1\r\n\r\n"));
    let answered = server.answered();
    assert!(
        !answered.complete && answered.body_bytes < FILE as u64,
        "{answered:?}"
    );
    // One that reads slowly is served.
    let server = Server::start(|options| options.socket_timeout = Some(Duration::from_secs(2)));
    let mut client = server.client();
    client.send(format!("GET /file?0-{FILE} HTTP/1.1\r\n\r\n"));
    client.head();
    while client.rest.len() < FILE {
        assert!(client.fill());
        thread::sleep(Duration::from_millis(20));
    }
    assert!(client.rest == content(0, FILE));
}

#[test]
fn stops_gracefully() {
    let mut server = Server::start(|options| options.shutdown_timeout = Duration::from_secs(20));
    let mut idle = server.client();
    assert!(idle.is_open());
    let mut silent = server.client();
    let mut slow = server.client();
    slow.send("GET /slow HTTP/1.1\r\n\r\n");
    let mut download = server.client();
    download.send(format!("GET /file?0-{FILE} HTTP/1.1\r\n\r\n"));
    download.head();
    thread::sleep(Duration::from_millis(350));

    let begun = Instant::now();
    drop(server.handle.stop(true));
    assert!(idle.is_closed());
    assert!(silent.is_closed());
    assert!(
        begun.elapsed() < Duration::from_secs(10),
        "{:?}",
        begun.elapsed()
    );
    let answer = slow.answer();
    assert_eq!(answer.text(), "slow");
    assert!(answer.closes());
    assert!(slow.is_closed());
    thread::sleep(Duration::from_millis(500));
    while download.fill() {}
    assert!(download.rest == content(0, FILE));
    server.stop(true);
    assert!(begun.elapsed() < Duration::from_secs(18));
    assert!(TcpStream::connect(server.addr).is_err());
}

#[test]
fn cuts_what_outlasts_a_graceful_stop() {
    let mut server = Server::start(|options| options.shutdown_timeout = Duration::from_secs(1));
    let mut download = server.client();
    download.send(format!("GET /file?0-{FILE} HTTP/1.1\r\n\r\n"));
    download.head();
    let begun = Instant::now();
    server.stop(true);
    assert!(begun.elapsed() < Duration::from_secs(20));
    while download.fill() {}
    assert!(download.rest.len() < FILE);
}
