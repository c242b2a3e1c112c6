//! A part of an open file as batches, for receivers that cannot have it sent by the system.

use std::fs::File;
use std::io::{self, ErrorKind, IoSliceMut};
use std::os::unix::fs::FileExt;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use futures_util::stream;
use rustix::io::{Errno, ReadWriteFlags, preadv2};
use tokio::task::{JoinHandle, spawn_blocking};

use crate::data::{Batch, BatchStream, FileRange};
use crate::error::StoreError;

/// Bytes that are read at a time.
const CHUNK: usize = 256 * 1024;

/// The bytes of `range`. Holds two chunks at most while the receiver lets each go before it asks
/// for the one after the next.
///
/// What lies in the page cache is read where the stream is polled, which costs less than the way to
/// another thread. The rest is read on a blocking thread, one chunk ahead. If the file ends before
/// its range, the stream ends in an error.
pub(crate) fn read(range: FileRange) -> BatchStream {
    let reader = Reader {
        range,
        buffers: Arc::default(),
        ahead: None,
    };
    Box::pin(stream::unfold(Some(reader), |reader| async {
        let mut reader = reader?;
        match reader.next().await {
            Ok(Some(bytes)) => Some((Ok(Batch::from([bytes])), Some(reader))),
            Ok(None) => None,
            Err(error) => Some((Err(StoreError::Unavailable(error)), None)),
        }
    }))
}

struct Reader {
    /// What is not on its way yet.
    range: FileRange,
    buffers: Arc<Buffers>,
    /// A read that runs on a blocking thread.
    ahead: Option<JoinHandle<io::Result<Bytes>>>,
}

impl Reader {
    async fn next(&mut self) -> io::Result<Option<Bytes>> {
        if self.ahead.is_none() {
            if self.range.length == 0 {
                return Ok(None);
            }
            match self.read_cached() {
                Ok(bytes) => return Ok(Some(bytes)),
                Err(
                    Errno::AGAIN | Errno::OPNOTSUPP | Errno::NOSYS | Errno::INVAL | Errno::INTR,
                ) => {}
                Err(error) => return Err(error.into()),
            }
            self.ahead = self.read_ahead();
        }
        let Some(read) = self.ahead.take() else {
            return Ok(None);
        };
        let bytes = read.await.map_err(io::Error::other)??;
        // The disk has been waited for once, so it will be again.
        self.ahead = self.read_ahead();
        Ok(Some(bytes))
    }

    /// Reads what is in memory, without waiting for the disk.
    fn read_cached(&mut self) -> rustix::io::Result<Bytes> {
        let FileRange {
            file,
            offset,
            length,
        } = &self.range;
        let mut buffer = Buffers::take(&self.buffers);
        let wanted = chunk(*length);
        let mut to = [IoSliceMut::new(&mut buffer.bytes[..wanted])];
        let count = preadv2(file, &mut to, *offset, ReadWriteFlags::NOWAIT)?;
        if count == 0 {
            // Either the file's end, or a file system that says so for "not in memory".
            return Err(Errno::AGAIN);
        }
        self.advance(count);
        Ok(buffer.filled(count))
    }

    /// Starts to read the next chunk wherever it is; none at the end of the range.
    fn read_ahead(&mut self) -> Option<JoinHandle<io::Result<Bytes>>> {
        let FileRange {
            ref file,
            offset,
            length,
        } = self.range;
        let wanted = chunk(length);
        if wanted == 0 {
            return None;
        }
        let file = Arc::clone(file);
        let mut buffer = Buffers::take(&self.buffers);
        self.advance(wanted);
        Some(spawn_blocking(move || {
            fill(&file, &mut buffer.bytes[..wanted], offset)?;
            Ok(buffer.filled(wanted))
        }))
    }

    fn advance(&mut self, count: usize) {
        self.range.offset += count as u64;
        self.range.length -= count as u64;
    }
}

fn chunk(length: u64) -> usize {
    usize::try_from(length).map_or(CHUNK, |length| length.min(CHUNK))
}

/// Like `read_exact_at`, but its error names what happened.
fn fill(file: &File, to: &mut [u8], offset: u64) -> io::Result<()> {
    file.read_exact_at(to, offset)
        .map_err(|error| match error.kind() {
            ErrorKind::UnexpectedEof => io::Error::new(
                ErrorKind::UnexpectedEof,
                "the file is shorter than its image",
            ),
            _ => error,
        })
}

/// Buffers of one stream that its receiver is done with. Used again, a buffer need neither be
/// cleared nor have its pages mapped anew.
#[derive(Default)]
struct Buffers(Mutex<Vec<Vec<u8>>>);

/// A buffer on loan.
struct Buffer {
    bytes: Vec<u8>,
    length: usize,
    owner: Arc<Buffers>,
}

impl Buffers {
    fn take(this: &Arc<Self>) -> Buffer {
        let free = this.0.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let bytes = free.unwrap_or_else(|| vec![0; CHUNK]);
        Buffer {
            bytes,
            length: 0,
            owner: Arc::clone(this),
        }
    }
}

impl Buffer {
    fn filled(mut self, length: usize) -> Bytes {
        self.length = length;
        Bytes::from_owner(self)
    }
}

impl AsRef<[u8]> for Buffer {
    fn as_ref(&self) -> &[u8] {
        &self.bytes[..self.length]
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        let bytes = std::mem::take(&mut self.bytes);
        self.owner
            .0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(bytes);
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use futures_util::TryStreamExt;

    use super::*;

    fn open(length: usize) -> (FileRange, Vec<u8>) {
        let bytes: Vec<u8> = (0..length).map(|at| (at * 7 + at / 251) as u8).collect();
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(&bytes).unwrap();
        (
            FileRange {
                file: Arc::new(file),
                offset: 0,
                length: length as u64,
            },
            bytes,
        )
    }

    async fn collect(range: FileRange) -> Result<Vec<u8>, StoreError> {
        let batches: Vec<Batch> = read(range).try_collect().await?;
        Ok(batches.concat().concat())
    }

    #[tokio::test]
    async fn brings_exactly_the_range() {
        let (whole, bytes) = open(3 * CHUNK + 5);
        assert!(collect(whole.clone()).await.unwrap() == bytes);
        let part = FileRange {
            offset: 10,
            length: CHUNK as u64 + 1,
            ..whole.clone()
        };
        assert!(collect(part).await.unwrap() == bytes[10..CHUNK + 11]);
        let none = FileRange {
            offset: 10,
            length: 0,
            ..whole
        };
        assert!(collect(none).await.unwrap().is_empty());
    }

    #[tokio::test]
    async fn brings_what_is_not_in_memory() {
        let (whole, bytes) = open(3 * CHUNK + 5);
        whole.file.sync_all().unwrap();
        rustix::fs::fadvise(&whole.file, 0, None, rustix::fs::Advice::DontNeed).unwrap();
        assert!(collect(whole).await.unwrap() == bytes);
    }

    #[tokio::test]
    async fn a_short_file_is_an_error() {
        for length in [0, 1, CHUNK, 2 * CHUNK] {
            let (mut range, _) = open(length);
            range.length += 1;
            let error = collect(range).await.unwrap_err();
            assert!(
                matches!(&error, StoreError::Unavailable(e) if e.kind() == ErrorKind::UnexpectedEof),
                "{length}: {error:?}"
            );
        }
    }
}
