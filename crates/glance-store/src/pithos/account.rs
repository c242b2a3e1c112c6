//! Requests to one account, with the caller's token or ours.

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use hyper::header::{CONTENT_LENGTH, HeaderMap, HeaderValue};
use hyper::{Method, Request, StatusCode, Uri};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use super::error::PithosError;
use crate::data::Batch;
use crate::error::StoreError;
use crate::net::answer::{self, Answer, drain, is_passing};
use crate::net::client::{Outgoing, ServerClient};

/// What stands as it is in a part of a URL.
const PLAIN: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'_')
    .remove(b'.')
    .remove(b'~');

/// The same in an object's name, which may be a path.
const PATH: &AsciiSet = &PLAIN.remove(b'/');

/// An account that can be asked.
#[derive(Clone)]
pub(super) struct Account {
    pub(super) client: ServerClient,
    pub(super) endpoint: Arc<str>,
    pub(super) name: String,
    pub(super) token: HeaderValue,
    /// The token is the service's.
    pub(super) is_ours: bool,
}

/// A request.
pub(super) struct Call<'a> {
    pub(super) method: Method,
    pub(super) container: &'a str,
    pub(super) object: Option<&'a str>,
    /// What comes after `?`, encoded.
    pub(super) query: String,
    pub(super) headers: HeaderMap,
    pub(super) body: Batch,
}

impl<'a> Call<'a> {
    /// For a container.
    pub(super) fn container(method: Method, container: &'a str) -> Self {
        Self {
            method,
            container,
            object: None,
            query: String::new(),
            headers: HeaderMap::new(),
            body: Batch::new(),
        }
    }

    /// For an object.
    pub(super) fn object(method: Method, container: &'a str, object: &'a str) -> Self {
        Self {
            object: Some(object),
            ..Self::container(method, container)
        }
    }

    pub(super) fn query(self, query: impl Into<String>) -> Self {
        let query = query.into();
        Self { query, ..self }
    }

    pub(super) fn header(mut self, name: &'static str, value: HeaderValue) -> Self {
        self.headers.insert(name, value);
        self
    }

    pub(super) fn body(self, body: Vec<Bytes>) -> Self {
        Self { body, ..self }
    }

    fn request(&self, account: &Account) -> Result<Request<Outgoing>, StoreError> {
        let (name, container) = (encoded(&account.name), encoded(self.container));
        let mut url = format!("{}/{name}/{container}", account.endpoint);
        if let Some(object) = self.object {
            url.push('/');
            url.extend(utf8_percent_encode(object, PATH));
        }
        if !self.query.is_empty() {
            url.push('?');
            url.push_str(&self.query);
        }
        let url = Uri::try_from(url).map_err(|_| StoreError::BadLocation)?;
        let mut request = Request::new(Outgoing::whole(self.body.clone()));
        *request.method_mut() = self.method.clone();
        *request.uri_mut() = url;
        *request.headers_mut() = self.headers.clone();
        let headers = request.headers_mut();
        headers.insert("x-auth-token", account.token.clone());
        // A body of no bytes has a length, too, without which Pithos refuses it.
        if matches!(self.method, Method::PUT | Method::POST) {
            let length: u64 = self.body.iter().map(|piece| piece.len() as u64).sum();
            headers.insert(CONTENT_LENGTH, HeaderValue::from(length));
        }
        Ok(request)
    }
}

/// A name as a part of a URL.
pub(super) fn encoded(name: &str) -> String {
    utf8_percent_encode(name, PLAIN).to_string()
}

/// What the data of images is to Pithos.
pub(super) fn octets() -> HeaderValue {
    HeaderValue::from_static("application/octet-stream")
}

impl Account {
    /// Sends a request as often as it takes, and gives an answer that is neither trouble which
    /// passes nor a refused token.
    pub(super) async fn send(&self, call: &Call<'_>) -> Result<Answer, StoreError> {
        let passing = |status: StatusCode| {
            is_passing(status).then(|| PithosError::Status(status.as_u16()).into())
        };
        let answer = answer::persistently(&self.client, passing, || call.request(self)).await?;
        if answer.status() != StatusCode::UNAUTHORIZED {
            return Ok(answer);
        }
        drain(answer, self.client.patience()).await;
        // A caller's token that ended is no trouble of the store's.
        Err(match self.is_ours {
            true => PithosError::Token.into(),
            false => StoreError::Unauthorized,
        })
    }

    /// The status of an answer whose body is of no interest.
    pub(super) async fn status(&self, call: &Call<'_>) -> Result<StatusCode, StoreError> {
        let answer = self.send(call).await?;
        let status = answer.status();
        drain(answer, self.client.patience()).await;
        Ok(status)
    }
}

impl fmt::Debug for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Account").finish_non_exhaustive()
    }
}
