//! A call before it is sent.

use std::time::Duration;

use bytes::Bytes;
use glance_core::identity::Token;
use hyper::Method;
use serde::Serialize;

use crate::error::RegistryError;

/// What may be done with a call whose answer is lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Repeat {
    /// It may have changed something, and a second one would not be the same: nothing.
    Never,
    /// A second one right after it changes nothing more. One that is done much later might: a
    /// registry that is only silent is not given up.
    Soon,
    /// It only reads, or says the same whenever it is done: it is asked again, of anybody, at any time.
    Always,
}

/// A call before it is sent.
pub(crate) struct Call<'a> {
    pub(crate) method: Method,
    /// Path and query, percent-encoded.
    pub(crate) target: String,
    pub(crate) body: Bytes,
    pub(crate) headers: &'a [(&'static str, String)],
    pub(crate) repeat: Repeat,
    /// No registry is waited for longer while another one could answer a call that may always be
    /// repeated; none: half of the time there is.
    pub(crate) patience: Option<Duration>,
    /// Our own token, which vouches for the caller.
    pub(crate) voucher: Option<Token>,
}

/// The header that tells our registry of a quota; nothing where there is none.
pub(crate) fn quota_header(name: &'static str, quota: Option<u64>) -> Vec<(&'static str, String)> {
    quota
        .map(|quota| (name, quota.to_string()))
        .into_iter()
        .collect()
}

impl<'a> Call<'a> {
    pub(crate) fn new(method: Method, target: impl Into<String>) -> Self {
        let repeat = match method {
            Method::GET => Repeat::Always,
            _ => Repeat::Never,
        };
        Self {
            method,
            target: target.into(),
            body: Bytes::new(),
            headers: &[],
            repeat,
            patience: None,
            voucher: None,
        }
    }

    pub(crate) fn json(mut self, body: &impl Serialize) -> Result<Self, RegistryError> {
        self.body = serde_json::to_vec(body)
            .map_err(RegistryError::malformed)?
            .into();
        Ok(self)
    }

    pub(crate) fn with(mut self, headers: &'a [(&'static str, String)]) -> Self {
        self.headers = headers;
        self
    }

    /// The call may be made by anybody at any time, and is of use only if it is made soon.
    pub(crate) fn urgent(mut self, patience: Duration) -> Self {
        self.repeat = Repeat::Always;
        self.patience = Some(patience);
        self
    }

    /// The call says the same however often it is made, as those about the caller's own lease do.
    pub(crate) fn idempotent(mut self) -> Self {
        self.repeat = Repeat::Soon;
        self
    }
}
