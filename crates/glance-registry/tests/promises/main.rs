//! The registry's promises, kept by the real daemon on real files over real HTTP.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod bad_input;
mod binary_log;
mod connections;
mod crash;
mod dump;
mod harness;
mod leases;
mod lists;
mod members;
mod moving_back;
mod outage;
mod own_database;
mod own_server;
mod registrations;
mod replica;
mod schema;
mod takeover;
mod transitions;
