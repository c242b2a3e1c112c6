//! How the API daemon talks to the registry: one method per endpoint, with Glance's names.
//!
//! Connections are kept and reused. A client belongs to the runtime that first used it: give each
//! reactor thread its own.

mod caller;
mod calls;
mod error;
mod images;
mod leases;
mod members;
mod registrations;
mod transport;

pub use caller::{Caller, Forwarding};
pub use calls::CALLS;
pub use error::RegistryError;
pub use images::Limits;
pub use transport::{Options, RegistryClient, SharedSecret, Vouching};
