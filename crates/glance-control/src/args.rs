//! The command line of glance-control.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use crate::server::Server;

pub(crate) const USAGE: &str = "usage: glance-control [options] <SERVER> <COMMAND> [CONFPATH]";

pub(crate) const HELP: &str = "\
usage: glance-control [options] <SERVER> <COMMAND> [CONFPATH]

Where <SERVER> is one of:

    all, api, registry (or glance-api, glance-registry)

And command is one of:

    start, status, stop, shutdown, restart, reload, force-reload

And CONFPATH is the optional configuration file to use. Options that are not
listed here and follow the command are handed to the server.

options:
  -h, --help           show this help and exit
      --version        show the version and exit
      --config-file PATH
                       the same as CONFPATH
      --pid-file PATH  file to use as pid file; by default
                       /var/run/glance/SERVER.pid, or a file in a directory of
                       your own where that cannot be written
      --run-dir DIR    directory of the pid files instead of /var/run/glance
      --await-child SECONDS
                       how long to wait for a server to come up (30); 0: not
                       at all
      --respawn        restart a server that dies unexpectedly, unless it died
                       within a second; SERVER.pid.out beside the pid file has
                       the story
      --capture-output keep what a server writes to its standard output and
                       error in SERVER.pid.out beside the pid file

stop sends SIGTERM and waits as long as the server may take to finish its
transfers; shutdown does the same and waits without limit. reload sends SIGHUP.
status exits with 0 if all servers run, and with 3 otherwise.";

/// What is asked for.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Request {
    Control(Invocation),
    Help,
    Version,
}

/// What to do with which servers.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Invocation {
    /// In the order in which they are started.
    pub(crate) servers: Vec<Server>,
    pub(crate) command: Command,
    pub(crate) options: Options,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Command {
    Start,
    Stop,
    Shutdown,
    Restart,
    Reload,
    Status,
}

/// How to do it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Options {
    pub(crate) pid_file: Option<PathBuf>,
    pub(crate) run_dir: Option<PathBuf>,
    pub(crate) await_child: Option<Duration>,
    pub(crate) respawn: bool,
    pub(crate) capture_output: bool,
    /// Absolute.
    pub(crate) config_file: Option<PathBuf>,
    /// Further arguments for the server.
    pub(crate) passed_on: Vec<OsString>,
}

/// Understands a command line.
///
/// # Errors
///
/// What is wrong with it, in words.
pub(crate) fn read(arguments: &[OsString]) -> Result<Request, String> {
    let mut options = Options::default();
    let mut servers = None;
    let mut command = None;
    let mut arguments = arguments.iter();
    while let Some(argument) = arguments.next() {
        let text = argument.to_string_lossy();
        let (flag, attached) = match text.split_once('=') {
            Some((flag, value)) if flag.starts_with("--") => (flag, Some(value.to_owned())),
            _ => (&*text, None),
        };
        let mut value = || match attached.clone() {
            Some(value) => Ok(OsString::from(value)),
            None => {
                let next = arguments.next().cloned();
                next.ok_or_else(|| format!("argument {flag}: expected one argument"))
            }
        };
        match (flag, &servers, &command) {
            ("-h" | "--help", ..) => return Ok(Request::Help),
            ("--version", ..) => return Ok(Request::Version),
            ("--pid-file", ..) => options.pid_file = Some(absolute(&value()?)?),
            ("--run-dir", ..) => options.run_dir = Some(absolute(&value()?)?),
            ("--config-file", ..) => options.config_file = Some(absolute(&value()?)?),
            ("--await-child", ..) => {
                let seconds = value()?;
                let seconds = seconds.to_str().and_then(|seconds| seconds.parse().ok());
                let seconds = seconds.ok_or("argument --await-child: not a number of seconds")?;
                options.await_child = Some(Duration::from_secs(seconds));
            }
            ("--respawn", ..) => options.respawn = true,
            ("--capture-output", ..) => options.capture_output = true,
            (flag, None, _) if !flag.starts_with('-') => servers = Some(server(flag)?),
            (flag, Some(_), None) if !flag.starts_with('-') => command = Some(parse(flag)?),
            (flag, Some(_), Some(_))
                if !flag.starts_with('-')
                    && options.config_file.is_none()
                    && options.passed_on.is_empty() =>
            {
                options.config_file = Some(absolute(argument)?);
            }
            (_, Some(_), Some(_)) => options.passed_on.push(argument.clone()),
            (flag, ..) => return Err(format!("unrecognized argument: {flag}")),
        }
    }
    let servers = servers.ok_or("a server is missing: all, api or registry")?;
    let command = command.ok_or("a command is missing, such as start")?;
    if options.respawn && options.await_child.is_some() {
        return Err("--await-child and --respawn are mutually exclusive".to_owned());
    }
    if servers.len() > 1 && options.pid_file.is_some() {
        return Err("--pid-file names the file of one server, not of all".to_owned());
    }
    Ok(Request::Control(Invocation {
        servers,
        command,
        options,
    }))
}

