//! Starts, stops, restarts and reloads the daemons.
#![expect(
    clippy::print_stdout,
    reason = "a command-line program speaks on standard output"
)]

mod args;
mod detached;
mod failure;
mod pid_file;
mod process;
mod server;
mod start;
mod stop;

use std::env;
use std::ffi::OsString;
use std::process::ExitCode;

use args::{Command, Invocation, Request};
use failure::Failure;
use server::Server;

/// What `status` exits with when a server does not run, as init scripts have it.
const NOT_RUNNING: u8 = 3;

fn main() -> ExitCode {
    let arguments: Vec<OsString> = env::args_os().skip(1).collect();
    if let Some((detached::WORD, rest)) = arguments
        .split_first()
        .and_then(|(first, rest)| Some((first.to_str()?, rest)))
    {
        return detached::main(rest);
    }
    match args::read(&arguments) {
        Ok(Request::Control(invocation)) => control(&invocation),
        Ok(Request::Help) => {
            println!("{}", args::HELP);
            ExitCode::SUCCESS
        }
        Ok(Request::Version) => {
            println!("glance-control {}", env!("CARGO_PKG_VERSION"));
            ExitCode::SUCCESS
        }
        Err(reason) => {
            eprintln!("{}\nglance-control: error: {reason}", args::USAGE);
            ExitCode::from(2)
        }
    }
}

/// Does what is asked for with every server, and fails if it failed with one of them.
fn control(invocation: &Invocation) -> ExitCode {
    let Invocation {
        servers,
        command,
        options,
    } = invocation;
    // The API needs the registry: that one starts first and stops last.
    let backwards = || servers.iter().rev();
    match command {
        Command::Start => each(servers.iter(), |server| start::start(*server, options)),
        Command::Stop => each(backwards(), |server| stop::stop(*server, options)),
        Command::Shutdown => each(backwards(), |server| stop::shutdown(*server, options)),
        Command::Restart => {
            let stopped = each(backwards(), |server| stop::stop(*server, options));
            if stopped != ExitCode::SUCCESS {
                return stopped;
            }
            each(servers.iter(), |server| start::start(*server, options))
        }
        Command::Reload => each(servers.iter(), |server| stop::reload(*server, options)),
        Command::Status => {
            let stopped = servers
                .iter()
                .filter(|server| !stop::status(**server, options))
                .count();
            if stopped > 0 {
                ExitCode::from(NOT_RUNNING)
            } else {
                ExitCode::SUCCESS
            }
        }
    }
}

fn each<'a>(
    servers: impl Iterator<Item = &'a Server>,
    act: impl Fn(&Server) -> Result<(), Failure>,
) -> ExitCode {
    let mut code = ExitCode::SUCCESS;
    for server in servers {
        if let Err(failure) = act(server) {
            eprintln!("{}", glance_config::chain(&failure));
            code = ExitCode::FAILURE;
        }
    }
    code
}
