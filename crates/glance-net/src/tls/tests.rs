//! Both ends, with certificates made here.

#![allow(clippy::unwrap_used)]

use std::fs::write;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair as Key};
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, HandshakeKind};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::{HandshakeError, KeyPair, Part, ServerFiles, ServerTls, Shown, TlsError, Trust};

/// An authority, and the folder where its certificates are.
struct Authority {
    issuer: Issuer<'static, Key>,
    folder: TempDir,
}

impl Authority {
    fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = Key::generate().unwrap();
        let folder = TempDir::new().unwrap();
        let certificate = params.self_signed(&key).unwrap();
        write(folder.path().join("ca.pem"), certificate.pem()).unwrap();
        let issuer = Issuer::new(params, key);
        Self { issuer, folder }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn ca(&self) -> PathBuf {
        self.path("ca.pem")
    }

    /// Makes `NAME.pem` and `NAME.key` for this name of a host.
    fn sign(&self, name: &str, host: &str) -> (PathBuf, PathBuf) {
        let params = CertificateParams::new(vec![host.to_owned()]).unwrap();
        let key = Key::generate().unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        let (cert_file, key_file) = (
            self.path(&format!("{name}.pem")),
            self.path(&format!("{name}.key")),
        );
        write(&cert_file, certificate.pem()).unwrap();
        write(&key_file, key.serialize_pem()).unwrap();
        (cert_file, key_file)
    }
}

fn files<'a>(pair: &'a (PathBuf, PathBuf), ca_file: Option<&'a Path>) -> ServerFiles<'a> {
    ServerFiles {
        own: key_pair(pair),
        ca_file,
    }
}

fn key_pair(pair: &(PathBuf, PathBuf)) -> KeyPair<'_> {
    KeyPair {
        cert_file: &pair.0,
        key_file: &pair.1,
    }
}

/// Accepts connections, and returns every byte.
async fn echo(tls: ServerTls) -> std::net::SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        loop {
            let (tcp, _) = listener.accept().await.unwrap();
            let tls = tls.clone();
            tokio::spawn(async move {
                let Ok(mut socket) = tls.accept(tcp, Duration::from_secs(5)).await else {
                    return;
                };
                assert!(socket.plain().is_none());
                let mut byte = [0];
                while socket.read_exact(&mut byte).await.is_ok() {
                    socket.write_all(&byte).await.unwrap();
                    socket.flush().await.unwrap();
                }
            });
        }
    });
    address
}

async fn connect(
    config: &ClientConfig,
    address: std::net::SocketAddr,
) -> std::io::Result<TlsStream<TcpStream>> {
    let tcp = TcpStream::connect(address).await.unwrap();
    let host = ServerName::try_from("localhost").unwrap();
    let connector = TlsConnector::from(Arc::new(config.clone()));
    let mut stream = connector.connect(host, tcp).await?;
    // Only the first byte tells whether the server believes the client.
    say(&mut stream).await?;
    Ok(stream)
}

async fn say(stream: &mut TlsStream<TcpStream>) -> std::io::Result<()> {
    stream.write_all(b"x").await?;
    let mut byte = [0];
    stream.read_exact(&mut byte).await.map(drop)
}

fn trusting(ca: &Path) -> Trust<'_> {
    Trust {
        ca_file: Some(ca),
        insecure: false,
    }
}

#[tokio::test]
async fn a_server_is_believed_by_those_who_know_its_authority() {
    let (authority, other) = (Authority::new(), Authority::new());
    let pair = authority.sign("server", "localhost");
    let address = echo(ServerTls::load(files(&pair, None)).unwrap()).await;
    let mut config = trusting(&authority.ca()).config().unwrap();
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    let stream = connect(&config, address).await.unwrap();
    assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"http/1.1"[..]));
    let config = trusting(&other.ca()).config().unwrap();
    assert!(connect(&config, address).await.is_err());
    let careless = Trust {
        ca_file: None,
        insecure: true,
    };
    connect(&careless.config().unwrap(), address).await.unwrap();
}

#[tokio::test]
async fn the_second_connection_resumes_the_session_of_the_first() {
    let authority = Authority::new();
    let pair = authority.sign("server", "localhost");
    let address = echo(ServerTls::load(files(&pair, None)).unwrap()).await;
    let config = trusting(&authority.ca()).config().unwrap();
    let kind = async || {
        let stream = connect(&config, address).await.unwrap();
        stream.get_ref().1.handshake_kind().unwrap()
    };
    assert_eq!(kind().await, HandshakeKind::Full);
    assert_eq!(kind().await, HandshakeKind::Resumed);
}

#[tokio::test]
async fn a_renewed_certificate_is_for_new_connections_and_a_bad_one_for_none() {
    let authority = Authority::new();
    let pair = authority.sign("server", "localhost");
    let tls = ServerTls::load(files(&pair, None)).unwrap();
    let address = echo(tls.clone()).await;
    let shown = |stream: &TlsStream<TcpStream>| {
        let chain = stream.get_ref().1.peer_certificates();
        chain.unwrap()[0].as_ref().to_vec()
    };
    let config = || trusting(&authority.ca()).config().unwrap();
    let mut first = connect(&config(), address).await.unwrap();
    write(&pair.0, "nothing").unwrap();
    assert!(tls.reload(files(&pair, None)).is_err());
    let second = connect(&config(), address).await.unwrap();
    assert_eq!(shown(&first), shown(&second));
    authority.sign("server", "localhost");
    tls.reload(files(&pair, None)).unwrap();
    let third = connect(&config(), address).await.unwrap();
    assert_ne!(shown(&first), shown(&third));
    say(&mut first).await.unwrap();
}

