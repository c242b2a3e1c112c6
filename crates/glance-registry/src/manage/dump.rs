//! `db_export` and `db_import`: where a dump goes to and comes from, and what is said of it.

use std::fs::{File, OpenOptions};
use std::io::{self, BufReader, BufWriter, Seek, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use super::{Failure, Request, complain, current, say, target};
use crate::db::{self, Conn};
use crate::dump;

/// What reading a million images at one moment, or counting them, may take.
const PATIENCE: std::time::Duration = std::time::Duration::from_secs(6 * 3600);

/// Writes a dump to a file, which gets its name when it is whole, or to standard output.
pub(super) fn export(request: &Request) -> Result<u8, Failure> {
    let file = file(request)?;
    let mut conn = open(request)?;
    let exported = match &file {
        None => dump::export(&mut conn, &mut BufWriter::new(io::stdout().lock()))?,
        // A pipe or a terminal has no other name.
        Some(path) if path.exists() && !path.is_file() => {
            let out = OpenOptions::new().write(true).open(path);
            let out = out.map_err(|error| failed(path, &error))?;
            dump::export(&mut conn, &mut BufWriter::new(out))?
        }
        Some(path) => into_file(&mut conn, path)?,
    };
    complain(&format!("exported {}", exported.counts));
    for (table, rows) in exported.left_out {
        match table {
            "image_leases" => complain(&format!(
                "WARNING: {rows} image(s) were being uploaded or removed, and will look like that for ever; \
                 stop glance-api and export again"
            )),
            _ => complain(&format!("not carried: {rows} row(s) of {table}")),
        }
    }
    Ok(0)
}

fn into_file(conn: &mut Conn, path: &Path) -> Result<dump::Exported, Failure> {
    let mut part = path.as_os_str().to_owned();
    part.push(".part");
    let part = PathBuf::from(part);
    // Locations may hold credentials.
    let mut options = OpenOptions::new();
    let options = options.write(true).create(true).truncate(true).mode(0o600);
    let opened = options.open(&part);
    let mut out = BufWriter::new(opened.map_err(|error| failed(&part, &error))?);
    let outcome = dump::export(conn, &mut out).map_err(Failure::from);
    let outcome = outcome.and_then(|exported| {
        let synced = out.flush().and_then(|()| out.get_ref().sync_all());
        let named = synced.and_then(|()| std::fs::rename(&part, path));
        named.map_err(|error| failed(path, &error))?;
        Ok(exported)
    });
    if outcome.is_err() {
        // It is of no use, and the next one writes it anew.
        let _ = std::fs::remove_file(&part);
    }
    outcome
}

/// Brings in a dump. A file is read to its end first, so that a damaged one changes nothing; what
/// comes from elsewhere cannot be.
pub(super) fn import(request: &Request) -> Result<u8, Failure> {
    let file = file(request)?;
    let report = match &file {
        None => dump::import(&mut open(request)?, &mut io::stdin().lock())?,
        Some(path) => {
            let source = File::open(path).map_err(|error| failed(path, &error))?;
            let mut source = BufReader::with_capacity(1 << 18, source);
            if path.is_file() {
                dump::check(&mut source)?;
                source.rewind().map_err(|error| failed(path, &error))?;
            }
            dump::import(&mut open(request)?, &mut source)?
        }
    };
    say(&format!("imported {}", report.counts));
    if report.found > 0 {
        say(&format!(
            "{} of these rows were there already",
            report.found
        ));
    }
    if report.cut {
        say("times are cut to whole seconds: the columns of this database hold no more");
    }
    Ok(0)
}

/// The file that is named. None: standard input or output.
fn file(request: &Request) -> Result<Option<PathBuf>, Failure> {
    match request.options.as_slice() {
        [] => Ok(None),
        [file] if file == "-" => Ok(None),
        [file] if !file.starts_with('-') => Ok(Some(PathBuf::from(file))),
        [file] | [_, file, ..] => Err(Failure::Usage(format!("unrecognized arguments: {file}"))),
    }
}

fn open(request: &Request) -> Result<Conn, Failure> {
    let mut conn = db::open(&target(request)?.with_deadline(PATIENCE))?;
    current(&mut conn)?;
    Ok(conn)
}

fn failed(path: &Path, error: &io::Error) -> Failure {
    Failure::Failed(format!("{}: {error}", path.display()))
}
