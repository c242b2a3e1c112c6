//! The proxy that makes stores fail does what it is told, and nothing else.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::time::Duration;

use functional::{
    Connection, Fault, FaultProxy, Request, Response, Trouble, WebServer, When, md5_hex, patterned,
};

const SIZE: usize = 1_000_003;

fn site() -> (WebServer, FaultProxy, Vec<u8>) {
    let (server, data) = (WebServer::start(), patterned(SIZE, 1));
    server.put("image", &data);
    let proxy = FaultProxy::before(server.address());
    (server, proxy, data)
}

fn get(proxy: &FaultProxy) -> std::io::Result<Response> {
    Connection::open(&proxy.address())?.exchange(&Request::get("/image"))
}

/// A server that takes whatever is sent to it, and answers with its size and MD5.
fn taker() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    std::thread::spawn(move || {
        for mut stream in listener.incoming().map_while(Result::ok) {
            std::thread::spawn(move || {
                let mut bytes = Vec::new();
                let mut buffer = [0; 65536];
                loop {
                    let text =
                        String::from_utf8_lossy(&bytes[..bytes.len().min(4096)]).to_lowercase();
                    let head = text.find("\r\n\r\n").map(|at| at + 4);
                    let waits = text.contains("expect: 100") && head == Some(bytes.len());
                    let length = text.split("content-length: ").nth(1);
                    let length: Option<usize> =
                        length.and_then(|rest| rest.lines().next()?.parse().ok());
                    let enough = match (head, length) {
                        (Some(head), Some(length)) => bytes.len() >= head + length,
                        (Some(_), None) => bytes.ends_with(b"\r\n0\r\n\r\n"),
                        (None, _) => false,
                    };
                    if waits {
                        stream.write_all(b"HTTP/1.1 100 Continue\r\n\r\n").unwrap();
                    }
                    let count = match enough {
                        true => 0,
                        false => stream.read(&mut buffer).unwrap_or(0),
                    };
                    bytes.extend_from_slice(&buffer[..count]);
                    if count == 0 {
                        let body = head.map_or(&[][..], |head| &bytes[head..]);
                        let said = format!("{} {}", body.len(), md5_hex(body));
                        let length = said.len();
                        let answer =
                            format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n{said}");
                        // Who broke off does not want to know.
                        let _ = stream.write_all(answer.as_bytes());
                        return;
                    }
                }
            });
        }
    });
    address
}

fn told(body: &[u8]) -> String {
    format!("{} {}", body.len(), md5_hex(body))
}

#[test]
fn passes_on_what_comes_as_it_comes() {
    let (_server, proxy, data) = site();
    let mut connection = Connection::open(&proxy.address()).unwrap();
    for _ in 0..3 {
        let got = connection.exchange(&Request::get("/image")).unwrap();
        assert!(got.expect(200).body == data);
    }
    let part = Request::get("/image").header("Range", "bytes=5-9");
    assert_eq!(
        connection.exchange(&part).unwrap().expect(206).body,
        data[5..10]
    );
    let head = connection.exchange(&Request::head("/image")).unwrap();
    assert_eq!(head.header("Content-Length").unwrap(), SIZE.to_string());
    let missing = connection.exchange(&Request::get("/other")).unwrap();
    missing.expect(404);
    let chunked = Request::get("/unsized/image").header("Accept-Encoding", "gzip");
    let packed = connection.exchange(&chunked).unwrap().expect(200);
    assert!(packed.complete && packed.header("Transfer-Encoding") == Some("chunked"));
    assert_eq!(proxy.connections(), 1);
    let seen = proxy.seen();
    assert_eq!(
        (seen.len(), seen[3].range.as_deref()),
        (7, Some("bytes=5-9"))
    );
    assert_eq!(proxy.count(&When::asked("HEAD", "image")), 1);
}

