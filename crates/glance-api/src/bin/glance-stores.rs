//! The commands of `glance-manage` that need the stores.

use std::process::ExitCode;

fn main() -> ExitCode {
    glance_api::inspect::run()
}
