//! Stories of glance-control and glance-manage: the programs of those who run the service.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a story that cannot go on has failed, and says so"
)]

mod all_servers;
mod manage;
mod one_server;
mod operator;
mod plankton;
mod troubles;
