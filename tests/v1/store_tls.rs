//! Stores over TLS: the server's certificate decides, and nothing is sent to one that nobody vouches
//! for.

use std::net::TcpListener;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use functional::{Authority, Service, Setup, Signed, SwiftAccount, eventually, patterned};
use glance_net::tls::{KeyPair, ServerFiles, ServerTls};
use tokio::net::TcpStream;

use crate::remote_stores::{with_pithos, with_s3, with_swift};

/// More than one part.
const LENGTH: usize = 13_000_003;
const PATIENCE: Duration = Duration::from_secs(60);

/// Speaks TLS before a server that speaks none. Runs as long as the tests do.
struct TlsFront {
    address: String,
    handshakes: Arc<AtomicUsize>,
}

impl TlsFront {
    fn before(server: &str, shown: &Signed) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let front = Self {
            address: listener.local_addr().unwrap().to_string(),
            handshakes: Arc::default(),
        };
        let own = KeyPair {
            cert_file: &shown.cert_file,
            key_file: &shown.key_file,
        };
        let tls = ServerTls::load(ServerFiles { own, ca_file: None }).unwrap();
        let (server, handshakes) = (host_of(server).to_owned(), front.handshakes.clone());
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build();
            runtime.unwrap().block_on(async {
                let listener = tokio::net::TcpListener::from_std(listener).unwrap();
                while let Ok((client, _)) = listener.accept().await {
                    let (tls, server) = (tls.clone(), server.clone());
                    let handshakes = handshakes.clone();
                    tokio::spawn(async move {
                        let Ok(mut client) = tls.accept(client, PATIENCE).await else {
                            return;
                        };
                        handshakes.fetch_add(1, Ordering::SeqCst);
                        let mut server = TcpStream::connect(server).await.unwrap();
                        // Either side may go at any time.
                        let _ = tokio::io::copy_bidirectional(&mut client, &mut server).await;
                    });
                }
            });
        });
        front
    }

    fn connections(&self) -> usize {
        self.handshakes.load(Ordering::SeqCst)
    }
}

/// `host:port` of a URL.
fn host_of(url: &str) -> &str {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    rest.split_once('/').map_or(rest, |(host, _)| host)
}

/// The URL with TLS, at another host.
fn moved(url: &str, host: &str) -> String {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let path = rest.split_once('/').map_or("", |(_, path)| path);
    format!("https://{host}/{path}")
}

/// With the right authority images are kept; without, they are refused before the server hears a
/// word. `option` names the authority's file.
fn believes_only_whom_it_should(
    front: &TlsFront,
    authority: &Authority,
    option: &str,
    setup: &dyn Fn() -> Setup,
) {
    let believing = |file: &Path| setup().api_in("glance_store", option, &file.to_string_lossy());
    let cloud = believing(&authority.ca_file()).start();
    let (owner, data) = (cloud.newcomer(), patterned(LENGTH, 1));
    let id = owner.create("kept", &data);
    assert!(owner.download(&id).expect(200).body == data);
    cloud.verify();
    owner.delete(&id).expect(200);
    cloud.stop();
    let before = front.connections();
    assert!(before > 0);

    // Nobody is believed who is signed by somebody else, be it the system's or another file's.
    for setup in [setup(), believing(&Authority::new().ca_file())] {
        let cloud = setup.start();
        let owner = cloud.newcomer();
        let refused = owner.send(owner.new_disk("refused").data("12345"));
        assert!(refused.expect(503).header("Retry-After").is_some());
        // The sweep may have been the first to find it, and be about to say so.
        eventually("the log tells why", 10, || {
            cloud.logs().contains("certificate")
        });
        cloud.stop();
    }
    assert_eq!(front.connections(), before);
}

#[test]
fn swift_over_tls() {
    let (server, authority) = (Service::start("swift", &[]), Authority::new());
    let auth = server.variable("SWIFT_AUTH_URL");
    let front = TlsFront::before(&auth, &authority.sign("swift"));
    let address = moved(&auth, &front.address);
    // What Swift says of itself is where it listens.
    let endpoint = format!(
        "https://{}{}",
        front.address,
        SwiftAccount::of(&server).path
    );
    let setup = || {
        with_swift(&server)
            .api_in("glance_store", "swift_store_auth_address", &address)
            .api_in("glance_store", "swift_store_endpoint", &endpoint)
    };
    believes_only_whom_it_should(&front, &authority, "swift_store_cacert", &setup);

    let careless = setup().api_in("glance_store", "swift_auth_insecure", "True");
    let cloud = careless.start();
    let owner = cloud.newcomer();
    let id = owner.create("kept", b"12345");
    assert_eq!(owner.download(&id).expect(200).body, b"12345");
    owner.delete(&id).expect(200);
    cloud.stop();
}

#[test]
fn s3_over_tls() {
    let (server, authority) = (Service::start("s3", &[]), Authority::new());
    let endpoint = server.variable("S3_ENDPOINT");
    let front = TlsFront::before(&endpoint, &authority.sign("s3"));
    let address = moved(&endpoint, &front.address);
    believes_only_whom_it_should(&front, &authority, "s3_store_cacert", &|| {
        with_s3(&server, "S3_").api_in("glance_store", "s3_store_host", &address)
    });
}

#[test]
fn azure_over_tls() {
    let (server, authority) = (Service::start("azurite", &[]), Authority::new());
    let url = server.variable("AZURITE_URL");
    let front = TlsFront::before(&url, &authority.sign("azure"));
    let endpoint = moved(&url, &front.address);
    let variable = |name: &str| server.variable(&format!("AZURITE_{name}"));
    let (account, key) = (variable("ACCOUNT"), variable("KEY"));
    let container = variable("CONTAINER");
    believes_only_whom_it_should(&front, &authority, "object_store_cacert", &|| {
        [
            ("stores", "file,azure"),
            ("default_store", "azure"),
            ("azure_store_endpoint", &endpoint),
            ("azure_store_account", &account),
            ("azure_store_access_key", &key),
            ("azure_store_container", &container),
            ("object_store_chunk_size", "5"),
        ]
        .into_iter()
        .fold(Setup::new(), |setup, (name, value)| {
            setup.api_in("glance_store", name, value)
        })
    });
}

#[test]
fn pithos_over_tls() {
    let (server, authority) = (Service::start("synnefo", &[]), Authority::new());
    let url = server.variable("PITHOS_URL");
    let front = TlsFront::before(&url, &authority.sign("pithos"));
    let endpoint = moved(&url, &front.address);
    believes_only_whom_it_should(&front, &authority, "pithos_store_cacert", &|| {
        with_pithos(&server).api_in("glance_store", "pithos_store_endpoint", &endpoint)
    });
}
