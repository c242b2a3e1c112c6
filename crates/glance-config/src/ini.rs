//! oslo.config's INI dialect, with the line of every option.

/// One assignment of a file.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    /// The section's name as written.
    pub(crate) section: String,
    /// The option's name as written.
    pub(crate) name: String,
    /// The value: continuation lines are joined by line ends.
    pub(crate) value: String,
    /// The line on which it begins, counted from 1.
    pub(crate) line: usize,
}

/// A line that makes no sense: its number, counted from 1, and what is wrong with it.
pub(crate) type SyntaxError = (usize, &'static str);

/// Reads all assignments in the order of the file, repeated ones as often as they stand there.
///
/// The rules are oslo.config's: a comment begins with `#` or `;` in the first column; a line that
/// begins with a blank continues the value before it; a blank line ends a value; `=` or `:`
/// separates, whichever comes first; a pair of quotes around a value is taken off.
///
/// # Errors
///
/// The first line that is not acceptable.
pub(crate) fn parse(text: &str) -> Result<Vec<Entry>, SyntaxError> {
    let mut entries: Vec<Entry> = Vec::new();
    let mut section: Option<&str> = None;
    let mut continues = false;
    for (number, line) in (1..).zip(text.trim_start_matches('\u{feff}').lines()) {
        let line = line.trim_end();
        if line.is_empty() {
            continues = false;
            continue;
        }
        if line.starts_with([' ', '\t']) {
            let last = entries.last_mut().filter(|_| continues);
            let last = last.ok_or((number, "an indented line continues no value"))?;
            last.value.push('\n');
            last.value.push_str(line.trim_start());
            continue;
        }
        continues = false;
        if line.starts_with(['#', ';']) {
            continue;
        }
        if let Some(rest) = line.strip_prefix('[') {
            let name = rest
                .strip_suffix(']')
                .ok_or((number, "a section lacks its ]"))?;
            if name.is_empty() {
                return Err((number, "a section has no name"));
            }
            section = Some(name);
            continue;
        }
        let (name, value) = line.split_once(['=', ':']).ok_or((
            number,
            "neither a [section], nor option = value, nor a # comment",
        ))?;
        let name = name.trim();
        if name.is_empty() {
            return Err((number, "there is no option before the ="));
        }
        let section = section.ok_or((number, "an option stands before the first [section]"))?;
        entries.push(Entry {
            section: section.to_owned(),
            name: name.to_owned(),
            value: unquoted(value.trim()).to_owned(),
            line: number,
        });
        continues = true;
    }
    Ok(entries)
}

/// Takes off a pair of quotes that surrounds the whole value.
fn unquoted(value: &str) -> &str {
    for quote in ['"', '\''] {
        let inner = value
            .strip_prefix(quote)
            .and_then(|rest| rest.strip_suffix(quote));
        if let Some(inner) = inner {
            return inner;
        }
    }
    value
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values(text: &str) -> Vec<(String, String, usize)> {
        let entries = parse(text).unwrap();
        entries
            .into_iter()
            .map(|entry| (entry.name, entry.value, entry.line))
            .collect()
    }

    #[test]
    fn keeps_repeats_lines_and_continuations() {
        let text =
            "[DEFAULT]\n# a comment\na = 1\n\na=2\nlist = x,\n    y,\n\t z\n; more\nb : c=d\n";
        assert_eq!(
            values(text),
            [
                ("a".to_owned(), "1".to_owned(), 3),
                ("a".to_owned(), "2".to_owned(), 5),
                ("list".to_owned(), "x,\ny,\nz".to_owned(), 6),
                ("b".to_owned(), "c=d".to_owned(), 10),
            ]
        );
    }

    #[test]
    fn takes_off_a_pair_of_quotes_only() {
        let text = "[s]\na = \"x y\"\nb = 'z'\nc = \"x\" and \"y\nd = \"\n";
        let values: Vec<_> = values(text)
            .into_iter()
            .map(|(_, value, _)| value)
            .collect();
        assert_eq!(values, ["x y", "z", "\"x\" and \"y", "\""]);
    }

    #[test]
    fn says_which_line_is_wrong() {
        let error = |text| parse(text).unwrap_err();
        assert_eq!(error("[s]\nnonsense\n").0, 2);
        assert_eq!(
            error("a = 1\n").1,
            "an option stands before the first [section]"
        );
        assert_eq!(
            error("[s]\n\n  a = 1\n").1,
            "an indented line continues no value"
        );
        assert_eq!(
            error("[s]\na = 1\n# c\n  b\n").1,
            "an indented line continues no value"
        );
        assert_eq!(error("[s\n").1, "a section lacks its ]");
        assert_eq!(error("[]\n").1, "a section has no name");
        assert_eq!(error("[s]\n= 3\n").1, "there is no option before the =");
    }
}
