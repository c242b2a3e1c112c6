//! Requests to one account, with the caller's token or ours.

use std::fmt;
use std::sync::Arc;

use hyper::StatusCode;
use hyper::header::HeaderValue;
use percent_encoding::AsciiSet;

use super::error::PithosError;
use crate::error::StoreError;
use crate::net::answer::{self, Answer, drain, is_passing};
use crate::net::call::{Call, PLAIN, encoded};
use crate::net::client::ServerClient;

/// What stands as it is in an object's name, which may be a path.
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

impl Account {
    /// Sends a request as often as it takes, and gives an answer that is neither trouble which
    /// passes nor a refused token.
    pub(super) async fn send(&self, call: &Call<'_>) -> Result<Answer, StoreError> {
        let passing = |status: StatusCode| {
            is_passing(status).then(|| PithosError::Status(status.as_u16()).into())
        };
        let base = format!("{}/{}", self.endpoint, encoded(&self.name));
        let request = || call.request(&base, &self.token, PATH);
        let answer = answer::persistently(&self.client, passing, request).await?;
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
