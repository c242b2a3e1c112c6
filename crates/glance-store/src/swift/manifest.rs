//! Manifests: what a static large object is made of.

use bytes::Bytes;
use hyper::{Method, StatusCode};
use serde_json::{Value, json};

use super::Inner;
use super::account::Account;
use super::answer::{body, drain, etag, length};
use super::error::{SwiftError, refused};
use crate::error::StoreError;
use crate::net::call::{Call, octets};

/// What a manifest may list where the server does not say: Swift's own default.
const USUAL_LIMIT: usize = 1_000;

/// What a server tells of itself.
const INFORMATION_LIMIT: usize = 1 << 20;

/// Something that a manifest lists.
#[derive(Debug)]
pub(super) struct Listed {
    pub(super) name: String,
    pub(super) etag: String,
    pub(super) size: u64,
}

impl Listed {
    fn to_json(&self, container: &str) -> Value {
        json!({
            "path": format!("/{container}/{}", self.name),
            "etag": self.etag,
            "size_bytes": self.size,
        })
    }
}

/// The text of a manifest.
pub(super) fn text(container: &str, listed: impl Iterator<Item = Listed>) -> Bytes {
    let list: Vec<Value> = listed.map(|listed| listed.to_json(container)).collect();
    Value::Array(list).to_string().into()
}

/// Keeps a manifest that belongs to another one.
pub(super) async fn put_inner(
    account: &Account,
    container: &str,
    name: String,
    size: u64,
    text: Bytes,
) -> Result<Listed, StoreError> {
    let call = Call::object(Method::PUT, container, &name)
        .query("multipart-manifest=put")
        .header("content-type", octets())
        .body(vec![text]);
    let answer = account.send(&call).await?;
    let (status, tag) = (answer.status(), etag(&answer));
    drain(answer, account.client.patience()).await;
    match status {
        StatusCode::NOT_FOUND => return Err(SwiftError::NoContainer.into()),
        status if !status.is_success() => return Err(refused(status)),
        _ => {}
    }
    let etag = tag.ok_or(SwiftError::Unusable("a manifest has no tag"))?;
    Ok(Listed { name, etag, size })
}

impl Inner {
    /// How many segments a manifest may list, as the server says.
    pub(super) async fn manifest_limit(&self, account: &Account) -> usize {
        let limit = self
            .manifest_limit
            .get_or_try_init(|| async { self.ask_limit(account).await.ok_or(()) })
            .await;
        limit.copied().unwrap_or(USUAL_LIMIT)
    }

    async fn ask_limit(&self, account: &Account) -> Option<usize> {
        let url: hyper::Uri = account.storage_url().await.ok()?.parse().ok()?;
        let url = format!("{}://{}/info", url.scheme()?, url.authority()?);
        let request = hyper::Request::get(url)
            .body(crate::net::client::Outgoing::empty())
            .ok()?;
        let answer = self.client.send(request).await.ok()?;
        if answer.status() != StatusCode::OK || length(&answer) == Some(0) {
            drain(answer, self.client.patience()).await;
            return Some(USUAL_LIMIT);
        }
        let text = body(answer, INFORMATION_LIMIT, self.client.patience()).await;
        let told: Value = serde_json::from_slice(&text.ok()?).ok()?;
        if told["slo"].is_null() {
            log::error!("store swift: the server has no static large objects (slo)");
        }
        let limit = told["slo"]["max_manifest_segments"].as_u64();
        let limit = limit.and_then(|limit| usize::try_from(limit).ok());
        Some(limit.filter(|limit| *limit > 0).unwrap_or(USUAL_LIMIT))
    }
}
