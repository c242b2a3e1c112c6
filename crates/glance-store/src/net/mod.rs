//! How servers of stores are talked to: one HTTP client, one way to trust, to wait and to try again.

pub(crate) mod ahead;
pub(crate) mod answer;
pub(crate) mod call;
pub(crate) mod client;
mod outgoing;
pub(crate) mod pace;
pub(crate) mod pause;
pub(crate) mod reading;
pub(crate) mod tls;
