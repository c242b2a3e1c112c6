//! Removes images and what is left of them.

use futures_util::{StreamExt, TryStreamExt, stream};
use hyper::{Method, StatusCode};

use super::Inner;
use super::account::Account;
use super::answer::drain;
use super::error::refused;
use super::location::{Access, SwiftLocation};
use super::names;
use super::object::{Entry, Kind};
use crate::error::StoreError;
use crate::net::call::Call;

/// How many objects are deleted at the same time.
const AT_ONCE: usize = 8;

impl Inner {
    /// Whether the container of a place is the image's own.
    pub(super) fn owns(&self, place: &SwiftLocation) -> bool {
        let whole = format!("{}_{}", self.options.container, place.object);
        self.options.multi_tenant
            && matches!(place.access, Access::Storage(_))
            && place.container == whole
    }
}

/// Deletes an image and all that it is made of. False: there is none.
///
/// An image made of manifests or of whatever begins with its name goes first itself, so that nobody
/// reads the rest of it; what is then left when this is broken off is found by a sweep.
pub(super) async fn image(
    account: &Account,
    container: &str,
    object: &str,
) -> Result<bool, StoreError> {
    let Some(head) = account.head(container, object).await? else {
        return Ok(false);
    };
    match (head.kind, head.upload) {
        (Kind::Plain, _) => account.delete(container, object).await,
        (Kind::Static { manifests: 1.. }, None) | (Kind::Static { manifests: 0 }, _) => {
            account.delete_static(container, object).await
        }
        (Kind::Static { manifests }, Some(mark)) => {
            let gone = account.delete(container, object).await?;
            let names = (1..=manifests).map(|number| manifest(object, &mark, number));
            for name in names {
                account.delete_static(container, &name).await?;
            }
            Ok(gone)
        }
        (
            Kind::Dynamic {
                container: home,
                prefix: begin,
            },
            _,
        ) => {
            let gone = account.delete(container, object).await?;
            // An empty prefix would be everything.
            if begin.starts_with(object) {
                prefix(account, &home, &begin).await?;
            } else if !begin.is_empty() {
                log::warn!("the segments of an image have other names than the image; they stay");
            }
            Ok(gone)
        }
    }
}

fn manifest(object: &str, mark: &str, number: u32) -> String {
    match object.parse() {
        Ok(id) => names::manifest(&id, mark, number),
        Err(_) => format!("{object}-{mark}-m{number:05}"),
    }
}

/// Deletes whatever has a name that begins with `prefix`, and tells how many they were.
pub(super) async fn prefix(
    account: &Account,
    container: &str,
    prefix: &str,
) -> Result<u64, StoreError> {
    let mut marker = String::new();
    let mut deleted = 0;
    while let Some(page) = account.page(container, prefix, &marker).await? {
        let Some(last) = page.last() else { break };
        marker.clone_from(&last.name);
        deleted += page.len() as u64;
        all(account, container, page).await?;
    }
    Ok(deleted)
}

async fn all(account: &Account, container: &str, entries: Vec<Entry>) -> Result<(), StoreError> {
    let deletions = entries
        .into_iter()
        .map(|entry| async move { account.delete(container, &entry.name).await.map(|_| ()) });
    stream::iter(deletions)
        .buffer_unordered(AT_ONCE)
        .try_collect()
        .await
}

/// Deletes the container of a deleted image, with whatever still lies in it.
pub(super) async fn container(account: &Account, container: &str) -> Result<(), StoreError> {
    if empty_container(account, container).await? {
        return Ok(());
    }
    prefix(account, container, "").await?;
    if !empty_container(account, container).await? {
        // Its own servers do not know yet that it is empty.
        log::warn!("an empty container of a deleted image stays");
    }
    Ok(())
}

/// Deletes a container, unless there is something in it: false.
pub(super) async fn empty_container(
    account: &Account,
    container: &str,
) -> Result<bool, StoreError> {
    let call = Call::container(Method::DELETE, container);
    let answer = account.send(&call).await?;
    let status = answer.status();
    drain(answer, account.client.patience()).await;
    match status {
        StatusCode::CONFLICT => Ok(false),
        StatusCode::NOT_FOUND => Ok(true),
        status if status.is_success() => Ok(true),
        status => Err(refused(status)),
    }
}
