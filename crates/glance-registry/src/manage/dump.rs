//! `db_export` and `db_import`: where a dump goes to and comes from, and what is said of it.

use std::fs::{File, OpenOptions};
use std::io::{self, BufReader, BufWriter, Seek};
use std::path::{Path, PathBuf};

use super::{Failure, Request, complain, current, say, target, unrecognized};
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
    let folder = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty());
    // A file of its own, which nobody else has opened or may read: locations may hold credentials.
    let mut part = tempfile::Builder::new();
    part.prefix(path.file_name().unwrap_or_default())
        .suffix(".part");
    let part = part.tempfile_in(folder.unwrap_or(Path::new(".")));
    let mut out = BufWriter::new(part.map_err(|error| failed(path, &error))?);
    let exported = dump::export(conn, &mut out)?;
    let written = out.into_inner().map_err(io::IntoInnerError::into_error);
    let named = written.and_then(|part| {
        part.as_file().sync_all()?;
        Ok(part.persist(path)?)
    });
    named.map_err(|error| failed(path, &error))?;
    Ok(exported)
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
        [file] | [_, file, ..] => Err(unrecognized(file)),
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
