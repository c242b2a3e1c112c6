//! glance-manage: the commands, with Glance's texts and exit statuses.

mod dump;

use std::error::Error;
use std::io::Write;
use std::num::IntErrorKind;
use std::path::PathBuf;
use std::process::Command;
use std::time::{SystemTime, UNIX_EPOCH};

use glance_config::{Args, chain, load_registry};

use crate::db::{self, Condition, Conn, Engine, Target};
use crate::storage;

const USAGE: &str = "\
usage: glance-manage [--config-file FILE] [--config-dir DIR] COMMAND

commands (each also as `db NAME`, as in `glance-manage db sync`):
  db_sync       make the tables, or complete and upgrade them
  db_upgrade    the same; so do db_expand and db_contract, on MySQL, and db_migrate has nothing to do
  db_version    print the revision of Glance's schema
  db_check      exit with 0 if there is nothing to upgrade, with 3 if there is
  db_purge      [--age_in_days 30] [--max_rows 100]: remove rows deleted long ago
  db_export     [FILE]: write all records as lines of JSON, to move them to another database
  db_import     [FILE]: bring them in; begun again, an import that was interrupted goes on
  store-check   [STORE ...]: write, read, range and delete a small object on each store
  verify        [--checksums]: compare the registry with the stores, both ways
the last two read glance-api's configuration
";

/// What the database must be for `db_check` to be content, as a process' exit status.
const TO_UPGRADE: u8 = 3;

enum Failure {
    /// The command line is wrong: 2.
    Usage(String),
    /// Anything else: 1.
    Failed(String),
}

impl<E: Error + 'static> From<E> for Failure {
    fn from(error: E) -> Self {
        Self::Failed(chain(&error))
    }
}

/// Options of oslo's for a log, which this program does not keep: what it has to say, it says.
const SWITCHES: [&str; 14] = [
    "-d",
    "--debug",
    "--nodebug",
    "-v",
    "--verbose",
    "--noverbose",
    "--use-stderr",
    "--nouse-stderr",
    "--use-syslog",
    "--nouse-syslog",
    "--use-journal",
    "--nouse-journal",
    "--watch-log-file",
    "--nowatch-log-file",
];

/// The same with a value.
const VALUES: [&str; 8] = [
    "--log-config",
    "--log-config-append",
    "--log-format",
    "--log-date-format",
    "--log-file",
    "--logfile",
    "--log-dir",
    "--syslog-log-facility",
];

struct Request {
    args: Args,
    command: String,
    options: Vec<String>,
}

impl Request {
    /// Refuses options where there are none.
    fn without_options(&self) -> Result<(), Failure> {
        match self.options.first() {
            None => Ok(()),
            Some(option) => Err(unrecognized(option)),
        }
    }
}

/// Does what `arguments` say and gives back the exit status.
pub fn run(arguments: &[String]) -> u8 {
    if arguments.is_empty() {
        say("glance-manage category action [<args>]\nAvailable categories:\n\tdb");
        return 2;
    }
    if arguments.first().is_some_and(|first| first == "--version") {
        say(env!("CARGO_PKG_VERSION"));
        return 0;
    }
    if arguments
        .iter()
        .any(|argument| matches!(argument.as_str(), "-h" | "--help"))
    {
        say(USAGE.trim_end());
        return 0;
    }
    if let Some(status) = stores(arguments) {
        return status;
    }
    match read(arguments).and_then(|request| execute(&request)) {
        Ok(status) => status,
        Err(Failure::Usage(reason)) => {
            complain(&format!("{USAGE}glance-manage: error: {reason}"));
            2
        }
        Err(Failure::Failed(reason)) => {
            complain(&format!("ERROR: {reason}"));
            1
        }
    }
}

/// Lets glance-stores, which lies beside this program, do what needs the stores; its exit status.
/// None: the command needs none.
fn stores(arguments: &[String]) -> Option<u8> {
    let mut words = arguments.iter();
    let command = loop {
        match words.next()?.as_str() {
            "--config-file" | "--config-dir" => drop(words.next()),
            flag if flag.starts_with('-') => {}
            word => break word,
        }
    };
    if !matches!(command, "store-check" | "store_check" | "verify") {
        return None;
    }
    let beside = std::env::current_exe().ok();
    let beside = beside.map(|program| program.with_file_name("glance-stores"));
    let program = beside.filter(|path| path.is_file());
    let program = program.unwrap_or_else(|| PathBuf::from("glance-stores"));
    match Command::new(&program).args(arguments).status() {
        // Killed by a signal: nothing was found out.
        Ok(status) => Some(
            status
                .code()
                .and_then(|code| u8::try_from(code).ok())
                .unwrap_or(3),
        ),
        Err(error) => {
            complain(&format!(
                "ERROR: {} cannot be run: {error}",
                program.display()
            ));
            Some(3)
        }
    }
}