#[tokio::test]
async fn clients_need_a_certificate_of_the_right_authority_where_one_is_named() {
    let (authority, other) = (Authority::new(), Authority::new());
    let (pair, ca) = (authority.sign("server", "localhost"), authority.ca());
    let address = echo(ServerTls::load(files(&pair, Some(&ca))).unwrap()).await;
    let trust = trusting(&ca);
    assert!(connect(&trust.config().unwrap(), address).await.is_err());
    let wrong = other.sign("client", "client");
    let right = authority.sign("client", "client");
    let own = Shown::load(key_pair(&wrong)).unwrap();
    let config = trust.config_showing(&own).unwrap();
    assert!(connect(&config, address).await.is_err());
    own.reload(key_pair(&right)).unwrap();
    connect(&config, address).await.unwrap();
    write(&right.1, "").unwrap();
    assert!(own.reload(key_pair(&right)).is_err());
    connect(&config, address).await.unwrap();
}

#[tokio::test]
async fn who_speaks_no_tls_is_told_or_left() {
    let authority = Authority::new();
    let pair = authority.sign("server", "localhost");
    let tls = ServerTls::load(files(&pair, None)).unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let exchange = async |said: &[u8]| {
        let mut client = TcpStream::connect(address).await.unwrap();
        client.write_all(said).await.unwrap();
        let (tcp, _) = listener.accept().await.unwrap();
        let heard = async {
            let mut heard = String::new();
            // Who is left in the midst of a word is reset.
            let _ = client.read_to_string(&mut heard).await;
            // Otherwise the server waits for more.
            drop(client);
            heard
        };
        let (outcome, heard) = tokio::join!(tls.accept(tcp, Duration::from_millis(300)), heard);
        (outcome.unwrap_err(), heard)
    };
    let (error, heard) = exchange(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n").await;
    assert!(matches!(error, HandshakeError::Plain), "{error}");
    assert!(heard.starts_with("HTTP/1.1 400 Bad Request\r\n"), "{heard}");
    assert!(
        heard.ends_with("\r\n\r\nThis port speaks HTTPS only."),
        "{heard}"
    );
    let (error, heard) = exchange(b"\0\0").await;
    assert!(matches!(error, HandshakeError::Plain), "{error}");
    assert_eq!(heard, "");
    let (error, _) = exchange(&[22, 3, 1]).await;
    assert!(matches!(error, HandshakeError::Slow(_)), "{error}");
    let (error, _) = exchange(b"").await;
    assert!(matches!(error, HandshakeError::Slow(_)), "{error}");
}

#[test]
fn says_which_file_is_wrong_and_how() {
    let authority = Authority::new();
    let (good, other) = (
        authority.sign("good", "localhost"),
        authority.sign("other", "localhost"),
    );
    let (missing, empty) = (authority.path("missing"), authority.path("empty"));
    write(&empty, "").unwrap();
    let broken = authority.path("broken");
    write(
        &broken,
        "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
    )
    .unwrap();
    let cases: [(&PathBuf, &PathBuf, Option<&Path>, Part, &str); 8] = [
        (
            &missing,
            &good.1,
            None,
            Part::Certificate,
            "No such file or directory (os error 2)",
        ),
        (
            &empty,
            &good.1,
            None,
            Part::Certificate,
            "there is no certificate in it",
        ),
        (
            &broken,
            &good.1,
            None,
            Part::Certificate,
            "invalid peer certificate: BadEncoding",
        ),
        (
            &good.0,
            &missing,
            None,
            Part::Key,
            "No such file or directory (os error 2)",
        ),
        (
            &good.0,
            &good.0,
            None,
            Part::Key,
            "there is no private key in it that needs no passphrase",
        ),
        (
            &good.0,
            &other.1,
            None,
            Part::Key,
            "it is not the key of the certificate in ",
        ),
        (
            &good.0,
            &good.1,
            Some(&empty),
            Part::Authorities,
            "there is no certificate in it",
        ),
        (
            &good.0,
            &good.1,
            Some(&broken),
            Part::Authorities,
            "there is no certificate in it",
        ),
    ];
    for (cert_file, key_file, ca_file, blamed, expected) in cases {
        let own = KeyPair {
            cert_file,
            key_file,
        };
        let error = ServerTls::load(ServerFiles { own, ca_file }).unwrap_err();
        let TlsError::File { part, reason, path } = error else {
            panic!("{error}");
        };
        assert_eq!(part, blamed);
        assert!(reason.starts_with(expected), "{reason}");
        let blamed = match part {
            Part::Certificate => cert_file.as_path(),
            Part::Key => key_file.as_path(),
            Part::Authorities => ca_file.unwrap(),
        };
        assert_eq!(path, blamed.display().to_string());
    }
}
