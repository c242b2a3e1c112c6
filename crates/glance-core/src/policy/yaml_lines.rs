//! Lines of YAML put together again: scalars and lists that go on over several lines, and blocks.
//!
//! Generators of policy files fold long checks; what they write is to be read.

/// A line with all that continues it, and the number of its first line, from 1.
pub(super) struct Logical {
    pub(super) number: usize,
    pub(super) text: String,
    /// Whether it began with white space.
    pub(super) indented: bool,
}

/// The lines of `text`, up to the end of the document, without empty ones and comments.
pub(super) fn logical(text: &str) -> Vec<Logical> {
    let mut lines: Vec<Logical> = Vec::new();
    let mut scan = Scan::default();
    // The indicator of a block whose lines come.
    let mut block: Option<Block> = None;
    for (index, raw) in text.lines().enumerate() {
        let content = raw.trim();
        let indented = raw.starts_with([' ', '\t']);
        if let Some(open) = &mut block {
            if indented || content.is_empty() {
                open.push(content);
                continue;
            }
            open.close(&mut lines);
            block = None;
        }
        if scan.is_open() {
            if !indented && !content.is_empty() && !content.starts_with([']', '}']) {
                // Whoever reads the first line says what is not closed.
                scan = Scan::default();
            } else {
                continue_last(&mut lines, &mut scan, content);
                continue;
            }
        }
        if content.is_empty() || content.starts_with('#') || content == "---" {
            if content.starts_with('#') {
                scan.comment = true;
            }
            continue;
        }
        if content == "..." {
            break;
        }
        let item = content == "-" || content.starts_with("- ");
        if indented && !item && !scan.comment && scan.goes_on(lines.last()) {
            continue_last(&mut lines, &mut scan, content);
        } else {
            scan = Scan::default();
            scan.read(content);
            lines.push(Logical {
                number: index + 1,
                text: content.to_owned(),
                indented,
            });
        }
        if let Some(last) = lines.last_mut()
            && let Some(open) = Block::begin(last)
        {
            block = Some(open);
            scan = Scan::default();
        }
    }
    if let Some(open) = block {
        open.close(&mut lines);
    }
    lines
}

fn continue_last(lines: &mut [Logical], scan: &mut Scan, content: &str) {
    let Some(last) = lines.last_mut() else { return };
    if content.is_empty() || (scan.quote.is_none() && content.starts_with('#')) {
        return;
    }
    if scan.comment {
        // The comment at the end of the line so far is none of the scalar.
        last.text.truncate(scan.length);
        scan.comment = false;
    }
    last.text.push(' ');
    scan.length = last.text.len();
    last.text.push_str(content);
    scan.read(content);
}

/// How far a logical line has been understood: just enough to know whether it goes on.
#[derive(Default)]
struct Scan {
    quote: Option<char>,
    brackets: usize,
    /// A quoted scalar has ended: nothing but a comment may follow it.
    complete: bool,
    /// A comment came behind it.
    comment: bool,
    /// Bytes before that comment.
    length: usize,
    started: bool,
}

impl Scan {
    fn is_open(&self) -> bool {
        self.quote.is_some() || self.brackets > 0
    }

    /// Whether an indented line continues the plain scalar, or is the value, of `last`.
    fn goes_on(&self, last: Option<&Logical>) -> bool {
        last.is_some_and(|last| last.text.ends_with(':')) || (self.started && !self.complete)
    }

    fn read(&mut self, content: &str) {
        let base = self.length;
        let mut chars = content.char_indices().peekable();
        // The last character that was no blank, outside of quotes.
        let mut before = if self.brackets > 0 { ',' } else { ':' };
        let mut blank = true;
        while let Some((at, c)) = chars.next() {
            if let Some(quote) = self.quote {
                if c == '\\' && quote == '"' {
                    chars.next();
                } else if c == quote {
                    if quote == '\'' && chars.next_if(|(_, next)| *next == '\'').is_some() {
                        continue;
                    }
                    self.quote = None;
                    self.complete = self.brackets == 0;
                    before = '"';
                }
                continue;
            }
            let at_start = matches!(before, ':' | ',' | '[' | '-')
                && (blank || before == '[' || before == ',');
            match c {
                ' ' | '\t' => {
                    blank = true;
                    continue;
                }
                '#' if blank => {
                    self.comment = true;
                    self.length = base + content[..at].trim_end().len();
                    return;
                }
                '"' | '\'' if at_start => self.quote = Some(c),
                '[' if at_start => self.brackets += 1,
                ']' if self.brackets > 0 => {
                    self.brackets -= 1;
                    self.complete = self.brackets == 0;
                }
                // The key is behind us, quoted or not: the value begins.
                ':' => self.complete = false,
                _ => self.started = true,
            }
            before = c;
            blank = false;
        }
    }
}

/// A block scalar, `|` or `>`: white space is all the same to a check.
struct Block {
    text: String,
}

impl Block {
    /// Takes the indicator off `line` if it ends with one.
    fn begin(line: &mut Logical) -> Option<Self> {
        let (head, indicator) = line.text.rsplit_once(' ')?;
        let head = head.trim_end();
        let rest = indicator.strip_prefix(['|', '>'])?;
        let known = matches!(rest, "" | "-" | "+");
        if !known || !(head.ends_with(':') || head == "-") {
            return None;
        }
        line.text.truncate(head.len());
        Some(Self {
            text: String::new(),
        })
    }

    fn push(&mut self, content: &str) {
        if !self.text.is_empty() && !content.is_empty() {
            self.text.push(' ');
        }
        self.text.push_str(content);
    }

    /// Puts the text behind the line that began the block, in quotes.
    fn close(&self, lines: &mut [Logical]) {
        if let Some(line) = lines.last_mut() {
            line.text.push_str(" '");
            line.text.push_str(&self.text.replace('\'', "''"));
            line.text.push('\'');
        }
    }
}
