//! Objects and containers, one request each.

use chrono::NaiveDateTime;
use hyper::header::HeaderValue;
use hyper::{Method, StatusCode};
use percent_encoding::percent_decode_str;
use serde_json::Value;
use std::time::SystemTime;

use super::account::Account;
use super::answer::{Answer, body, drain, etag, header, length};
use super::error::{SwiftError, refused};
use crate::error::StoreError;
use crate::net::call::{Call, UPLOAD, encoded};

/// How many manifests a manifest is made of, if it is made of manifests.
pub(super) const MANIFESTS: &str = "x-object-meta-glance-manifests";

/// How many names a page has.
const PAGE: usize = 2_000;

/// What a page may have: a name has a thousand bytes at most.
const PAGE_LIMIT: usize = 8 << 20;

/// What is known of an object.
#[derive(Debug)]
pub(super) struct Head {
    pub(super) size: u64,
    pub(super) etag: Option<String>,
    pub(super) kind: Kind,
    /// Our mark of the upload.
    pub(super) upload: Option<String>,
}

/// What an object is made of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Itself.
    Plain,
    /// Segments that a manifest lists; if `manifests`, of ours, these list the segments.
    Static { manifests: u32 },
    /// All objects in `container` whose names begin with `prefix`: how Glance keeps large images.
    Dynamic { container: String, prefix: String },
}

/// A name in a container.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub(super) name: String,
    pub(super) size: u64,
    pub(super) touched: SystemTime,
}

impl Head {
    pub(super) fn of(answer: &Answer) -> Result<Self, StoreError> {
        let is_static = header(answer, "x-static-large-object")
            .is_some_and(|text| text.eq_ignore_ascii_case("true"));
        let manifests = header(answer, MANIFESTS).and_then(|text| text.parse().ok());
        let kind = match header(answer, "x-object-manifest") {
            _ if is_static => Kind::Static {
                manifests: manifests.unwrap_or(0),
            },
            Some(text) => {
                let (container, prefix) = text
                    .trim_start_matches('/')
                    .split_once('/')
                    .ok_or(SwiftError::Unusable("its manifest names nothing"))?;
                let decoded = |text| percent_decode_str(text).decode_utf8_lossy().into_owned();
                Kind::Dynamic {
                    container: decoded(container),
                    prefix: decoded(prefix),
                }
            }
            None => Kind::Plain,
        };
        Ok(Self {
            size: length(answer).ok_or(SwiftError::Unusable("it tells no length"))?,
            etag: etag(answer),
            kind,
            upload: header(answer, UPLOAD).map(str::to_owned),
        })
    }

    /// The MD5 of the data, which only the tag of a plain object is.
    pub(super) fn checksum(&self) -> Option<String> {
        let etag = self.etag.as_ref()?;
        let is_md5 = etag.len() == 32 && etag.bytes().all(|byte| byte.is_ascii_hexdigit());
        (is_md5 && self.kind == Kind::Plain).then(|| etag.to_ascii_lowercase())
    }
}

impl Account {
    /// What is known of an object. None: there is none.
    pub(super) async fn head(
        &self,
        container: &str,
        object: &str,
    ) -> Result<Option<Head>, StoreError> {
        let answer = self
            .send(&Call::object(Method::HEAD, container, object))
            .await?;
        match answer.status() {
            StatusCode::NOT_FOUND => Ok(None),
            status if status.is_success() => Head::of(&answer).map(Some),
            status => Err(refused(status)),
        }
    }

    /// Deletes an object, of a manifest only itself. False: there was none.
    pub(super) async fn delete(&self, container: &str, object: &str) -> Result<bool, StoreError> {
        self.done(&Call::object(Method::DELETE, container, object))
            .await
    }

