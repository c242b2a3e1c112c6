//! The public daemon.

use std::process::ExitCode;

fn main() -> ExitCode {
    glance_api::daemon::run()
}
