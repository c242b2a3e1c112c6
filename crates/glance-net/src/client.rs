//! The pooled client and how it connects.

use std::collections::HashMap;
use std::error::Error;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use hyper::Request;
use hyper::body::Body;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::connect::{Connect, HttpConnector};
use hyper_util::client::legacy::{Client, ResponseFuture};
use hyper_util::rt::{TokioExecutor, TokioTimer};
use rustls::ClientConfig;
use tokio::runtime::{self, Handle};

/// How long a connection is kept for the next request; servers keep theirs for longer.
const IDLE: Duration = Duration::from_secs(20);

/// Bytes that a connection reads ahead of whoever takes them.
const READ_AHEAD: usize = 256 * 1024;

/// Connects to whatever address a name has, with TLS for https.
pub type Connector = HttpsConnector<HttpConnector>;

/// A connector whose addresses have `patience` to accept.
pub fn connector(tls: ClientConfig, patience: Duration) -> Connector {
    let mut connector = HttpConnector::new();
    connector.enforce_http(false);
    connector.set_nodelay(true);
    connector.set_connect_timeout(Some(patience));
    HttpsConnectorBuilder::new()
        .with_tls_config(tls)
        .https_or_http()
        .enable_http1()
        .wrap_connector(connector)
}

/// A client that keeps connections, for each runtime its own. Clones share them.
///
/// What moves the bytes of a connection is a task of the runtime that made it and ends with that,
/// even in the middle of an answer. Each reactor thread is a runtime, and when a daemon stops, the
/// threads with nothing to do end first.
pub struct Pooled<C, B> {
    connector: C,
    clients: Arc<Mutex<Clients<C, B>>>,
}

type Clients<C, B> = HashMap<runtime::Id, Client<C, B>>;

impl<C: Clone, B> Clone for Pooled<C, B> {
    fn clone(&self) -> Self {
        Self {
            connector: self.connector.clone(),
            clients: self.clients.clone(),
        }
    }
}

impl<C, B> Pooled<C, B>
where
    C: Connect + Clone + Send + Sync + 'static,
    B: Body + Send + Unpin + 'static,
    B::Data: Send,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    /// A client that connects so. No connection is made yet.
    pub fn new(connector: C) -> Self {
        Self {
            connector,
            clients: Arc::default(),
        }
    }

    /// Sends a request on a connection of this runtime. Panics outside of any.
    pub fn request(&self, request: Request<B>) -> ResponseFuture {
        // The map is whole after every statement, so a panic elsewhere cannot have broken it.
        let mut clients = self.clients.lock().unwrap_or_else(PoisonError::into_inner);
        let client = clients.entry(Handle::current().id()).or_insert_with(|| {
            Client::builder(TokioExecutor::new())
                .pool_timer(TokioTimer::new())
                .pool_idle_timeout(IDLE)
                .http1_max_buf_size(READ_AHEAD)
                .build(self.connector.clone())
        });
        client.request(request)
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net::TcpListener;
    use std::thread;

    use http_body_util::{BodyExt, Empty};
    use hyper::body::Bytes;
    use tokio::runtime::Builder;

    use super::*;
    use crate::tls::no_trust;

    /// Answers every request on a connection with two bytes.
    fn server() -> String {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        thread::spawn(move || {
            for connection in listener.incoming() {
                let mut connection = connection.unwrap();
                thread::spawn(move || {
                    let mut head = [0; 4096];
                    while matches!(connection.read(&mut head), Ok(1..)) {
                        let answer = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nOK";
                        connection.write_all(answer).unwrap();
                    }
                });
            }
        });
        format!("http://{address}/")
    }

    #[test]
    fn a_runtime_that_ends_breaks_no_connection_of_another() {
        let url = server();
        let runtime = || Builder::new_current_thread().enable_all().build().unwrap();
        let connector = connector(no_trust().unwrap(), Duration::from_secs(5));
        let client = Pooled::<_, Empty<Bytes>>::new(connector);
        let ask = async |client: &Pooled<_, _>| {
            let request = Request::get(&url).body(Empty::new()).unwrap();
            let body = client.request(request).await.unwrap().into_body();
            body.collect().await.unwrap().to_bytes()
        };
        let (first, second) = (runtime(), runtime());
        assert_eq!(first.block_on(ask(&client)), "OK");
        // The connection is idle now, and its runtime does not run: it must not be taken.
        assert_eq!(second.block_on(ask(&client)), "OK");
        drop(first);
        assert_eq!(second.block_on(ask(&client)), "OK");
    }
}
