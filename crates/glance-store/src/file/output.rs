//! How the bytes of an upload reach the disk: past the page cache where the file system allows it.
//!
//! An upload is flushed before it counts, so the page cache saves it nothing: it costs a copy and the
//! allocation of every page, and it throws out of memory what readers want. Through an aligned buffer
//! the disk takes the data directly, for a fraction of the CPU time, and the flush at the end has
//! next to nothing left to do.

use std::fs::File;
use std::io::{self, ErrorKind, Write};

use bytes::Bytes;
use rustix::fs::{OFlags, fcntl_getfl, fcntl_setfl};
use rustix::io::Errno;

/// What the disk is given at once. Uploads of less go through the page cache.
const BUFFER: usize = 256 * 1024;

/// No common disk or file system asks for more.
const ALIGNMENT: usize = 4096;

/// A file that is written from its start to its end.
#[derive(Debug)]
pub(super) struct Output {
    file: File,
    /// Bytes that wait to be a whole buffer; none when the page cache is used.
    direct: Option<Aligned>,
    written: u64,
}

impl Output {
    /// Writes to `file`, which is empty. `size`: how much will come, if known.
    pub(super) fn new(file: File, size: Option<u64>) -> Self {
        let large = size.is_none_or(|size| size >= BUFFER as u64);
        let direct = (large && set_direct(&file, true).is_ok()).then(Aligned::new);
        Self {
            file,
            direct,
            written: 0,
        }
    }

    pub(super) fn file(&self) -> &File {
        &self.file
    }

    /// Bytes taken so far.
    pub(super) fn written(&self) -> u64 {
        self.written
    }

    /// Appends a batch. Part of it may wait for the next one, or for [`Output::finish`].
    pub(super) fn write(&mut self, batch: &[Bytes]) -> io::Result<()> {
        for piece in batch {
            self.append(piece)?;
            self.written += piece.len() as u64;
        }
        Ok(())
    }

    fn append(&mut self, mut piece: &[u8]) -> io::Result<()> {
        while let Some(buffer) = &mut self.direct {
            piece = buffer.fill(piece);
            if !buffer.is_full() {
                return Ok(());
            }
            match self.file.write(buffer.bytes()) {
                Ok(0) => return Err(ErrorKind::WriteZero.into()),
                Ok(count) => buffer.consume(count),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                // The file system took the flag and cannot do it after all.
                Err(error) if is_invalid(&error) => self.give_up_direct()?,
                Err(error) => return Err(error),
            }
        }
        self.file.write_all(piece)
    }

    /// Writes what still waits. Afterwards everything is with the system; it lasts after a flush.
    pub(super) fn finish(&mut self) -> io::Result<()> {
        // What is left is no whole number of blocks, which the disk would not take directly.
        if self.direct.is_some() {
            self.give_up_direct()?;
        }
        Ok(())
    }

    fn give_up_direct(&mut self) -> io::Result<()> {
        set_direct(&self.file, false)?;
        match self.direct.take() {
            Some(buffer) => self.file.write_all(buffer.bytes()),
            None => Ok(()),
        }
    }
}

fn set_direct(file: &File, direct: bool) -> rustix::io::Result<()> {
    let mut flags = fcntl_getfl(file)?;
    flags.set(OFlags::DIRECT, direct);
    fcntl_setfl(file, flags)
}

fn is_invalid(error: &io::Error) -> bool {
    error.raw_os_error() == Some(Errno::INVAL.raw_os_error())
}

/// A buffer whose start in memory is aligned.
#[derive(Debug)]
struct Aligned {
    memory: Vec<u8>,
    start: usize,
    filled: usize,
}

impl Aligned {
    fn new() -> Self {
        let memory = vec![0; BUFFER + ALIGNMENT];
        // The vector neither grows nor moves its memory, so this stays true.
        let start = memory.as_ptr().align_offset(ALIGNMENT).min(ALIGNMENT);
        Self {
            memory,
            start,
            filled: 0,
        }
    }

    fn bytes(&self) -> &[u8] {
        &self.memory[self.start..self.start + self.filled]
    }

    fn is_full(&self) -> bool {
        self.filled == BUFFER
    }

    /// Takes as much of `piece` as there is room for, and gives back the rest.
    fn fill<'a>(&mut self, piece: &'a [u8]) -> &'a [u8] {
        let (taken, rest) = piece.split_at(piece.len().min(BUFFER - self.filled));
        let at = self.start + self.filled;
        self.memory[at..at + taken.len()].copy_from_slice(taken);
        self.filled += taken.len();
        rest
    }

    /// Forgets the first `count` bytes.
    fn consume(&mut self, count: usize) {
        let end = self.start + self.filled;
        self.memory.copy_within(self.start + count..end, self.start);
        self.filled -= count;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn writes_every_length_whole() {
        let directory = tempfile::tempdir_in(env!("CARGO_MANIFEST_DIR")).unwrap();
        let data: Vec<u8> = (0..3 * BUFFER + 5)
            .map(|at| (at * 7 + at / 251) as u8)
            .collect();
        for length in [
            0,
            1,
            4095,
            4096,
            BUFFER - 1,
            BUFFER,
            BUFFER + 1,
            2 * BUFFER,
            data.len(),
        ] {
            for piece in [1000, 65536, BUFFER, data.len()] {
                let path = directory.path().join("file");
                let mut output = Output::new(File::create(&path).unwrap(), None);
                let batch: Vec<Bytes> = data[..length]
                    .chunks(piece)
                    .map(Bytes::copy_from_slice)
                    .collect();
                for batch in batch.chunks(3) {
                    output.write(batch).unwrap();
                }
                output.finish().unwrap();
                assert_eq!(output.written(), length as u64);
                assert!(
                    std::fs::read(&path).unwrap() == data[..length],
                    "{length} by {piece}"
                );
            }
        }
    }
}
