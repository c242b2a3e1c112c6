//! Where image data is kept: the ImageStore trait and its back-ends.
//!
//! A store only moves bytes. [`stores::Stores`] chooses it, counts and hashes what passes, and is
//! what the rest of the service calls.

#[cfg(test)]
mod as_caller;
pub mod check;
#[cfg(any(test, feature = "conformance"))]
#[doc(hidden)]
pub mod conformance;
mod crc;
pub mod data;
pub mod error;
pub mod file;
mod file_stream;
mod growing;
pub mod guard;
pub mod http;
pub mod md5;
mod measured;
mod net;
pub mod object;
mod off_reactor;
mod outliving;
mod parallel;
mod parts;
mod pieces;
pub mod pithos;
pub mod s3;
pub mod store;
pub mod stores;
pub mod swift;
mod tally;
mod turns;
mod verified;
mod watched;
