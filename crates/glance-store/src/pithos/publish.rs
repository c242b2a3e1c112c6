//! The request that makes an image appear, and what came of it.

use std::fmt::Write;

use bytes::Bytes;
use hyper::StatusCode;

use super::error::PithosError;
use super::hashing::BlockHash;
use super::object::Head;
use super::upload::Upload;
use crate::data::Batch;
use crate::error::StoreError;
use crate::net::answer::{Tried, repeatedly};
use crate::net::call::Call;

/// What is ready for publication.
pub(super) enum Ready {
    /// Data of one block at most.
    Whole {
        size: u64,
        root: BlockHash,
        pieces: Batch,
    },
    /// Blocks that Pithos has.
    Blocks {
        size: u64,
        root: BlockHash,
        map: Bytes,
    },
}

/// What an object is made of, as Pithos reads it.
pub(super) fn hash_map(size: u64, hashes: &[BlockHash]) -> Bytes {
    let mut text = format!("{{\"bytes\": {size}, \"hashes\": [");
    for (at, hash) in hashes.iter().enumerate() {
        let separator = if at == 0 { "" } else { ", " };
        // Writing into text cannot fail.
        let _ = write!(text, "{separator}\"{hash}\"");
    }
    text.push_str("]}");
    text.into()
}

impl Upload {
    /// A request that makes the image appear, if there is none.
    pub(super) fn call(&self) -> Call<'_> {
        Call::publishing(&self.place.container, &self.place.object, &self.mark)
    }

    /// Makes the image appear, and looks whether it is what was sent. It can be sent again, for it
    /// succeeds only once, and the object tells by its mark of which upload it is.
    pub(super) async fn publish(&self, ready: Ready) -> Result<(), StoreError> {
        let (size, root, call) = match ready {
            Ready::Whole { size, root, pieces } => (size, root, self.call().body(pieces)),
            Ready::Blocks { size, root, map } => {
                let call = self.call().query("hashmap&format=json");
                (size, root, call.body(vec![map]))
            }
        };
        self.progress.begin();
        let head = repeatedly(|| self.published(&call)).await?;
        if head.size != size || head.facts.hash != root.to_string() {
            return Err(PithosError::Hash.into());
        }
        Ok(())
    }

    /// Sends the request, and gives what there is then.
    async fn published(&self, call: &Call<'_>) -> Result<Tried<Head>, StoreError> {
        let status = self.account.status(call).await?;
        let was_there = match status {
            status if status.is_success() => false,
            // Of an attempt of ours whose answer was lost, perhaps.
            StatusCode::PRECONDITION_FAILED => true,
            StatusCode::CONFLICT => return Err(PithosError::Missing.into()),
            status => return Err(self.not_kept(status)),
        };
        let (container, object) = (&self.place.container, &self.place.object);
        match self.account.head(container, object).await? {
            Some(head) if head.upload.as_ref() == Some(&self.mark) => Ok(Tried::Done(head)),
            Some(_) if was_there => Err(StoreError::Duplicate),
            // What an upload left that was given up, and is removed by now.
            None if was_there => Ok(Tried::Not(self.not_kept(status))),
            _ => Err(PithosError::Changed.into()),
        }
    }
}
