//! The public daemon: dialects and the image service.

mod access_log;
mod actions;
pub mod app;
pub mod base_url;
mod body;
mod caller;
pub mod connection;
pub mod cors;
pub mod daemon;
mod health;
pub mod inspect;
mod metrics;
pub mod plankton;
mod query_string;
mod registry;
pub mod service;
mod tls;
mod transfer;
mod v1;
pub mod versions;

pub use v1::Action;
