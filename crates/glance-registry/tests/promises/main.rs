//! The registry's promises, kept by the real daemon on real files over real HTTP.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod bad_input;
mod crash;
mod harness;
mod leases;
mod lists;
mod members;
mod registrations;
mod schema;
mod transitions;