fn read(arguments: &[String]) -> Result<Request, Failure> {
    let mut args = Args::new("glance-manage");
    let mut words = Vec::new();
    let mut rest = arguments.iter();
    while let Some(argument) = rest.next() {
        let (flag, attached) = match argument.split_once('=') {
            Some((flag, value)) => (flag, Some(value.to_owned())),
            None => (argument.as_str(), None),
        };
        // As the daemons have it: --log_file, --log-file.
        let dashed = flag.replace('_', "-");
        if attached.is_none() && SWITCHES.contains(&dashed.as_str()) {
            continue;
        }
        let files = match dashed.as_str() {
            "--config-file" => Some(&mut args.config_files),
            "--config-dir" => Some(&mut args.config_dirs),
            other if VALUES.contains(&other) => None,
            _ => {
                words.push(argument.clone());
                continue;
            }
        };
        let value = attached.or_else(|| rest.next().cloned());
        let value =
            value.ok_or_else(|| Failure::Usage(format!("{flag}: expected one argument")))?;
        if let Some(files) = files {
            files.push(PathBuf::from(value));
        }
    }
    let mut words = words.into_iter();
    let command = match words.next().as_deref() {
        Some("db") => words
            .next()
            .ok_or_else(|| Failure::Usage("db: expected an action".to_owned()))?,
        Some(word) => word
            .strip_prefix("db_")
            .ok_or_else(|| Failure::Usage(format!("unknown command: {word}")))?
            .to_owned(),
        None => return Err(Failure::Usage("expected a command".to_owned())),
    };
    Ok(Request {
        args,
        command,
        options: words.collect(),
    })
}

fn execute(request: &Request) -> Result<u8, Failure> {
    match request.command.as_str() {
        "sync" | "upgrade" => sync(request),
        "version" => version(request),
        "check" => check(request),
        "purge" => purge(request),
        "export" => dump::export(request),
        "import" => dump::import(request),
        phase @ ("expand" | "migrate" | "contract") => in_phases(request, phase),
        "version_control" => Err(Failure::Failed(
            "db_sync places a database under version control, whatever made it".to_owned(),
        )),
        "load_metadefs" | "unload_metadefs" | "export_metadefs" => Err(Failure::Failed(
            "metadata definitions are version 2 of the API's, which is not served here; \
             those in a database of Glance's stay as they are"
                .to_owned(),
        )),
        other => Err(Failure::Usage(format!("unknown action: {other}"))),
    }
}

fn target(request: &Request) -> Result<Target, Failure> {
    let loaded = load_registry(&request.args)?;
    Ok(storage::target(&loaded.config.database)?)
}

fn open(request: &Request) -> Result<Conn, Failure> {
    Ok(db::open(&target(request)?)?)
}

fn sync(request: &Request) -> Result<u8, Failure> {
    // Glance takes a revision to go to; there is but one.
    let options: Vec<&str> = request.options.iter().map(String::as_str).collect();
    let version = match options.as_slice() {
        [] => None,
        ["--version"] => {
            return Err(Failure::Usage(
                "--version: expected one argument".to_owned(),
            ));
        }
        ["--version", version] => Some(*version),
        [option] => match option.strip_prefix("--version=") {
            None if option.starts_with('-') => return Err(unrecognized(option)),
            version => Some(version.unwrap_or(option)),
        },
        [_, .., option] => return Err(unrecognized(option)),
    };
    if let Some(version) = version.filter(|version| !["heads", "head", "pike01"].contains(version))
    {
        return Err(Failure::Failed(format!(
            "Can't locate revision identified by '{version}'"
        )));
    }
    make(&target(request)?)
}

fn make(target: &Target) -> Result<u8, Failure> {
    let mut conn = db::open(target)?;
    db::sync(&mut conn, target)?;
    let revisions = db::versions(&mut conn)?.join(", ");
    say(&format!(
        "Upgraded database to: {revisions}, current revision(s): {revisions}"
    ));
    Ok(0)
}

/// The phases of an upgrade while Glance's older release serves: all is done in the first.
fn in_phases(request: &Request, phase: &str) -> Result<u8, Failure> {
    request.without_options()?;
    let target = target(request)?;
    if target.engine() != Engine::Mysql {
        return Err(Failure::Failed(
            "Rolling upgrades are currently supported only for MySQL".to_owned(),
        ));
    }
    if phase != "migrate" {
        return make(&target);
    }
    if db::condition(&mut db::open(&target)?)? == Condition::Empty {
        return Err(Failure::Failed(
            "Data migration did not run. Data migration cannot be run before database expansion. \
             Run database expansion first using \"glance-manage db expand\""
                .to_owned(),
        ));
    }
    say("Migrated 0 rows");
    Ok(0)
}