fn server(name: &str) -> Result<Vec<Server>, String> {
    match name {
        "all" => Ok(Server::ALL.to_vec()),
        "api" | "glance-api" => Ok(vec![Server::Api]),
        "registry" | "glance-registry" => Ok(vec![Server::Registry]),
        _ => Err(format!("there is no server {name:?}: all, api or registry")),
    }
}

fn parse(command: &str) -> Result<Command, String> {
    Ok(match command {
        "start" => Command::Start,
        "stop" => Command::Stop,
        "shutdown" => Command::Shutdown,
        "restart" => Command::Restart,
        "reload" | "force-reload" => Command::Reload,
        "status" => Command::Status,
        _ => {
            return Err(format!(
                "there is no command {command:?}: start, status, stop, shutdown, restart, reload \
                 or force-reload"
            ));
        }
    })
}

/// The path from the root, without looking at what is there.
fn absolute(path: &OsString) -> Result<PathBuf, String> {
    std::path::absolute(path).map_err(|error| format!("{}: {error}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn control(line: &str) -> Result<Invocation, String> {
        let arguments: Vec<OsString> = line.split_whitespace().map(OsString::from).collect();
        match read(&arguments)? {
            Request::Control(invocation) => Ok(invocation),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn takes_options_in_any_place() {
        let one = control("--pid-file /p --respawn api start /etc/g.conf").unwrap();
        assert_eq!(
            one,
            control("glance-api start /etc/g.conf --pid-file=/p --respawn").unwrap()
        );
        assert_eq!(
            one,
            control("api --respawn start --config-file /etc/g.conf --pid-file /p").unwrap()
        );
        assert_eq!(one.servers, [Server::Api]);
        assert_eq!(one.options.config_file, Some("/etc/g.conf".into()));
    }

    #[test]
    fn hands_on_what_follows_the_command() {
        let options = control("api start g.conf --debug --log-file x")
            .unwrap()
            .options;
        assert!(options.config_file.unwrap().ends_with("g.conf"));
        assert_eq!(options.passed_on, ["--debug", "--log-file", "x"]);
        assert_eq!(
            control("api start --log-file x")
                .unwrap()
                .options
                .config_file,
            None
        );
    }

    #[test]
    fn starts_the_registry_first() {
        assert_eq!(
            control("all start").unwrap().servers,
            [Server::Registry, Server::Api]
        );
        assert_eq!(
            control("all force-reload").unwrap().command,
            Command::Reload
        );
    }

    #[test]
    fn refuses_nonsense() {
        for line in [
            "",
            "api",
            "scrubber start",
            "api begin",
            "--color api start",
            "api start --pid-file",
            "api start --await-child soon",
            "api start --await-child 3 --respawn",
            "all start --pid-file /p",
        ] {
            assert!(control(line).is_err(), "{line}");
        }
    }
}
