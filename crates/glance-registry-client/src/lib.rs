//! How the API daemon talks to the registry: one method per endpoint, with Glance's names.
//!
//! There may be several registries on one database. One that does not answer is left out, and what is
//! safe to repeat is sent to another one (`failover`).
//!
//! Connections are kept and reused. A client belongs to the runtime that first used it: give each
//! reactor thread its own.

mod address;
mod alike;
mod call;
mod caller;
mod calls;
mod channel;
mod error;
mod failover;
mod images;
mod leases;
mod members;
mod options;
mod registrations;
mod registries;
mod transport;
mod watch;

pub use address::Address;
pub use caller::{Caller, Forwarding};
pub use calls::CALLS;
pub use error::RegistryError;
pub use images::{Limits, Page};
pub use options::{Options, SharedSecret};
pub use registries::Registries;
pub use transport::{RegistryClient, Vouching};
