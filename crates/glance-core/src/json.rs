//! JSON in the exact spelling of Python's `json.dumps`, which Glance's answers have.
//!
//! Separators are `, ` and `: `, and everything outside ASCII is escaped, so a client that compares
//! bytes cannot tell us from the original.

use std::borrow::Cow;
use std::io::{self, Write};

use serde::{Deserialize, Serialize};
use serde_json::ser::{CharEscape, Formatter, Serializer};

/// Text out of a document, borrowed from it where nothing in it is escaped.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

impl AsRef<str> for Text<'_> {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

/// Reads a document, which may be borrowed from. All of it is looked at first whether it is UTF-8:
/// that takes less than looking at each of its texts.
pub fn from_slice<'a, T: Deserialize<'a>>(document: &'a [u8]) -> serde_json::Result<T> {
    match std::str::from_utf8(document) {
        Ok(text) => serde_json::from_str(text),
        // It says where.
        Err(_) => serde_json::from_slice(document),
    }
}

/// `value` as `json.dumps(value)` would write it.
///
/// The value must be serialisable without error (string keys, no failing `Serialize`), as every
/// type of this workspace is; otherwise the error says what is not.
pub fn to_vec<T: Serialize + ?Sized>(value: &T) -> serde_json::Result<Vec<u8>> {
    let mut out = Vec::with_capacity(512);
    value.serialize(&mut Serializer::with_formatter(&mut out, Python))?;
    // It may wait long for a slow reader; a large one that grew by doubling holds a third more than it needs.
    out.shrink_to_fit();
    Ok(out)
}

struct Python;

impl Formatter for Python {
    fn begin_array_value<W: ?Sized + Write>(&mut self, w: &mut W, first: bool) -> io::Result<()> {
        if first { Ok(()) } else { w.write_all(b", ") }
    }

    fn begin_object_key<W: ?Sized + Write>(&mut self, w: &mut W, first: bool) -> io::Result<()> {
        if first { Ok(()) } else { w.write_all(b", ") }
    }

    fn begin_object_value<W: ?Sized + Write>(&mut self, w: &mut W) -> io::Result<()> {
        w.write_all(b": ")
    }

    fn write_string_fragment<W: ?Sized + Write>(
        &mut self,
        w: &mut W,
        text: &str,
    ) -> io::Result<()> {
        if text.bytes().all(|byte| byte < 0x7f) {
            return w.write_all(text.as_bytes());
        }
        let mut rest = text;
        while let Some(at) = rest.find(|c: char| !c.is_ascii() || c == '\x7f') {
            w.write_all(&rest.as_bytes()[..at])?;
            let mut chars = rest[at..].chars();
            if let Some(c) = chars.next() {
                for unit in c.encode_utf16(&mut [0; 2]) {
                    write!(w, "\\u{unit:04x}")?;
                }
            }
            rest = chars.as_str();
        }
        w.write_all(rest.as_bytes())
    }

    fn write_char_escape<W: ?Sized + Write>(&mut self, w: &mut W, c: CharEscape) -> io::Result<()> {
        let short: &[u8] = match c {
            CharEscape::Quote => b"\\\"",
            CharEscape::ReverseSolidus => b"\\\\",
            CharEscape::Solidus => b"/",
            CharEscape::Backspace => b"\\b",
            CharEscape::FormFeed => b"\\f",
            CharEscape::LineFeed => b"\\n",
            CharEscape::CarriageReturn => b"\\r",
            CharEscape::Tab => b"\\t",
            CharEscape::AsciiControl(byte) => return write!(w, "\\u{byte:04x}"),
        };
        w.write_all(short)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_borrowed_unless_it_is_escaped() {
        let texts: Vec<Text<'_>> = from_slice(br#"["plain", "\u0436"]"#).unwrap();
        assert!(matches!(&texts[0].0, Cow::Borrowed("plain")));
        assert!(matches!(&texts[1].0, Cow::Owned(text) if text == "ж"));
        assert!(from_slice::<Vec<Text<'_>>>(b"[\"\xff\"]").is_err());
    }

    #[test]
    fn writes_as_python_does() {
        let value = serde_json::json!({"a": [1, null, true], "b": "ж\u{1f600}\n\"\u{1}/\u{7f}"});
        let text = String::from_utf8(to_vec(&value).unwrap()).unwrap();
        let expected = r#"{"a": [1, null, true], "b": "\u0436\ud83d\ude00\n\"\u0001/\u007f"}"#;
        assert_eq!(text, expected);
    }
}
