//! One request to an outside source, and the redirects that it meets.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use glance_config::ExternalConfig;
use glance_net::client::Pooled;
use http_body_util::Empty;
use hyper::body::Incoming;
use hyper::header::{ACCEPT, ACCEPT_ENCODING, HeaderMap, HeaderValue, LOCATION, USER_AGENT};
use hyper::{Method, Request, Response};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use tokio::time::timeout;

use super::error::SourceError;
use crate::error::StartError;
use crate::guard::{ExternalUrl, Guard, GuardedConnector, Refusal};
use crate::net::tls::Trust;

/// Redirects that are followed for one request.
const REDIRECTS: usize = 5;

/// Sends requests where the guard allows it. Clones share their connections.
#[derive(Clone)]
pub(super) struct HttpClient {
    client: Pooled<HttpsConnector<GuardedConnector>, Empty<Bytes>>,
    guard: Arc<Guard>,
    timeout: Duration,
}

impl fmt::Debug for HttpClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpClient").finish_non_exhaustive()
    }
}

impl HttpClient {
    /// A client; no connection is made yet. Blocks to read certificates.
    pub(super) fn new(config: &ExternalConfig, guard: Arc<Guard>) -> Result<Self, StartError> {
        let timeout = config.timeout();
        let trust = Trust {
            ca_file: config.https_ca_certificates_file.as_deref(),
            insecure: config.https_insecure.0,
            option: "https_ca_certificates_file",
        };
        let connector = HttpsConnectorBuilder::new()
            .with_tls_config(trust.config()?)
            .https_or_http()
            .enable_http1()
            .wrap_connector(GuardedConnector::new(guard.clone(), timeout));
        Ok(Self {
            client: Pooled::new(connector),
            guard,
            timeout,
        })
    }

    /// Who says which URLs may be fetched.
    pub(super) fn guard(&self) -> &Guard {
        &self.guard
    }

    /// How long a source may take for each step.
    pub(super) fn timeout(&self) -> Duration {
        self.timeout
    }

    /// The head of the answer that all redirects lead to, and its body on its way. Each step has
    /// its own deadline. Only for methods that may be repeated.
    pub(super) async fn send(
        &self,
        method: &Method,
        url: &ExternalUrl,
        headers: &HeaderMap,
    ) -> Result<Response<Incoming>, SourceError> {
        let mut url = url.clone();
        for _ in 0..=REDIRECTS {
            let request = request(method, &url, headers);
            let answer = timeout(self.timeout, self.client.request(request))
                .await
                .map_err(|_| SourceError::Silent)??;
            if !matches!(answer.status().as_u16(), 301 | 302 | 303 | 307 | 308) {
                return Ok(answer);
            }
            let to = answer
                .headers()
                .get(LOCATION)
                .and_then(|to| to.to_str().ok());
            let to = to.ok_or(SourceError::Unusable("a redirect leads nowhere"))?;
            url = self
                .guard
                .redirect(&url, to)
                .map_err(SourceError::Refused)?;
        }
        Err(SourceError::Redirects)
    }

    /// Checks a stored location as if its user gave it now: the operator's rules may have changed.
    pub(super) fn check(&self, text: &str) -> Result<ExternalUrl, Refusal> {
        self.guard.check(text)
    }
}

fn request(method: &Method, url: &ExternalUrl, headers: &HeaderMap) -> Request<Empty<Bytes>> {
    let mut request = Request::new(Empty::new());
    *request.method_mut() = method.clone();
    *request.uri_mut() = url.uri().clone();
    *request.headers_mut() = headers.clone();
    let headers = request.headers_mut();
    headers.insert(ACCEPT, HeaderValue::from_static("*/*"));
    // Data is stored as it is; what a source packs for the way could unpack to any size.
    headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
    let agent = concat!("glance/", env!("CARGO_PKG_VERSION"));
    headers.insert(USER_AGENT, HeaderValue::from_static(agent));
    request
}
