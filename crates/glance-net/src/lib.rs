//! How our programs speak HTTP and TLS: one client, one way to trust, to show certificates, to wait
//! and to try again (ADR 3, ADR 11).

pub mod client;
mod pause;
mod socket;
pub mod tls;
pub mod unix;

pub use pause::pause;
pub use socket::{Counted, Socket};
