//! The check language: `role:a and (rule:b or not tenant:%(owner)s)`, and lists of lists.

use super::check::Check;
use super::shown;

/// Parentheses and `not`s inside each other. The tree is walked by recursion, so it has an end.
const DEEPEST: usize = 100;

/// Parses a rule. `not` binds closer than `and`, `and` closer than `or`; the words may be written
/// in any case. The empty rule is for everybody.
pub(super) fn parse(text: &str) -> Result<Check, String> {
    if text.is_empty() {
        return Ok(Check::Always);
    }
    let mut parser = Parser {
        tokens: Tokens::new(text),
        depth: 0,
    };
    let check = parser.any()?;
    match parser.tokens.next() {
        None => Ok(check),
        Some(Token::Close) => Err("a closing parenthesis has no opening one".into()),
        Some(token) => Err(format!(
            "{} comes without \"and\" or \"or\" before it",
            token.shown()
        )),
    }
}

/// An item of a rule in the old form: checks that must all hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Item {
    /// A single check.
    One(String),
    /// Several.
    All(Vec<String>),
}

/// Parses a rule in the old form: any of the items. The empty list is for everybody; a list of
/// nothing but empty lists is for nobody.
pub(super) fn parse_list(items: &[Item]) -> Result<Check, String> {
    if items.is_empty() {
        return Ok(Check::Always);
    }
    let mut any = Vec::with_capacity(items.len());
    for item in items {
        match item {
            Item::One(text) if text.is_empty() => {}
            Item::One(text) => any.push(Check::parse(text)?),
            Item::All(texts) if texts.is_empty() => {}
            Item::All(texts) => {
                let all: Result<Vec<_>, _> = texts.iter().map(|text| Check::parse(text)).collect();
                any.push(joined(all?, Check::All));
            }
        }
    }
    if any.is_empty() {
        return Ok(Check::Never);
    }
    Ok(joined(any, Check::Any))
}

/// `checks` in one; a single one needs nothing around it.
fn joined(mut checks: Vec<Check>, join: fn(Vec<Check>) -> Check) -> Check {
    if checks.len() > 1 {
        return join(checks);
    }
    checks.pop().unwrap_or(Check::Never)
}

struct Parser<'a> {
    tokens: Tokens<'a>,
    depth: usize,
}

impl Parser<'_> {
    fn any(&mut self) -> Result<Check, String> {
        let mut checks = vec![self.all()?];
        while self.tokens.take_if(&Token::Or) {
            checks.push(self.all()?);
        }
        Ok(joined(checks, Check::Any))
    }

    fn all(&mut self) -> Result<Check, String> {
        let mut checks = vec![self.one()?];
        while self.tokens.take_if(&Token::And) {
            checks.push(self.one()?);
        }
        Ok(joined(checks, Check::All))
    }

    fn one(&mut self) -> Result<Check, String> {
        match self.tokens.next() {
            Some(Token::Check(text)) => Check::parse(text),
            Some(Token::Not) => self.deeper(|parser| parser.one().map(Box::new).map(Check::Not)),
            Some(Token::Open) => self.deeper(|parser| {
                let check = parser.any()?;
                match parser.tokens.next() {
                    Some(Token::Close) => Ok(check),
                    Some(token) => Err(format!("{} comes where \")\" is missing", token.shown())),
                    None => Err("a parenthesis is not closed".into()),
                }
            }),
            Some(token) => Err(format!("{} comes where a check is missing", token.shown())),
            None => Err("a check is missing at the end".into()),
        }
    }

    fn deeper(
        &mut self,
        parse: impl FnOnce(&mut Self) -> Result<Check, String>,
    ) -> Result<Check, String> {
        if self.depth == DEEPEST {
            return Err(format!(
                "more than {DEEPEST} parentheses and nots inside each other"
            ));
        }
        self.depth += 1;
        let check = parse(self);
        self.depth -= 1;
        check
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Token<'a> {
    Open,
    Close,
    And,
    Or,
    Not,
    Check(&'a str),
}

impl Token<'_> {
    fn shown(&self) -> String {
        shown(match self {
            Self::Open => "(",
            Self::Close => ")",
            Self::And => "and",
            Self::Or => "or",
            Self::Not => "not",
            Self::Check(text) => text,
        })
    }
}

/// Words between white space, with the parentheses at their ends taken off: those within belong to
/// `%(key)s`.
struct Tokens<'a> {
    words: std::str::SplitWhitespace<'a>,
    word: &'a str,
    closing: usize,
    peeked: Option<Token<'a>>,
}

impl<'a> Tokens<'a> {
    fn new(text: &'a str) -> Self {
        Self {
            words: text.split_whitespace(),
            word: "",
            closing: 0,
            peeked: None,
        }
    }

    /// Takes the next token if it is `wanted`.
    fn take_if(&mut self, wanted: &Token<'_>) -> bool {
        if self.peeked.is_none() {
            self.peeked = self.scan();
        }
        let found = self.peeked.as_ref() == Some(wanted);
        if found {
            self.peeked = None;
        }
        found
    }

    fn scan(&mut self) -> Option<Token<'a>> {
        if self.word.is_empty() {
            if self.closing > 0 {
                self.closing -= 1;
                return Some(Token::Close);
            }
            self.word = self.words.next()?;
        }
        if let Some(rest) = self.word.strip_prefix('(') {
            self.word = rest;
            return Some(Token::Open);
        }
        let text = self.word.trim_end_matches(')');
        self.closing = self.word.len() - text.len();
        self.word = "";
        if text.is_empty() {
            return self.scan();
        }
        Some(match text {
            _ if text.eq_ignore_ascii_case("and") => Token::And,
            _ if text.eq_ignore_ascii_case("or") => Token::Or,
            _ if text.eq_ignore_ascii_case("not") => Token::Not,
            _ => Token::Check(text),
        })
    }
}

impl<'a> Iterator for Tokens<'a> {
    type Item = Token<'a>;

    fn next(&mut self) -> Option<Token<'a>> {
        self.peeked.take().or_else(|| self.scan())
    }
}
