//! What may be a token.

use actix_http::RequestHead;
use actix_http::header::HeaderName;

/// No kind of token is longer; Keystone itself takes 255 characters of most kinds.
pub(crate) const LONGEST_TOKEN: usize = 8192;

/// What somebody gives as a token.
pub(crate) enum Given<'a> {
    Nothing,
    /// It cannot be anybody's token; nobody need be asked.
    Hopeless,
    Token(&'a str),
}

impl<'a> Given<'a> {
    /// What these bytes are.
    pub(crate) fn read(bytes: &'a [u8]) -> Self {
        // Without a way out of the loop, which would keep it from looking at many bytes at once.
        let odd = |odd: bool, byte: &u8| odd | !byte.is_ascii_graphic();
        let plausible = bytes.len() <= LONGEST_TOKEN && !bytes.iter().fold(false, odd);
        match std::str::from_utf8(bytes) {
            Ok("") => Self::Nothing,
            Ok(text) if plausible => Self::Token(text),
            _ => Self::Hopeless,
        }
    }

    /// What the header `name` has.
    pub(crate) fn in_header(head: &'a RequestHead, name: &HeaderName) -> Self {
        let mut values = head.headers().get_all(name);
        let Some(value) = values.next() else {
            return Self::Nothing;
        };
        match Self::read(value.as_bytes()) {
            Self::Token(_) if values.next().is_some() => Self::Hopeless,
            given => given,
        }
    }
}
