//! The metadata daemon, its database, and glance-manage.
//!
//! The daemon speaks Glance 15's v1 registry protocol and, for our own API daemon, leases,
//! recovery and registrations ([`glance_core::wire`]). Only [`db`] knows SQL.

mod answer;
mod app;
mod body;
pub mod db;
mod door;
mod dump;
mod error;
mod fields;
mod images;
mod isotime;
mod leases;
mod listen;
pub mod manage;
mod members;
mod metrics;
mod query;
mod recovery;
mod registrations;
pub mod server;
mod storage;
mod tls;
mod views;
