//! Promises of the image service that no request can show: what remains when a call to Pithos or to
//! the registry fails in the middle, and how many there are at a time. The registry is the real one;
//! Pithos is kept in memory, so that it can be told to fail.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a story that cannot go on has failed, and says so"
)]

mod both_dialects;
mod data;
mod failures;
mod lists;
mod members;
mod objects;
mod pithos;
mod registration;
mod scene;
