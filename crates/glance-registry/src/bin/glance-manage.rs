//! glance-manage: makes, upgrades and purges the database.

use std::process::ExitCode;

fn main() -> ExitCode {
    let arguments = std::env::args_os()
        .skip(1)
        .map(|argument| argument.to_string_lossy().into_owned());
    ExitCode::from(glance_registry::manage::run(&arguments.collect::<Vec<_>>()))
}