    /// Deletes a manifest and all that it lists. Segments that lack are of no matter. False: there
    /// was no manifest.
    pub(super) async fn delete_static(
        &self,
        container: &str,
        object: &str,
    ) -> Result<bool, StoreError> {
        let json = HeaderValue::from_static("application/json");
        let call = Call::object(Method::DELETE, container, object)
            .query("multipart-manifest=delete")
            .header("accept", json);
        let answer = self.send(&call).await?;
        match answer.status() {
            StatusCode::NOT_FOUND => return Ok(false),
            // It is no manifest, or has become none.
            StatusCode::BAD_REQUEST => return self.delete(container, object).await,
            status if !status.is_success() => return Err(refused(status)),
            _ => {}
        }
        // The answer begins before anything is deleted, so what came of it is in its body.
        let patience = self.client.patience();
        let text = body(answer, PAGE_LIMIT, patience).await?;
        if text.iter().all(u8::is_ascii_whitespace) {
            // Without the middleware for large objects the manifest alone went.
            return Ok(true);
        }
        let report: Value = serde_json::from_slice(&text)
            .map_err(|_| SwiftError::Unusable("a deletion's report is no JSON"))?;
        let errors = report["Errors"]
            .as_array()
            .is_some_and(|errors| !errors.is_empty());
        let status = report["Response Status"].as_str().unwrap_or_default();
        if status.starts_with('2') && !errors {
            return Ok(true);
        }
        if status.starts_with("404") {
            return Ok(false);
        }
        Err(SwiftError::Segments.into())
    }

    /// Whether there is such a container.
    pub(super) async fn has_container(&self, container: &str) -> Result<bool, StoreError> {
        self.done(&Call::container(Method::HEAD, container)).await
    }

    /// Makes a container, if there is none.
    pub(super) async fn make_container(&self, container: &str) -> Result<(), StoreError> {
        match self.done(&Call::container(Method::PUT, container)).await? {
            true => Ok(()),
            false => Err(StoreError::NotFound),
        }
    }

    /// A page of the names in a container after `marker`, in the order of their bytes. None: there
    /// is no container.
    pub(super) async fn page(
        &self,
        container: &str,
        prefix: &str,
        marker: &str,
    ) -> Result<Option<Vec<Entry>>, StoreError> {
        let query = format!(
            "format=json&limit={PAGE}&prefix={}&marker={}",
            encoded(prefix),
            encoded(marker)
        );
        let call = Call::container(Method::GET, container).query(query);
        Ok(self.listed(&call).await?.map(|listed| {
            let entries = listed.iter().filter_map(entry);
            entries.collect()
        }))
    }

    /// A page of the names of containers after `marker`.
    pub(super) async fn containers(
        &self,
        prefix: &str,
        marker: &str,
    ) -> Result<Vec<String>, StoreError> {
        let query = format!(
            "format=json&limit={PAGE}&prefix={}&marker={}",
            encoded(prefix),
            encoded(marker)
        );
        let call = Call::container(Method::GET, "").query(query);
        let listed = self.listed(&call).await?.unwrap_or_default();
        let names = listed.iter().filter_map(|item| item["name"].as_str());
        Ok(names.map(str::to_owned).collect())
    }

    async fn listed(&self, call: &Call<'_>) -> Result<Option<Vec<Value>>, StoreError> {
        let answer = self.send(call).await?;
        match answer.status() {
            StatusCode::NOT_FOUND => return Ok(None),
            StatusCode::NO_CONTENT => return Ok(Some(Vec::new())),
            status if !status.is_success() => return Err(refused(status)),
            _ => {}
        }
        let text = body(answer, PAGE_LIMIT, self.client.patience()).await?;
        let listed = serde_json::from_slice(&text);
        listed.map_err(|_| SwiftError::Unusable("a list is no JSON").into())
    }

    /// Whether it succeeded. False: there is nothing there.
    pub(super) async fn done(&self, call: &Call<'_>) -> Result<bool, StoreError> {
        let answer = self.send(call).await?;
        let status = answer.status();
        drain(answer, self.client.patience()).await;
        match status {
            StatusCode::NOT_FOUND => Ok(false),
            status if status.is_success() => Ok(true),
            status => Err(refused(status)),
        }
    }
}

fn entry(item: &Value) -> Option<Entry> {
    let time = item["last_modified"].as_str().unwrap_or_default();
    let time = NaiveDateTime::parse_from_str(time, "%Y-%m-%dT%H:%M:%S%.f");
    Some(Entry {
        name: item["name"].as_str()?.to_owned(),
        size: item["bytes"].as_u64().unwrap_or(0),
        // What has no time is not old.
        touched: time.map_or_else(|_| SystemTime::now(), |time| time.and_utc().into()),
    })
}
