//! MD5 of what is uploaded: v1 must answer with it, so its speed bounds every upload.
//!
//! [`Md5`] hashes one stream where it is called. [`Md5Pool`] hashes many beside their writers: one
//! stream's MD5 is a chain of dependent additions that leaves most of a core idle, so streams that
//! wait at the same time share a core's vector lanes and cost little more than one of them.

mod compress;
mod engine;
mod hasher;
mod kernel;
mod lanes;
mod pool;
mod scalar;
mod slot;
mod stream;
#[cfg(target_arch = "x86_64")]
mod x86;

use std::fmt;

pub use hasher::Md5;
pub use pool::Md5Pool;
pub use stream::Md5Stream;

/// Bytes in the block that MD5 takes at a time.
const BLOCK: usize = 64;

/// An MD5 digest. Displays as 32 lowercase hexadecimal digits, as Glance writes a checksum.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Md5Digest(pub [u8; 16]);

impl fmt::Display for Md5Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", u128::from_be_bytes(self.0))
    }
}

impl fmt::Debug for Md5Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Md5Digest({self})")
    }
}

#[cfg(test)]
mod tests;
