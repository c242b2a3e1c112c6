//! The clouds' library speaks through our one HTTP client, which adds what the library leaves out.

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use http_body_util::BodyExt;
use hyper::body::{Body, Frame, Incoming, SizeHint};
use hyper::header::{AUTHORIZATION, HeaderName, HeaderValue, IF_NONE_MATCH};
use hyper::{HeaderMap, Method, Request};
use object_store::ClientOptions;
use object_store::azure::{AzureAuthorizer, AzureCredential};
use object_store::client::{
    HttpClient, HttpConnector, HttpError, HttpErrorKind, HttpRequest, HttpResponse,
    HttpResponseBody, HttpService,
};
use tokio::time::{Instant, Sleep, sleep};

use crate::md5::{Md5Digest, Md5Pool};
use crate::net::client::{NetError, Outgoing, ServerClient};

const CONTENT_MD5: HeaderName = HeaderName::from_static("content-md5");

/// Marks a request that must not replace anything, where the library has no word for that.
#[derive(Clone, Copy, Debug)]
pub(super) struct CreateOnly;

/// The MD5 that the server computed of what it was sent, beside its answer.
#[derive(Clone, Copy, Debug)]
pub(super) struct ServerMd5(pub(super) Md5Digest);

/// What signs Azure's requests with an account's key. The library signs them first; what is added
/// afterwards needs a new signature.
pub(super) struct Signer {
    pub(super) credential: AzureCredential,
    pub(super) account: String,
}

/// Our client as the library wants it. Clones share it.
#[derive(Clone)]
pub(super) struct Transport {
    client: ServerClient,
    md5: Md5Pool,
    signer: Option<Arc<Signer>>,
}

impl std::fmt::Debug for Transport {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Transport").finish_non_exhaustive()
    }
}

impl Transport {
    /// Speaks through `client`, and signs again if there is a `signer`.
    pub(super) fn new(client: ServerClient, signer: Option<Signer>) -> Self {
        Self {
            client,
            md5: Md5Pool::new(),
            signer: signer.map(Arc::new),
        }
    }

    /// With the MD5 of `pieces`, so that the server refuses what changed on the way.
    async fn complete(
        &self,
        request: &mut HttpRequest,
        pieces: &[Bytes],
    ) -> Result<(), object_store::Error> {
        let mut added = false;
        if request.method() == Method::PUT && !pieces.is_empty() {
            let mut md5 = self.md5.stream();
            md5.feed(pieces.to_vec());
            poll_fn(|context| md5.poll_settled(context)).await;
            let text = BASE64_STANDARD.encode(md5.finish().0);
            if let Ok(value) = HeaderValue::try_from(text) {
                added = request.headers_mut().insert(CONTENT_MD5, value).is_none();
            }
        }
        if request.extensions().get::<CreateOnly>().is_some() {
            let any = HeaderValue::from_static("*");
            request.headers_mut().insert(IF_NONE_MATCH, any);
            added = true;
        }
        match &self.signer {
            Some(signer) if added => {
                request.headers_mut().remove(AUTHORIZATION);
                AzureAuthorizer::new(&signer.credential, &signer.account).try_authorize(request)
            }
            _ => Ok(()),
        }
    }
}

impl HttpConnector for Transport {
    fn connect(&self, _: &ClientOptions) -> object_store::Result<HttpClient> {
        Ok(HttpClient::new(self.clone()))
    }
}

#[async_trait::async_trait]
impl HttpService for Transport {
    async fn call(&self, request: HttpRequest) -> Result<HttpResponse, HttpError> {
        let mut request = request;
        let mut pieces = Vec::new();
        while let Some(frame) = request.body_mut().frame().await {
            if let Ok(piece) = frame?.into_data()
                && !piece.is_empty()
            {
                pieces.push(piece);
            }
        }
        self.complete(&mut request, &pieces)
            .await
            .map_err(|error| HttpError::new(HttpErrorKind::Unknown, error))?;
        let (head, _) = request.into_parts();
        let stored = head.method == Method::PUT;
        let request = Request::from_parts(head, Outgoing::whole(pieces));
        let response = self.client.send(request).await.map_err(failed)?;
        let (mut head, body) = response.into_parts();
        if stored && let Some(md5) = server_md5(&head.headers) {
            head.extensions.insert(ServerMd5(md5));
        }
        let patience = self.client.patience();
        let body = HttpResponseBody::new(Patient::new(body, patience));
        Ok(HttpResponse::from_parts(head, body))
    }
}

fn failed(error: NetError) -> HttpError {
    let kind = match &error {
        NetError::Unreachable(error) if error.is_connect() => HttpErrorKind::Connect,
        NetError::Unreachable(_) => HttpErrorKind::Interrupted,
        NetError::Silent => HttpErrorKind::Timeout,
        NetError::TooLong => HttpErrorKind::Decode,
    };
    HttpError::new(kind, error)
}

/// Azure's `Content-MD5`, or Google's `x-goog-hash: crc32c=…, md5=…`.
fn server_md5(headers: &HeaderMap) -> Option<Md5Digest> {
    let google = headers
        .get_all("x-goog-hash")
        .into_iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .find_map(|hash| hash.trim().strip_prefix("md5="));
    let text = match google {
        Some(text) => text,
        None => headers.get(CONTENT_MD5)?.to_str().ok()?,
    };
    let bytes = BASE64_STANDARD.decode(text.trim()).ok()?;
    Some(Md5Digest(bytes.try_into().ok()?))
}

/// A body that fails when nothing comes for too long.
struct Patient {
    body: Incoming,
    patience: Duration,
    silence: Pin<Box<Sleep>>,
}

impl Patient {
    fn new(body: Incoming, patience: Duration) -> Self {
        Self {
            body,
            patience,
            silence: Box::pin(sleep(patience)),
        }
    }
}

impl Body for Patient {
    type Data = Bytes;
    type Error = HttpError;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, HttpError>>> {
        let this = self.get_mut();
        match Pin::new(&mut this.body).poll_frame(context) {
            Poll::Ready(frame) => {
                let end = Instant::now() + this.patience;
                this.silence.as_mut().reset(end);
                let broken = |error| HttpError::new(HttpErrorKind::Interrupted, error);
                Poll::Ready(frame.map(|frame| frame.map_err(broken)))
            }
            Poll::Pending => {
                let silence = this.silence.as_mut();
                std::task::ready!(std::future::Future::poll(silence, context));
                Poll::Ready(Some(Err(failed(NetError::Silent))))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_both_clouds_checksums() {
        let md5 = "1B2M2Y8AsgTpgAmY7PhCfg==";
        let google = format!("crc32c=AAAAAA==, md5={md5}");
        for (name, value) in [("x-goog-hash", google.as_str()), ("content-md5", md5)] {
            let mut headers = HeaderMap::new();
            headers.insert(name, value.parse().unwrap());
            let found = server_md5(&headers).unwrap().to_string();
            assert_eq!(found, "d41d8cd98f00b204e9800998ecf8427e");
        }
        let mut headers = HeaderMap::new();
        headers.insert("x-goog-hash", "crc32c=AAAAAA==".parse().unwrap());
        assert!(server_md5(&headers).is_none());
    }
}
