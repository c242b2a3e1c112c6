//! Reads a dump's rows one after the other, and holds it to what its last line says.

use std::io::{BufRead, Read};

use super::line::{self, Last, Line};
use super::sum::Lines;
use super::{Counts, DumpError};
use crate::db::dump::{Row, TABLES};

/// A line is never longer: a text of a table has some 64 KiB at most.
const LONGEST: u64 = 32 << 20;

/// A dump that is read.
pub(super) struct Reader<'a> {
    source: &'a mut dyn BufRead,
    line: Vec<u8>,
    number: u64,
    counts: Counts,
    /// The table of the last row.
    table: usize,
    /// None: the last line has been read.
    sum: Option<Lines>,
}

impl<'a> Reader<'a> {
    /// Reads the first line.
    pub(super) fn new(source: &'a mut dyn BufRead) -> Result<Self, DumpError> {
        let mut reader = Self {
            source,
            line: Vec::new(),
            number: 0,
            counts: Counts::default(),
            table: 0,
            sum: Some(Lines::new()),
        };
        if !reader.next_line()? {
            return Err(DumpError::NoDump);
        }
        line::check_first(&reader.line)?;
        reader.note();
        Ok(reader)
    }

    /// What has been read.
    pub(super) fn counts(&self) -> Counts {
        self.counts
    }

    /// The next row and the number of its table. None: the dump is over, and all of it was there and
    /// as it was written.
    pub(super) fn next(&mut self) -> Result<Option<(usize, Row)>, DumpError> {
        if self.sum.is_none() {
            return Ok(None);
        }
        if !self.next_line()? {
            return Err(DumpError::CutOff(self.counts));
        }
        let number = self.number;
        let (table, row) = match line::parse(&self.line, number) {
            Ok(Line::Row(table, row)) => (table, row),
            Ok(Line::Last(last)) => return self.finish(&last).map(|()| None),
            // Half a line is what a cut leaves.
            Err(_) if self.is_at_end()? => return Err(DumpError::CutOff(self.counts)),
            Err(error) => return Err(error),
        };
        if table < self.table {
            return Err(DumpError::Place {
                line: number,
                words: TABLES[table].called(),
            });
        }
        self.table = table;
        self.counts.0[table] += 1;
        self.note();
        Ok(Some((table, row)))
    }

    fn finish(&mut self, last: &Last) -> Result<(), DumpError> {
        if last.counts != self.counts {
            return Err(DumpError::Counts {
                said: last.counts,
                found: self.counts,
            });
        }
        let sum = self.sum.take().map(Lines::finish);
        if sum.as_deref() != Some(last.sha256.as_str()) {
            return Err(DumpError::Changed);
        }
        match self.is_at_end()? {
            true => Ok(()),
            false => Err(DumpError::Behind),
        }
    }

    /// Reads a line; false: there is none.
    fn next_line(&mut self) -> Result<bool, DumpError> {
        self.line.clear();
        self.number += 1;
        let mut source = Read::take(&mut *self.source, LONGEST);
        let read = source.read_until(b'\n', &mut self.line);
        read.map_err(DumpError::Source)?;
        if self.line.last() == Some(&b'\n') {
            self.line.pop();
            return Ok(true);
        }
        if self.line.len() as u64 == LONGEST {
            return Err(DumpError::Line(self.number));
        }
        Ok(!self.line.is_empty())
    }

    fn is_at_end(&mut self) -> Result<bool, DumpError> {
        let rest = self.source.fill_buf().map_err(DumpError::Source)?;
        Ok(rest.is_empty())
    }

    fn note(&mut self) {
        if let Some(sum) = &mut self.sum {
            sum.add(&self.line);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROW: &str = r#"{"retired":{"id":"a"}}"#;

    fn dump(rows: &[&str]) -> String {
        let mut sum = Lines::new();
        let mut text = String::new();
        let first = line::first().unwrap();
        for row in std::iter::once(first.as_str()).chain(rows.iter().copied()) {
            sum.add(row.as_bytes());
            text.push_str(row);
            text.push('\n');
        }
        let mut counts = Counts::default();
        counts.0[5] = rows.len() as u64;
        let sha256 = sum.finish();
        text + &line::last(&Last { counts, sha256 }).unwrap() + "\n"
    }

    fn read(text: &str) -> Result<u64, DumpError> {
        let mut source = text.as_bytes();
        let mut reader = Reader::new(&mut source)?;
        while reader.next()?.is_some() {}
        assert!(reader.next()?.is_none());
        Ok(reader.counts().0[5])
    }

    fn refusal(text: &str) -> String {
        read(text).unwrap_err().to_string()
    }

    #[test]
    fn a_whole_dump_is_read() {
        assert_eq!(read(&dump(&[])).unwrap(), 0);
        assert_eq!(read(&dump(&[ROW, r#"{"retired":{"id":"b"}}"#])).unwrap(), 2);
        // The end of the last line is no part of what it says.
        assert_eq!(read(dump(&[ROW]).trim_end()).unwrap(), 1);
    }

    #[test]
    fn a_dump_that_is_cut_anywhere_is_refused() {
        let whole = dump(&[ROW, r#"{"retired":{"id":"b"}}"#]);
        for length in 0..whole.len() - 1 {
            assert!(read(&whole[..length]).is_err(), "{length}");
        }
        let rows = whole.rfind("{\"end").unwrap();
        let text = refusal(&whole[..rows]);
        assert!(
            text.contains("cut off") && text.contains("2 retired ids"),
            "{text}"
        );
        let text = refusal(&whole[..rows - 5]);
        assert!(
            text.contains("cut off") && text.contains("1 retired ids"),
            "{text}"
        );
    }

    #[test]
    fn a_dump_that_was_changed_is_refused() {
        let whole = dump(&[ROW, r#"{"retired":{"id":"b"}}"#]);
        let text = refusal(&whole.replace("\"b\"", "\"c\""));
        assert!(text.contains("checksum"), "{text}");
        let text = refusal(&whole.replace(&format!("{ROW}\n"), ""));
        assert!(text.contains("2 retired ids, and it has"), "{text}");
        assert!(text.contains("1 retired ids"), "{text}");
        assert!(refusal(&format!("{whole}{ROW}\n")).contains("follows its last line"));
        let text = refusal(&whole.replace(ROW, "{\"retired\":{}}"));
        assert!(text.contains("line 2 is not a whole retired"), "{text}");
        let text = refusal(&whole.replace(ROW, "nonsense"));
        assert!(text.contains("line 2 is no line"), "{text}");
    }

    #[test]
    fn newer_forms_and_other_files_are_refused_with_a_sentence() {
        let whole = dump(&[]);
        let text = refusal(&whole.replace("\"format\":1", "\"format\":2"));
        assert!(
            text.contains("format 2") && text.contains("newer"),
            "{text}"
        );
        let text = refusal(&whole.replace("pike01", "zed01"));
        assert!(text.contains("zed01"), "{text}");
        for other in ["", "x\n", "{}\n", "{\"dump\":{\"format\":0}}\n"] {
            assert!(refusal(other).contains("no dump"), "{other}");
        }
    }
}
