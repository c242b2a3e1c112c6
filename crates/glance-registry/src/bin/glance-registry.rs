//! glance-registry: the metadata daemon.

use std::error::Error;
use std::num::NonZero;
use std::process::ExitCode;
use std::thread;

use glance_config::{arenas, args, load_registry, log};
use glance_registry::server;

fn main() -> ExitCode {
    // With one for all, lists wait for each other's memory.
    arenas::limit(thread::available_parallelism().map_or(1, NonZero::get));
    let args = args::parse("glance-registry", env!("CARGO_PKG_VERSION"));
    let outcome = load_registry(&args)
        .map_err(Box::<dyn Error>::from)
        .and_then(|loaded| {
            log::init(&loaded.config.log)?;
            Ok(server::run(&args, loaded)?)
        });
    let status = match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("ERROR: {}", chain(error.as_ref()));
            ExitCode::FAILURE
        }
    };
    log::flush();
    status
}

/// An error with its causes.
fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}