fn version(request: &Request) -> Result<u8, Failure> {
    request.without_options()?;
    let revisions = match db::open_to_look(&target(request)?)? {
        Some(mut conn) => db::versions(&mut conn)?,
        None => Vec::new(),
    };
    for revision in &revisions {
        say(revision);
    }
    if revisions.is_empty() {
        say(
            "Database is either not under migration control or under legacy migration control, \
             please run \"glance-manage db sync\" to place the database under alembic migration \
             control.",
        );
    }
    Ok(0)
}

fn check(request: &Request) -> Result<u8, Failure> {
    request.without_options()?;
    let condition = match db::open_to_look(&target(request)?)? {
        Some(mut conn) => db::condition(&mut conn)?,
        None => Condition::Empty,
    };
    if condition == Condition::Current {
        say("Database is up to date. No upgrades needed.");
        return Ok(0);
    }
    say("Your database is not up to date. Your first step is to run `glance-manage db_sync`.");
    Ok(TO_UPGRADE)
}

fn purge(request: &Request) -> Result<u8, Failure> {
    let (mut age, mut rows) = ("30".to_owned(), "100".to_owned());
    let mut positional = 0;
    let mut options = request.options.iter();
    while let Some(option) = options.next() {
        let (flag, attached) = match option.split_once('=') {
            Some((flag, value)) => (flag, Some(value.to_owned())),
            None => (option.as_str(), None),
        };
        let slot = match flag {
            "--age_in_days" => &mut age,
            "--max_rows" => &mut rows,
            _ if flag.starts_with("--") => {
                return Err(unrecognized(option));
            }
            // Glance takes the two in this order without their names.
            _ => {
                positional += 1;
                let slot = match positional {
                    1 => &mut age,
                    2 => &mut rows,
                    _ => return Err(unrecognized(option)),
                };
                slot.clone_from(option);
                continue;
            }
        };
        *slot = attached
            .or_else(|| options.next().cloned())
            .ok_or_else(|| Failure::Usage(format!("{flag}: expected one argument")))?;
    }
    let (age, rows) = limits(&age, &rows)?;
    let mut conn = open(request)?;
    current(&mut conn)?;
    db::purge(&mut conn, age, rows, |table, count| {
        complain(&format!("Deleted {count} row(s) from table {table}"));
    })?;
    Ok(0)
}

/// Refuses tables that are not as this program needs them.
fn current(conn: &mut Conn) -> Result<(), Failure> {
    match db::condition(conn)? {
        Condition::Current => Ok(()),
        _ => Err(Failure::Failed(
            "the tables are not complete: run glance-manage db_sync".to_owned(),
        )),
    }
}

/// Checks both numbers, with Glance's words.
fn limits(age: &str, rows: &str) -> Result<(u32, u32), Failure> {
    let number = |name: &str, text: &str| {
        // Python's numbers have no end: what is beyond ours is beyond every limit.
        let number = text.trim().parse::<i64>();
        number.or_else(|error| match error.kind() {
            IntErrorKind::PosOverflow => Ok(i64::MAX),
            IntErrorKind::NegOverflow => Ok(i64::MIN),
            _ => Err(Failure::Failed(format!(
                "Invalid int value for {name}: {text}"
            ))),
        })
    };
    let failed = |text: &str| Failure::Failed(text.to_owned());
    let age = number("age_in_days", age)?;
    let rows = number("max_rows", rows)?;
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |time| time.as_secs());
    let age = u32::try_from(age).map_err(|_| match age {
        ..0 => failed("Must supply a non-negative value for age."),
        _ => failed("Maximal age is count of days since epoch."),
    })?;
    if u64::from(age) >= now / 86_400 {
        return Err(failed("Maximal age is count of days since epoch."));
    }
    if rows < 1 {
        return Err(failed("Minimal rows limit is 1."));
    }
    if rows > i64::from(i32::MAX) {
        return Err(failed(
            "'max_rows' value out of range, must not exceed 2147483647.",
        ));
    }
    Ok((age, u32::try_from(rows).unwrap_or(u32::MAX)))
}

fn unrecognized(option: &str) -> Failure {
    Failure::Usage(format!("unrecognized arguments: {option}"))
}

fn say(text: &str) {
    // A reader that has gone away is no failure of the command.
    let _ = writeln!(std::io::stdout(), "{text}");
}

fn complain(text: &str) {
    let _ = writeln!(std::io::stderr(), "{text}");
}