#[test]
fn passes_uploads_on() {
    let (proxy, data) = (FaultProxy::before(&taker()), patterned(SIZE, 2));
    let send = |request: Request| {
        Connection::open(&proxy.address())
            .unwrap()
            .exchange(&request)
            .unwrap()
    };
    let sized = send(Request::put("/a").data(data.clone())).expect(200);
    assert_eq!(sized.text(), told(&data));
    let waiting = Request::put("/a").header("Expect", "100-continue");
    let mut patient = Connection::open(&proxy.address()).unwrap();
    let waiting = waiting.data(data.clone());
    patient.send_head(&waiting).unwrap();
    assert_eq!(patient.response_head().unwrap().status, 100);
    patient.write(&data).unwrap();
    assert_eq!(patient.response(false).unwrap().text(), told(&data));
    send(Request::put("/a").chunked(data.clone(), 50_000)).expect(200);

    proxy.inject(
        When::asked("PUT", "").once(),
        Fault::Sent(Trouble::Flip(70_000)),
    );
    let mut changed = data.clone();
    changed[70_000] ^= 1;
    let flipped = send(Request::put("/a").data(data.clone()));
    assert_eq!(flipped.expect(200).text(), told(&changed));
    proxy.inject(
        When::asked("PUT", "").once(),
        Fault::Sent(Trouble::Shorter(3)),
    );
    let short = send(Request::put("/a").data(data.clone()));
    assert_eq!(short.expect(200).text(), told(&data[..SIZE - 3]));
    proxy.inject(
        When::asked("PUT", "").once(),
        Fault::Sent(Trouble::Cut(1000)),
    );
    let cut = send(Request::put("/a").data(data.clone()));
    assert_eq!(cut.expect(200).text(), told(&data[..1000]));
    proxy.inject(When::asked("PUT", "").once(), Fault::unavailable());
    send(Request::put("/a").data(data.clone())).expect(503);
    proxy.inject(
        When::asked("PUT", "").once(),
        Fault::Sent(Trouble::Reset(1000)),
    );
    let mut reset = Connection::open(&proxy.address()).unwrap();
    assert!(
        reset
            .exchange(&Request::put("/a").data(data.clone()))
            .is_err()
    );
    send(Request::put("/a").data(data)).expect(200);
}

#[test]
fn does_to_answers_what_it_is_told() {
    let (_server, proxy, data) = site();
    let mut flipped = data.clone();
    flipped[500_000] ^= 1;
    let once = |fault| proxy.inject(When::asked("GET", "image").once(), fault);
    for (trouble, body, complete) in [
        (Trouble::Reset(300_000), None, false),
        (Trouble::Cut(300_000), Some(data[..300_000].to_vec()), false),
        (Trouble::Flip(500_000), Some(flipped), true),
        (Trouble::Shorter(3), Some(data[..SIZE - 3].to_vec()), true),
        (Trouble::Longer(2), Some([&data[..], b"xx"].concat()), true),
        (Trouble::Trailing(2), Some(data.clone()), true),
        (
            Trouble::Drip(400_000, Duration::from_millis(10)),
            Some(data.clone()),
            true,
        ),
    ] {
        once(Fault::Received(trouble));
        let got = get(&proxy).unwrap().expect(200);
        assert_eq!(got.complete, complete, "{trouble:?}");
        // What a reset leaves of what was on its way is for the system to say.
        assert!(body.is_none_or(|body| got.body == body), "{trouble:?}");
    }
    once(Fault::Header("ETag", "\"another\"".to_owned()));
    assert_eq!(get(&proxy).unwrap().header("ETag"), Some("\"another\""));
    for (fault, status) in [
        (Fault::internal(), 500),
        (Fault::unavailable(), 503),
        (Fault::slow_down(), 503),
    ] {
        once(fault);
        get(&proxy).unwrap().expect(status);
    }
    once(Fault::ResetHead);
    assert!(get(&proxy).is_err());
    proxy.refuse();
    assert!(get(&proxy).is_err());
    proxy.accept();
    assert!(get(&proxy).unwrap().expect(200).body == data);
}

#[test]
fn chooses_requests_by_kind_and_number() {
    let (_server, proxy, _) = site();
    proxy.inject(
        When::asked("GET", "image").after(1).times(2),
        Fault::internal(),
    );
    let statuses: Vec<u16> = (0..4).map(|_| get(&proxy).unwrap().status).collect();
    assert_eq!(statuses, [200, 500, 500, 200]);
    let faulted: Vec<bool> = proxy.seen().iter().map(|seen| seen.faulted).collect();
    assert_eq!(faulted, [false, true, true, false]);
    proxy.inject(When::asked("DELETE", ""), Fault::internal());
    assert_eq!(get(&proxy).unwrap().status, 200);
    proxy.inject(When::asked("*", ""), Fault::internal());
    assert_eq!(get(&proxy).unwrap().status, 500);
    proxy.heal();
    assert_eq!(get(&proxy).unwrap().status, 200);
}

#[test]
fn stalls_until_it_is_healed() {
    let (_server, proxy, _) = site();
    for fault in [Fault::StallHead, Fault::Received(Trouble::Stall(1000))] {
        proxy.inject(When::asked("GET", "image"), fault);
        let mut connection = Connection::open(&proxy.address()).unwrap();
        connection.send_head(&Request::get("/image")).unwrap();
        let (_, closed) = connection.read_until_silent(Duration::from_millis(200));
        assert!(!closed);
        proxy.heal();
        assert!(connection.closes_within(Duration::from_secs(5)));
    }
    // What is stalled does not outlive the proxy.
    proxy.inject(When::asked("GET", "image"), Fault::StallHead);
    let mut connection = Connection::open(&proxy.address()).unwrap();
    connection.send_head(&Request::get("/image")).unwrap();
    drop(proxy);
    assert!(connection.closes_within(Duration::from_secs(5)));
}
