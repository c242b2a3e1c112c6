//! Objects and containers, one request each.

use hyper::{Method, StatusCode};

use super::account::Account;
use super::error::{PithosError, not_kept, refused};
use super::facts;
use super::hashing::Hashing;
use crate::error::StoreError;
use crate::net::answer::{header, length};
use crate::net::call::{Call, UPLOAD};
use crate::store::ObjectFacts;

/// The largest blocks that we take: some of them are held in memory.
const LARGEST_BLOCK: u64 = 64 << 20;

/// What is known of an object.
#[derive(Debug)]
pub(super) struct Head {
    pub(super) size: u64,
    pub(super) facts: ObjectFacts,
    /// Our mark of the upload.
    pub(super) upload: Option<String>,
}

/// How a container cuts objects into blocks.
#[derive(Clone, Copy, Debug)]
pub(super) struct Blocks {
    /// Bytes of a block.
    pub(super) size: u64,
    pub(super) hashing: Hashing,
}

impl Account {
    /// What is known of an object. None: there is none.
    pub(super) async fn head(
        &self,
        container: &str,
        object: &str,
    ) -> Result<Option<Head>, StoreError> {
        let call = Call::object(Method::HEAD, container, object);
        let answer = self.send(&call).await?;
        match answer.status() {
            StatusCode::NOT_FOUND | StatusCode::GONE => Ok(None),
            status if status.is_success() => Ok(Some(Head {
                size: length(&answer).ok_or(PithosError::Unusable("it tells no length"))?,
                facts: facts::of(&answer)?,
                upload: header(&answer, UPLOAD).map(str::to_owned),
            })),
            status => Err(refused(status)),
        }
    }

    /// Deletes an object. False: there was none.
    pub(super) async fn delete(&self, container: &str, object: &str) -> Result<bool, StoreError> {
        let call = Call::object(Method::DELETE, container, object);
        match self.status(&call).await? {
            StatusCode::NOT_FOUND | StatusCode::GONE => Ok(false),
            status if status.is_success() => Ok(true),
            status => Err(refused(status)),
        }
    }

    /// How a container cuts objects into blocks. None: there is no such container.
    pub(super) async fn blocks(&self, container: &str) -> Result<Option<Blocks>, StoreError> {
        let call = Call::container(Method::HEAD, container);
        let answer = self.send(&call).await?;
        match answer.status() {
            StatusCode::NOT_FOUND => return Ok(None),
            status if !status.is_success() => return Err(not_kept(status)),
            _ => {}
        }
        let size = header(&answer, "x-container-block-size").and_then(|text| text.parse().ok());
        let hash = header(&answer, "x-container-block-hash");
        let (Some(size), Some(hash)) = (size, hash) else {
            return Err(PithosError::Unusable("it does not tell of a container's blocks").into());
        };
        if !(1..=LARGEST_BLOCK).contains(&size) {
            return Err(PithosError::Unusable("a container's blocks are too large").into());
        }
        let hashing = Hashing::named(hash).ok_or(PithosError::UnknownHash)?;
        Ok(Some(Blocks { size, hashing }))
    }

    /// Makes a container, if there is none.
    pub(super) async fn make_container(&self, container: &str) -> Result<(), StoreError> {
        let call = Call::container(Method::PUT, container);
        match self.status(&call).await? {
            status if status.is_success() => Ok(()),
            status => Err(not_kept(status)),
        }
    }
}
