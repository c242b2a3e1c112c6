//! Requests to one account, with whatever token it takes.

use std::fmt;
use std::sync::Arc;

use hyper::StatusCode;
use hyper::header::HeaderValue;

use super::answer::{Answer, drain, persistently};
use super::error::SwiftError;
use super::sign_on::{SignOn, Ticket};
use crate::data::BatchStream;
use crate::error::StoreError;
use crate::net::call::{Call, PLAIN};
use crate::net::client::ServerClient;

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

impl Account {
    /// Sends a request as often as it takes, and gives an answer that is neither trouble which
    /// passes nor a refused token.
    pub(super) async fn send(&self, call: &Call<'_>) -> Result<Answer, StoreError> {
        let mut refused: Option<Arc<Ticket>> = None;
        loop {
            let ticket = self.ticket(refused.as_deref()).await?;
            let (base, token) = self.base(ticket.as_deref())?;
            let request = || call.request(base, token, PLAIN);
            let answer = persistently(&self.client, request).await?;
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
        let (head, ()) = call.head(base, token, PLAIN)?.into_parts();
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
