//! The blocks of an upload, several on their way at the same time.

use std::collections::HashSet;
use std::sync::Mutex;

use hyper::{Method, StatusCode};

use super::error::{PithosError, not_kept};
use super::hashing::BlockHash;
use super::lock;
use super::object::Blocks;
use super::publish::{Ready, hash_map};
use super::upload::Upload;
use crate::data::Batch;
use crate::error::{DataError, StoreError};
use crate::net::answer::{Answer, Tried, body, drain, repeatedly};
use crate::net::call::{Call, octets};
use crate::off_reactor::blocking;
use crate::parts::{Part, Parts};

/// The most blocks of an image: 4 TiB in blocks of Pithos' usual size.
const MOST: u32 = 1 << 20;

/// What an answer that lists two blocks may have.
const LIST: usize = 64 * 1024;

impl Upload {
    /// Sends all parts as blocks, as far as Pithos lacks them.
    pub(super) async fn send_blocks(
        &self,
        first: Part,
        mut parts: Parts,
        blocks: Blocks,
    ) -> Result<Ready, StoreError> {
        let there = Mutex::new(HashSet::new());
        let send = |part: Part| async {
            if part.number > MOST {
                return Err(DataError::TooLarge(u64::from(MOST) * blocks.size).into());
            }
            let length = part.length;
            let hash = self.send_block(part, blocks, &there).await?;
            Ok((length, hash))
        };
        let parallel = &self.inner.options.parallel;
        let sent = parallel
            .send(first, &mut parts, |_| blocks.size, send)
            .await?;
        drop(there);
        let size = sent.iter().map(|(length, _)| length).sum();
        let hashes: Vec<_> = sent.into_iter().map(|(_, hash)| hash).collect();
        blocking(move || {
            let root = blocks.hashing.root(&hashes);
            let map = hash_map(size, &hashes);
            Ok(Ready::Blocks { size, root, map })
        })
        .await
    }

    /// Sees to it that Pithos has a block, and gives its hash. `there`: blocks that it has for sure.
    async fn send_block(
        &self,
        part: Part,
        blocks: Blocks,
        there: &Mutex<HashSet<BlockHash>>,
    ) -> Result<BlockHash, StoreError> {
        let pieces = part.pieces.clone();
        let hash = blocking(move || Ok(blocks.hashing.block(&pieces))).await?;
        if lock(there).contains(&hash) {
            return Ok(hash);
        }
        if self.is_missing(&hash, blocks).await? {
            self.put_block(part.pieces, &hash).await?;
        }
        lock(there).insert(hash.clone());
        Ok(hash)
    }

    /// Whether Pithos lacks a block. There is no call that tells it, but whoever describes an object
    /// is told which of its blocks lack: this one never comes to be, for it has a block that nobody
    /// ever sent.
    async fn is_missing(&self, hash: &BlockHash, blocks: Blocks) -> Result<bool, StoreError> {
        let never = blocks.hashing.of_nothing_there();
        let call = self
            .call()
            .query("hashmap&format=json")
            .body(vec![hash_map(blocks.size * 2, &[hash.clone(), never])]);
        let answer = self.account.send(&call).await?;
        let status = answer.status();
        if status == StatusCode::CONFLICT {
            let missing = self.hashes(answer).await?;
            return Ok(missing.contains(&hash.to_string()));
        }
        drain(answer, self.account.client.patience()).await;
        Err(match status {
            StatusCode::PRECONDITION_FAILED => StoreError::Duplicate,
            status if status.is_success() => {
                self.progress.begin();
                PithosError::Unusable("it made an object of what is not there").into()
            }
            status => self.not_kept(status),
        })
    }

    /// Sends a block until Pithos tells the same hash.
    async fn put_block(&self, pieces: Batch, hash: &BlockHash) -> Result<(), StoreError> {
        let call = Call::container(Method::POST, &self.place.container)
            .query("update&format=json")
            .header("content-type", octets())
            .body(pieces);
        let expected = [hash.to_string()];
        repeatedly(|| async {
            let answer = self.account.send(&call).await?;
            let status = answer.status();
            if !status.is_success() {
                drain(answer, self.account.client.patience()).await;
                return Err(self.not_kept(status));
            }
            match self.hashes(answer).await? == expected {
                true => Ok(Tried::Done(())),
                false => Ok(Tried::Not(PithosError::Hash.into())),
            }
        })
        .await
    }

    async fn hashes(&self, answer: Answer) -> Result<Vec<String>, StoreError> {
        let text = body(answer, LIST, self.account.client.patience()).await?;
        let listed = serde_json::from_slice::<Vec<String>>(&text);
        let listed = listed.map_err(|_| PithosError::Unusable("a list of blocks is no JSON"))?;
        let lower = listed.iter().map(|hash| hash.to_ascii_lowercase());
        Ok(lower.collect())
    }

    /// What an answer to data of an image means that is no success.
    pub(super) fn not_kept(&self, status: StatusCode) -> StoreError {
        if status != StatusCode::NOT_FOUND {
            return not_kept(status);
        }
        self.inner.forget_container(&self.place);
        PithosError::ContainerGone.into()
    }
}
