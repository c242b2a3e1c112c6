//! The command line of the daemons.

use std::ffi::OsString;
use std::io::Write;
use std::path::PathBuf;

/// What a command line says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Args {
    /// The program's name, as messages and file names have it.
    pub program: String,
    /// The configuration files that were named; later ones win. Empty: look for one.
    pub config_files: Vec<PathBuf>,
    /// Directories whose `*.conf` files are read after those, in the order of their names.
    pub config_dirs: Vec<PathBuf>,
    /// Options that win over files and environment.
    pub overrides: Vec<Override>,
}

/// An option of `[DEFAULT]` that the command line sets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Override {
    /// The option's name in a file.
    pub option: &'static str,
    /// Its value.
    pub value: String,
    /// The flag as it was given.
    pub flag: String,
}

impl Args {
    /// A command line that says nothing.
    pub fn new(program: impl Into<String>) -> Self {
        Self {
            program: program.into(),
            config_files: Vec::new(),
            config_dirs: Vec::new(),
            overrides: Vec::new(),
        }
    }

    /// The same with a configuration file named.
    #[must_use]
    pub fn with_config_file(mut self, path: impl Into<PathBuf>) -> Self {
        self.config_files.push(path.into());
        self
    }
}

/// What a command line asks for.
#[derive(Debug, PartialEq, Eq)]
enum Request {
    Run(Args),
    Help,
    Version,
}

/// Flags that take a value: the flag, the option it sets, and the value's name in the help.
const VALUES: [(&str, &str, &str, &str); 5] = [
    (
        "--log-config",
        "log_config_append",
        "PATH",
        "Python logging configuration file",
    ),
    (
        "--log-format",
        "log_format",
        "FORMAT",
        "form of a log line, as Python's logging writes it",
    ),
    (
        "--log-date-format",
        "log_date_format",
        "FORMAT",
        "form of a log line's time",
    ),
    (
        "--log-file",
        "log_file",
        "PATH",
        "file to log to instead of standard error",
    ),
    ("--log-dir", "log_dir", "PATH", "directory of the log file"),
];

/// Other spellings of those flags.
const ALIASES: [(&str, &str); 2] = [
    ("--log-config-append", "--log-config"),
    ("--logfile", "--log-file"),
];

/// Flags that switch an option: the flag, the option, and its value.
const SWITCHES: [(&str, &str, &str); 8] = [
    ("--debug", "debug", "true"),
    ("-d", "debug", "true"),
    ("--nodebug", "debug", "false"),
    ("--verbose", "verbose", "true"),
    ("-v", "verbose", "true"),
    ("--noverbose", "verbose", "false"),
    ("--use-stderr", "use_stderr", "true"),
    ("--nouse-stderr", "use_stderr", "false"),
];

/// Reads this process's command line. `--help` and `--version` are answered here, and the process
/// exits with 0; a wrong command line is complained of, and it exits with 2.
pub fn parse(program: &str, version: &str) -> Args {
    let arguments: Vec<OsString> = std::env::args_os().skip(1).collect();
    let (text, status) = match read(program, &arguments) {
        Ok(Request::Run(args)) => return args,
        Ok(Request::Help) => (help(program), 0),
        Ok(Request::Version) => (format!("{program} {version}\n"), 0),
        Err(reason) => (format!("{}{program}: error: {reason}\n", usage(program)), 2),
    };
    // Nobody to tell is no reason to fail otherwise.
    let _ = if status == 0 {
        std::io::stdout().write_all(text.as_bytes())
    } else {
        std::io::stderr().write_all(text.as_bytes())
    };
    std::process::exit(status)
}

fn read(program: &str, arguments: &[OsString]) -> Result<Request, String> {
    let mut args = Args::new(program);
    let mut positional = None;
    let mut arguments = arguments.iter();
    while let Some(argument) = arguments.next() {
        let text = argument
            .to_str()
            .filter(|text| text.starts_with('-') && *text != "-");
        let Some(text) = text else {
            if positional.replace(PathBuf::from(argument)).is_some() {
                return Err(format!("unrecognized argument: {}", argument.display()));
            }
            continue;
        };
        let (flag, attached) = match text.split_once('=') {
            Some((flag, value)) => (flag, Some(OsString::from(value))),
            None => (text, None),
        };
        match flag {
            "-h" | "--help" => return Ok(Request::Help),
            "--version" => return Ok(Request::Version),
            _ => {}
        }
        if let Some((_, option, value)) = SWITCHES.iter().find(|(switch, ..)| *switch == flag) {
            if attached.is_some() {
                return Err(format!("argument {flag}: takes no value"));
            }
            args.set(option, (*value).to_owned(), flag);
            continue;
        }
        // Dashes and underscores within a flag's name are the same: --log_file, --log-file.
        let dashed = flag.replace('_', "-");
        let alias = ALIASES.iter().find(|(alias, _)| *alias == dashed);
        let dashed = alias.map_or(dashed.as_str(), |(_, flag)| flag);
        let option = VALUES
            .iter()
            .find(|(known, ..)| *known == dashed)
            .map(|(_, option, ..)| *option);
        if option.is_none() && dashed != "--config-file" && dashed != "--config-dir" {
            return Err(format!("unrecognized argument: {flag}"));
        }
        let value = attached.or_else(|| arguments.next().cloned());
        let value = value.ok_or_else(|| format!("argument {flag}: expected one argument"))?;
        match (dashed, option) {
            (_, Some(option)) => {
                let value = value.into_string();
                let value = value.map_err(|_| format!("argument {flag}: not UTF-8"))?;
                args.set(option, value, flag);
            }
            ("--config-dir", None) => args.config_dirs.push(value.into()),
            (_, None) => args.config_files.push(value.into()),
        }
    }
    if let Some(path) = positional {
        args.config_files.insert(0, path);
    }
    Ok(Request::Run(args))
}

