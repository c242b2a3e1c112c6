//! A cloud of three glance-api and two glance-registry on one database and one Swift, behind a real
//! nginx (`etc/cloud/nginx.conf`): daemons die, stand still and are restarted under a steady load.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a story that cannot go on has failed, and says so"
)]

mod fleet;
mod load;
mod nginx;
mod story;
