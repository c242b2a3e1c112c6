//! Starts the real daemons in a directory of their own, talks to them as clients do, and stops
//! them cleanly.
//!
//! A story that only speaks the API takes [`Cloud::anywhere`]; with `GLANCE_TEST_API=host:port`
//! it is told to that server instead (which must accept tokens of the form `user:tenant:role`).
//! With `GLANCE_TEST_DATABASE` the registries of the others use that server, each a database of its own.
//! A story that needs options, signals or the data directory starts its own with [`Setup`].
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a story that cannot go on has failed, and says so"
)]

mod authority;
mod azure_container;
mod cloud;
mod configuration;
mod connection;
mod daemon;
mod database;
mod engine;
mod fault_proxy;
mod identity;
mod images;
mod inspect;
mod invariants;
mod patience;
mod port;
mod request;
mod response;
mod service;
mod swift_account;
mod synnefo;
mod web_server;
mod wire;

pub use authority::{Authority, Signed, Tls};
pub use azure_container::AzureContainer;
pub use cloud::{Cloud, Setup};
pub use configuration::Configuration;
pub use connection::Connection;
pub use daemon::{Daemon, invocation, program};
pub use database::Database;
pub use engine::Engine;
pub use fault_proxy::{Canned, Fault, FaultProxy, Seen, Trouble, When};
pub use identity::Identity;
pub use images::{Images, md5_hex, patterned};
pub use inspect::Inspection;
pub use patience::{eventually, within};
pub use port::Port;
pub use request::Request;
pub use response::Response;
pub use rustix::process::Signal;
pub use service::Service;
pub use swift_account::SwiftAccount;
pub use synnefo::{Synnefo, SynnefoUser, image_service};
pub use web_server::WebServer;