impl Args {
    /// A later flag wins over an earlier one for the same option.
    fn set(&mut self, option: &'static str, value: String, flag: &str) {
        self.overrides.retain(|given| given.option != option);
        self.overrides.push(Override {
            option,
            value,
            flag: flag.to_owned(),
        });
    }
}

fn usage(program: &str) -> String {
    format!("usage: {program} [CONFPATH] [options]\n")
}

fn help(program: &str) -> String {
    let mut text = usage(program);
    text.push_str(
        "\n\
         CONFPATH is the configuration file. Without it and --config-file, the first of\n\
         ./, ~/.glance/, ~/, /etc/glance/ and /etc/ that has one is taken.\n\n\
         options:\n\
         \x20 -h, --help                show this help and exit\n\
         \x20     --version             show the version and exit\n\
         \x20     --config-file PATH    configuration file; later ones win\n\
         \x20     --config-dir DIR      read DIR/*.conf after those\n\
         \x20 -d, --debug, --nodebug    log debugging messages, or not\n\
         \x20 -v, --verbose, --noverbose\n\
         \x20                           log informational messages, or not\n\
         \x20     --use-stderr          log to standard error, too\n",
    );
    for (flag, option, value, meaning) in VALUES {
        let flag = format!("{flag} {value}");
        text.push_str(&format!("      {flag:<26}{meaning} ({option})\n"));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(arguments: &[&str]) -> Result<Args, String> {
        let arguments: Vec<OsString> = arguments.iter().map(OsString::from).collect();
        match read("glance-api", &arguments)? {
            Request::Run(args) => Ok(args),
            other => panic!("{other:?}"),
        }
    }

    fn set(arguments: &[&str]) -> Vec<(String, String)> {
        let overrides = run(arguments).unwrap().overrides;
        overrides
            .into_iter()
            .map(|given| (given.option.to_owned(), given.value))
            .collect()
    }

    #[test]
    fn takes_the_configuration_in_any_place() {
        let files = |arguments: &[&str]| run(arguments).unwrap().config_files;
        assert_eq!(files(&["a.conf", "--debug"]), [PathBuf::from("a.conf")]);
        assert_eq!(files(&["--debug", "a.conf"]), [PathBuf::from("a.conf")]);
        assert_eq!(
            files(&["--config-file", "b", "--config-file=c", "a"]),
            ["a", "b", "c"].map(PathBuf::from)
        );
        assert!(files(&[]).is_empty());
    }

    #[test]
    fn takes_dashes_and_underscores() {
        for flag in ["--log-file", "--log_file"] {
            assert_eq!(set(&[flag, "x"]), [("log_file".to_owned(), "x".to_owned())]);
            assert_eq!(
                set(&[&format!("{flag}=x=y")]),
                [("log_file".to_owned(), "x=y".to_owned())]
            );
        }
        assert_eq!(set(&["--log-config", "x"])[0].0, "log_config_append");
        assert_eq!(
            set(&["-d", "--nodebug"]),
            [("debug".to_owned(), "false".to_owned())]
        );
    }

    #[test]
    fn refuses_what_it_does_not_know() {
        assert_eq!(
            run(&["--color"]).unwrap_err(),
            "unrecognized argument: --color"
        );
        assert_eq!(run(&["a", "b"]).unwrap_err(), "unrecognized argument: b");
        assert_eq!(
            run(&["--log-dir"]).unwrap_err(),
            "argument --log-dir: expected one argument"
        );
        assert_eq!(
            run(&["--debug=1"]).unwrap_err(),
            "argument --debug: takes no value"
        );
    }

    #[test]
    fn lists_every_flag_in_the_help() {
        let help = help("glance-api");
        for (flag, ..) in VALUES {
            assert!(help.contains(flag), "{flag}");
        }
    }
}
