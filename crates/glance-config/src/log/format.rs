//! The form of a line in the log, in Python's words.

use std::fmt::Write;

use chrono::{DateTime, Local};
use log::Record;

use super::date_format::DateFormat;
use super::levels;
use crate::value::OptionValue;

/// A Python logging format that is known to be one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogFormat {
    text: String,
    pieces: Vec<Piece>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Piece {
    Text(String),
    Field {
        field: Field,
        left: bool,
        zero: bool,
        width: usize,
        precision: Option<usize>,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Field {
    Time,
    Milliseconds,
    Created,
    Level,
    LevelNumber,
    Name,
    Message,
    Process,
    ProcessName,
    Thread,
    ThreadName,
    Path,
    FileName,
    Module,
    Line,
    /// Known to Python or oslo, and not to us: shown as this text.
    Fixed(&'static str),
}

/// The fields that a format may name.
fn field(name: &str) -> Option<Field> {
    Some(match name {
        "asctime" => Field::Time,
        "msecs" => Field::Milliseconds,
        "created" => Field::Created,
        "levelname" => Field::Level,
        "levelno" => Field::LevelNumber,
        "name" => Field::Name,
        "message" => Field::Message,
        "process" => Field::Process,
        "processName" => Field::ProcessName,
        "thread" => Field::Thread,
        "threadName" => Field::ThreadName,
        "pathname" => Field::Path,
        "filename" => Field::FileName,
        "module" => Field::Module,
        "lineno" => Field::Line,
        "request_id" | "user_identity" | "user" | "tenant" | "domain" | "user_domain"
        | "project_domain" | "project" | "user_name" | "project_name" | "global_request_id" => {
            Field::Fixed("-")
        }
        "funcName" | "instance" | "resource" | "color" | "relativeCreated" | "exc_info"
        | "exc_text" | "error_summary" | "hostname" => Field::Fixed(""),
        _ => return None,
    })
}

impl LogFormat {
    /// Writes a line for `record`, without its line end.
    ///
    /// # Errors
    ///
    /// When an argument of the message does not let itself be written.
    pub(super) fn write(
        &self,
        record: &Record<'_>,
        time: &DateTime<Local>,
        dates: &DateFormat,
        out: &mut String,
    ) -> std::fmt::Result {
        let mut value = String::new();
        for piece in &self.pieces {
            match piece {
                Piece::Text(text) => out.push_str(text),
                // The usual case needs no copy.
                Piece::Field {
                    field,
                    width: 0,
                    precision: None,
                    ..
                } => {
                    field.write(record, time, dates, out)?;
                }
                Piece::Field {
                    field,
                    left,
                    zero,
                    width,
                    precision,
                } => {
                    value.clear();
                    field.write(record, time, dates, &mut value)?;
                    let cut = precision.and_then(|most| value.char_indices().nth(most));
                    if let Some((end, _)) = cut {
                        value.truncate(end);
                    }
                    match (left, zero) {
                        (true, _) => write!(out, "{value:<width$}")?,
                        (false, true) => write!(out, "{value:0>width$}")?,
                        (false, false) => write!(out, "{value:>width$}")?,
                    }
                }
            }
        }
        Ok(())
    }
}

impl Field {
    fn write(
        self,
        record: &Record<'_>,
        time: &DateTime<Local>,
        dates: &DateFormat,
        out: &mut String,
    ) -> std::fmt::Result {
        let path = record.file().unwrap_or_default();
        let file_name = path.rsplit('/').next().unwrap_or_default();
        match self {
            Self::Time => dates.write(time, out),
            Self::Milliseconds => write!(out, "{}", time.timestamp_subsec_millis().min(999)),
            Self::Created => write!(
                out,
                "{}.{:03}",
                time.timestamp(),
                time.timestamp_subsec_millis()
            ),
            Self::Level => {
                out.push_str(levels::python_name(record.level()));
                Ok(())
            }
            Self::LevelNumber => write!(out, "{}", levels::python_number(record.level())),
            Self::Name => {
                for (index, part) in record.target().split("::").enumerate() {
                    if index > 0 {
                        out.push('.');
                    }
                    out.push_str(part);
                }
                Ok(())
            }
            Self::Message => write_message(record, out),
            Self::Process => write!(out, "{}", std::process::id()),
            Self::ProcessName => {
                out.push_str("MainProcess");
                Ok(())
            }
            Self::Thread => write!(out, "{:?}", std::thread::current().id()),
            Self::ThreadName => {
                out.push_str(std::thread::current().name().unwrap_or("-"));
                Ok(())
            }
            Self::Path => {
                out.push_str(path);
                Ok(())
            }
            Self::FileName => {
                out.push_str(file_name);
                Ok(())
            }
            Self::Module => {
                out.push_str(file_name.strip_suffix(".rs").unwrap_or(file_name));
                Ok(())
            }
            Self::Line => write!(out, "{}", record.line().unwrap_or_default()),
            Self::Fixed(text) => {
                out.push_str(text);
                Ok(())
            }
        }
    }
}

/// Writes the message with control characters escaped: what a caller sent must not be able to
/// start a line of its own, nor to reach the terminal of whoever reads the log.
fn write_message(record: &Record<'_>, out: &mut String) -> std::fmt::Result {
    let start = out.len();
    write!(out, "{}", record.args())?;
    if !out[start..].contains(|character: char| character.is_control() && character != '\t') {
        return Ok(());
    }
    let message = out.split_off(start);
    for character in message.chars() {
        if character.is_control() && character != '\t' {
            write!(out, "{}", character.escape_default())?;
        } else {
            out.push(character);
        }
    }
    Ok(())
}

impl OptionValue for LogFormat {
    const ACCEPTS: &'static str = "a Python logging format, such as %(asctime)s %(message)s";

    fn parse(text: &str) -> Result<Self, Option<String>> {
        let mut pieces = Vec::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once('%') {
            push_text(&mut pieces, before);
            if let Some(after) = after.strip_prefix('%') {
                push_text(&mut pieces, "%");
                rest = after;
                continue;
            }
            let (piece, after) = parse_field(after)?;
            pieces.push(piece);
            rest = after;
        }
        push_text(&mut pieces, rest);
        Ok(Self {
            text: text.to_owned(),
            pieces,
        })
    }

    fn shown(&self) -> Vec<String> {
        vec![self.text.clone()]
    }
}

fn push_text(pieces: &mut Vec<Piece>, text: &str) {
    match pieces.last_mut() {
        _ if text.is_empty() => {}
        Some(Piece::Text(last)) => last.push_str(text),
        _ => pieces.push(Piece::Text(text.to_owned())),
    }
}

/// Reads `(name)`, flags, width, precision and type, as they stand after the percent sign.
fn parse_field(text: &str) -> Result<(Piece, &str), Option<String>> {
    let bare = || Some("a % must be followed by (name) and a letter, or by another %".to_owned());
    let (name, rest) = text
        .strip_prefix('(')
        .and_then(|text| text.split_once(')'))
        .ok_or_else(bare)?;
    let field = field(name).ok_or_else(|| Some(format!("there is no field {name:?}")))?;
    let flags = rest
        .find(|flag| !"-0+ #".contains(flag))
        .unwrap_or(rest.len());
    let (flags, rest) = rest.split_at(flags);
    let (width, rest) = digits(rest);
    let (precision, rest) = match rest.strip_prefix('.') {
        Some(rest) => {
            let (precision, rest) = digits(rest);
            (Some(precision), rest)
        }
        None => (None, rest),
    };
    let kind = rest
        .chars()
        .next()
        .filter(|kind| "sdirfxXeEgGuac".contains(*kind));
    let kind = kind.ok_or_else(bare)?;
    let piece = Piece::Field {
        field,
        left: flags.contains('-'),
        zero: flags.contains('0') && kind != 's',
        width: width.min(200),
        // Of numbers, the precision is something else, and the numbers here are whole.
        precision: precision.filter(|_| kind == 's'),
    };
    Ok((piece, &rest[kind.len_utf8()..]))
}

/// The number that `text` begins with, or 0, and what follows it.
fn digits(text: &str) -> (usize, &str) {
    let end = text
        .find(|digit: char| !digit.is_ascii_digit())
        .unwrap_or(text.len());
    let (number, rest) = text.split_at(end);
    (number.parse().unwrap_or(0), rest)
}

#[cfg(test)]
mod tests {
    use log::Level;

    use super::*;

    fn line(format: &str, message: &str) -> String {
        let format = LogFormat::parse(format).unwrap();
        let dates = DateFormat::parse("%Y").unwrap();
        let time = Local::now();
        let mut out = String::new();
        format
            .write(
                &Record::builder()
                    .level(Level::Warn)
                    .target("glance_api::v1::images")
                    .file(Some("crates/glance-api/src/v1/images.rs"))
                    .line(Some(7))
                    .args(format_args!("{message}"))
                    .build(),
                &time,
                &dates,
                &mut out,
            )
            .unwrap();
        out.replace(&time.format("%Y").to_string(), "YEAR")
    }

    #[test]
    fn writes_glances_default() {
        assert_eq!(
            line("%(asctime)s %(levelname)8s [%(name)s] %(message)s", "hello"),
            "YEAR  WARNING [glance_api.v1.images] hello"
        );
    }

    #[test]
    fn honours_widths_and_flags() {
        assert_eq!(
            line("%(levelname)-9s|%(levelname).4s|%(lineno)03d|100%%", ""),
            "WARNING  |WARN|007|100%"
        );
        assert_eq!(
            line(
                "%(module)s %(filename)s [%(request_id)s %(user_identity)s] %(instance)s.",
                ""
            ),
            "images images.rs [- -] ."
        );
        assert_eq!(line("%(process)d", ""), std::process::id().to_string());
    }

    #[test]
    fn keeps_a_message_on_one_line() {
        assert_eq!(
            line("%(message)s", "a\nb\x1b[31m\tc é"),
            "a\\nb\\u{1b}[31m\tc é"
        );
    }

    #[test]
    fn refuses_what_python_would_stumble_over() {
        assert_eq!(
            LogFormat::parse("%(colour)s").unwrap_err().as_deref(),
            Some("there is no field \"colour\"")
        );
        for format in ["%", "100% sure", "%(message)", "%(message)z", "%(message"] {
            assert!(LogFormat::parse(format).is_err(), "{format}");
        }
    }
}
