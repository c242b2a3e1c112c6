//! The options, checked and in the units that the store uses.

use std::sync::Arc;

use glance_config::PithosConfig;
use hyper::Uri;
use hyper::header::HeaderValue;

use crate::error::StartError;
use crate::parallel::Parallel;

/// What the operator wants.
#[derive(Debug)]
pub(super) struct Options {
    /// Without a slash at its end.
    pub(super) endpoint: Arc<str>,
    /// Our own account.
    pub(super) account: Option<String>,
    pub(super) container: String,
    pub(super) create_container: bool,
    /// Not shown.
    pub(super) token: Option<HeaderValue>,
    pub(super) parallel: Parallel,
}

impl Options {
    pub(super) fn read(config: &PithosConfig) -> Result<Self, StartError> {
        let endpoint = config.pithos_store_endpoint.as_deref().unwrap_or_default();
        if endpoint.trim().is_empty() {
            let reason = "the pithos store needs it";
            return Err(StartError::new("pithos_store_endpoint", reason));
        }
        let (scheme, rest) = endpoint
            .trim()
            .split_once("://")
            .unwrap_or(("https", endpoint.trim()));
        let endpoint = format!("{scheme}://{}", rest.trim_end_matches('/'));
        let usable = matches!(scheme, "http" | "https")
            && !endpoint.contains(['?', '#'])
            && endpoint
                .parse::<Uri>()
                .is_ok_and(|url| url.host().is_some());
        if !usable {
            let reason = "it is no address";
            return Err(StartError::new("pithos_store_endpoint", reason));
        }
        let container = config.pithos_store_container.clone();
        // As long as Pithos lets it be.
        if container.is_empty() || container.chars().count() > 256 || container.contains('/') {
            let reason = "it is no name of a container";
            return Err(StartError::new("pithos_store_container", reason));
        }
        let token = config.pithos_store_token.as_ref().map(|token| {
            let value = secret(token.reveal());
            value.ok_or_else(|| StartError::new("pithos_store_token", "it is no token"))
        });
        let each = config.pithos_store_upload_parallel.get();
        let memory = u64::from(config.pithos_store_upload_memory) << 20;
        let account = config.pithos_store_account.clone();
        Ok(Self {
            endpoint: endpoint.into(),
            account: account.filter(|name| !name.is_empty()),
            container,
            create_container: config.pithos_store_create_container_on_put,
            token: token.transpose()?,
            parallel: Parallel::weighed(usize::try_from(each).unwrap_or(usize::MAX), memory),
        })
    }
}

/// A header that is not shown.
pub(super) fn secret(text: &str) -> Option<HeaderValue> {
    let mut value = HeaderValue::from_str(text).ok()?;
    value.set_sensitive(true);
    Some(value)
}
