//! What an image is, who may touch it, and what can go wrong: no I/O.
//!
//! Everything here is pure: both daemons, every store and every dialect agree on these types, and
//! nothing below needs a runtime, a database or an HTTP library.

pub mod access;
pub mod crypt;
pub mod fault;
pub mod format;
pub mod health;
pub mod id;
pub mod identity;
pub mod image;
pub mod json;
pub mod location;
pub mod member;
pub mod pithos;
pub mod plankton;
pub mod policy;
pub mod protection;
pub mod query;
pub mod timestamp;
pub mod wire;
