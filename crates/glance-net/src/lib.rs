//! How our programs speak HTTP and TLS to others: one client, one way to trust, to wait and to try
//! again (ADR 3, ADR 11).

pub mod client;
mod pause;
pub mod tls;

pub use pause::pause;
