//! What lies in our own container.

use std::collections::VecDeque;

use futures_core::Stream;
use futures_util::stream;
use glance_core::pithos::PithosLocation;
use hyper::{Method, StatusCode};
use serde_json::Value;

use super::Inner;
use super::account::Account;
use super::error::{PithosError, not_kept};
use crate::error::StoreError;
use crate::net::answer::{body, drain};
use crate::net::call::{Call, encoded};
use crate::store::Held;

/// How many objects a page has.
const PAGE: usize = 1_000;

/// What a page may have: names have a thousand characters at most, and sharing lists its users.
const PAGE_LIMIT: usize = 64 << 20;

/// What Pithos calls its folders.
const FOLDERS: [&str; 2] = ["application/directory", "application/folder"];

/// Reads page by page.
struct Walk {
    account: Account,
    container: String,
    page: VecDeque<Value>,
    marker: String,
    ended: bool,
}

impl Inner {
    /// Everything in our own container.
    pub(super) fn held(
        &self,
    ) -> Result<impl Stream<Item = Result<Held, StoreError>> + Send + use<>, StoreError> {
        let walk = Walk {
            account: self.own().ok_or(StoreError::Unsupported)?,
            container: self.options.container.clone(),
            page: VecDeque::new(),
            marker: String::new(),
            ended: false,
        };
        Ok(stream::try_unfold(walk, |mut walk| async move {
            Ok(walk.next().await?.map(|held| (held, walk)))
        }))
    }
}

impl Walk {
    async fn next(&mut self) -> Result<Option<Held>, StoreError> {
        loop {
            let Some(entry) = self.page.pop_front() else {
                if self.ended {
                    return Ok(None);
                }
                self.turn_page().await?;
                continue;
            };
            if let Some(held) = self.held(&entry) {
                return Ok(Some(held));
            }
        }
    }

    fn held(&self, entry: &Value) -> Option<Held> {
        let name = entry["name"].as_str()?;
        let kind = entry["content_type"].as_str().unwrap_or_default();
        let kind = kind.split(';').next().unwrap_or_default().trim();
        if FOLDERS.contains(&kind) {
            return None;
        }
        let place = PithosLocation {
            account: self.account.name.clone(),
            container: self.container.clone(),
            object: name.to_owned(),
        };
        Some(Held::Image {
            location: place.url(),
            id: name.parse().ok(),
            size: entry["bytes"].as_u64()?,
        })
    }

    async fn turn_page(&mut self) -> Result<(), StoreError> {
        let marker = encoded(&self.marker);
        let query = format!("format=json&limit={PAGE}&marker={marker}");
        let call = Call::container(Method::GET, &self.container).query(query);
        let answer = self.account.send(&call).await?;
        let status = answer.status();
        if status != StatusCode::OK {
            drain(answer, self.account.client.patience()).await;
            self.ended = true;
            return match status {
                StatusCode::NOT_FOUND | StatusCode::NO_CONTENT => Ok(()),
                status => Err(not_kept(status)),
            };
        }
        let text = body(answer, PAGE_LIMIT, self.account.client.patience()).await?;
        let page: VecDeque<Value> = serde_json::from_slice(&text)
            .map_err(|_| PithosError::Unusable("a list of objects is no JSON"))?;
        match page.back().map(|last| last["name"].as_str()) {
            None => self.ended = true,
            Some(Some(last)) if last != self.marker => last.clone_into(&mut self.marker),
            Some(_) => return Err(PithosError::Unusable("a list does not go on").into()),
        }
        self.page = page;
        Ok(())
    }
}
