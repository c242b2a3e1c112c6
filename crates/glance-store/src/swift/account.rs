//! Requests to one account, with whatever token it takes.

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use hyper::header::{CONTENT_LENGTH, HeaderMap, HeaderValue};
use hyper::{Method, Request, StatusCode, Uri};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use super::answer::{Answer, drain, persistently};
use super::error::SwiftError;
use super::sign_on::{SignOn, Ticket};
use crate::data::{Batch, BatchStream};
use crate::error::StoreError;
use crate::net::client::{Outgoing, ServerClient};

/// What stands as it is in a URL.
const PLAIN: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'_')
    .remove(b'.')
    .remove(b'~');

/// An account that can be asked. Clones share its tokens.
#[derive(Clone)]
pub(super) struct Account {
    pub(super) client: ServerClient,
    pub(super) who: Who,
}

/// With whose token, and where.
#[derive(Clone)]
pub(super) enum Who {
    /// Our own account.
    Own(Arc<SignOn>),
    /// Another's account with our token.
    For(Arc<SignOn>, String),
    /// With the caller's token, which is all there is.
    Caller {
        token: HeaderValue,
        storage_url: String,
    },
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

    fn request(&self, base: &str, token: &HeaderValue) -> Result<Request<()>, StoreError> {
        let mut url = format!("{base}/{}", encoded(self.container));
        if let Some(object) = self.object {
            url.push('/');
            url.push_str(&encoded(object));
        }
        if !self.query.is_empty() {
            url.push('?');
            url.push_str(&self.query);
        }
        let url = Uri::try_from(url).map_err(|_| StoreError::BadLocation)?;
        if !matches!(url.scheme_str(), Some("http" | "https")) {
            return Err(StoreError::BadLocation);
        }
        let mut request = Request::new(());
        *request.method_mut() = self.method.clone();
        *request.uri_mut() = url;
        *request.headers_mut() = self.headers.clone();
        request.headers_mut().insert("x-auth-token", token.clone());
        // A body of no bytes has a length, too, without which Swift refuses it.
        if matches!(self.method, Method::PUT | Method::POST) {
            let length: u64 = self.body.iter().map(|piece| piece.len() as u64).sum();
            let length = HeaderValue::from(length);
            request
                .headers_mut()
                .entry(CONTENT_LENGTH)
                .or_insert(length);
        }
        Ok(request)
    }
}

/// A name as a part of a URL.
pub(super) fn encoded(name: &str) -> String {
    utf8_percent_encode(name, PLAIN).to_string()
}

impl Account {
    /// Sends a request as often as it takes, and gives an answer that is neither trouble which
    /// passes nor a refused token.
    pub(super) async fn send(&self, call: &Call<'_>) -> Result<Answer, StoreError> {
        let mut refused: Option<Arc<Ticket>> = None;
        loop {
            let ticket = self.ticket(refused.as_deref()).await?;
            let (base, token) = self.base(ticket.as_deref())?;
            let answer = persistently(&self.client, || {
                let body = call.body.clone();
                Ok(call.request(base, token)?.map(|()| Outgoing::whole(body)))
            });
            let answer = answer.await?;
            if answer.status() != StatusCode::UNAUTHORIZED {
                return Ok(answer);
            }
            drain(answer, self.client.patience()).await;
            if ticket.is_none() || refused.is_some() {
                return Err(self.unauthorized());
            }
            refused = ticket;
        }
    }

    /// Sends a body that can be sent only once; whatever goes wrong is told.
    pub(super) async fn send_stream(
        &self,
        call: &Call<'_>,
        source: BatchStream,
        length: Option<u64>,
    ) -> Result<Answer, StoreError> {
        let ticket = self.ticket(None).await?;
        let (base, token) = self.base(ticket.as_deref())?;
        let (head, ()) = call.request(base, token)?.into_parts();
        let answer = self.client.send_stream(head, source, length).await?;
        if answer.status() == StatusCode::UNAUTHORIZED {
            drain(answer, self.client.patience()).await;
            return Err(self.unauthorized());
        }
        Ok(answer)
    }

    /// The address of the account.
    pub(super) async fn storage_url(&self) -> Result<String, StoreError> {
        let ticket = self.ticket(None).await?;
        Ok(self.base(ticket.as_deref())?.0.to_owned())
    }

    async fn ticket(&self, refused: Option<&Ticket>) -> Result<Option<Arc<Ticket>>, StoreError> {
        match &self.who {
            Who::Own(sign_on) | Who::For(sign_on, _) => sign_on.ticket(refused).await.map(Some),
            Who::Caller { .. } => Ok(None),
        }
    }

    fn base<'a>(
        &'a self,
        ticket: Option<&'a Ticket>,
    ) -> Result<(&'a str, &'a HeaderValue), StoreError> {
        match (&self.who, ticket) {
            (Who::Caller { token, storage_url }, _) => Ok((storage_url, token)),
            (Who::For(_, storage_url), Some(ticket)) => Ok((storage_url, &ticket.token)),
            (_, Some(ticket)) => Ok((&ticket.storage_url, &ticket.token)),
            (_, None) => Err(SwiftError::Token.into()),
        }
    }

    /// A caller's token that ended is no trouble of the store's.
    fn unauthorized(&self) -> StoreError {
        match self.who {
            Who::Caller { .. } => StoreError::Forbidden,
            Who::Own(_) | Who::For(..) => SwiftError::Token.into(),
        }
    }
}

impl fmt::Debug for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Account").finish_non_exhaustive()
    }
}
