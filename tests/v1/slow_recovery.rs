//! A store that makes recovery wait costs the uploads to other stores nothing.

use std::net::{TcpListener, TcpStream};
use std::time::Duration;

use functional::{Identity, Request, Setup, eventually, patterned};
use serde_json::json;

const LENGTH: usize = 100_000;

/// Accepts whatever comes, and answers nothing.
struct SilentServer {
    listener: TcpListener,
    connections: Vec<TcpStream>,
}

impl SilentServer {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        Self {
            listener,
            connections: Vec::new(),
        }
    }

    fn address(&self) -> String {
        self.listener.local_addr().unwrap().to_string()
    }

    /// How many have come since it was asked last.
    fn newcomers(&mut self) -> usize {
        let before = self.connections.len();
        self.connections
            .extend(std::iter::from_fn(|| Some(self.listener.accept().ok()?.0)));
        self.connections.len() - before
    }
}

#[test]
fn a_store_that_makes_recovery_wait_costs_no_lease() {
    let mut silent = SilentServer::start();
    let host = format!("http://{}", silent.address());
    let options = [
        ("stores", "file,s3"),
        ("default_store", "file"),
        ("s3_store_host", &host),
        ("s3_store_bucket", "images"),
        ("s3_store_access_key", "key"),
        ("s3_store_secret_key", "a secret that nobody asks for"),
        ("s3_store_timeout", "30"),
    ];
    // Nothing but recovery asks the store by itself.
    let setup =
        Setup::new()
            .both("service", "lease_seconds", "6")
            .api_in("service", "sweep_after", "0");
    let setup = options.iter().fold(setup, |setup, (name, value)| {
        setup.api_in("glance_store", name, value)
    });
    let mut cloud = setup.start();
    let caller = Identity::member();

    // What this upload left, recovery will look for where nobody answers.
    let post = |name, store| {
        let post = Request::post("/v1/images").raw_disk(name).by(&caller);
        post.header("x-image-meta-store", store)
            .header("Content-Type", "application/octet-stream")
            .header("Content-Length", LENGTH.to_string())
    };
    let mut lost = cloud.connect();
    lost.send_head(&post("lost", "s3")).unwrap();
    eventually("the store is asked", 10, || silent.newcomers() > 0);
    cloud.take_api().kill();
    cloud.start_api();
    silent.newcomers();

    let data = patterned(LENGTH, 1);
    let mut upload = cloud.connect();
    upload.send_head(&post("slow", "file")).unwrap();
    upload.write(&data[..1000]).unwrap();
    eventually("recovery asks the store", 60, || silent.newcomers() > 0);

    // Twice the time that a lease holds, and still no other daemon may take the upload over.
    for _ in 0..12 {
        std::thread::sleep(Duration::from_secs(1));
        let ask = json!({"holder": "another", "seconds": 60, "scrub_seconds": 0, "limit": 32});
        let ask = Request::post("/recovery").json(&ask);
        let taken = cloud
            .send_to_registry(ask.by(&Identity::admin()))
            .expect(200);
        let taken = taken.json();
        let mut taken = taken["items"].as_array().unwrap().iter();
        assert_eq!(taken.find(|item| item["store"] == "file"), None);
    }
    upload.write(&data[1000..]).unwrap();
    let made = upload.response(false).unwrap().expect(201).json();
    let id = made["image"]["id"].as_str().unwrap();
    assert_eq!(cloud.images_of(&caller).download(id).expect(200).body, data);
    cloud.take_api().kill();
}
