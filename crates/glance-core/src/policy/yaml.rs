//! The part of YAML that files of rules are written in: one level of `rule: check`.

use super::document::{Entry, Shape};
use super::language::Item;
use super::yaml_lines::{Logical, logical};
use super::{PolicyError, shown};

/// The members of the mapping, in their order.
pub(super) fn read(text: &str) -> Result<Vec<Entry>, PolicyError> {
    let mut entries: Vec<Entry> = Vec::new();
    // Where the items of a list over several lines go.
    let mut open_list = None;
    for Logical {
        number,
        text: content,
        indented,
    } in logical(text)
    {
        let line = number;
        let error = |reason: String| PolicyError { line, reason };
        if let Some(item) = content.strip_prefix("- ") {
            let Some(list) = open_list.and_then(|at: usize| items_of(entries.get_mut(at)?)) else {
                return Err(error("a list item without a rule above it".into()));
            };
            list.push(read_item(item.trim()).map_err(error)?);
            continue;
        }
        if indented {
            return Err(error("an indented line that belongs to nothing".into()));
        }
        close_list(&mut open_list, &entries)?;
        let (name, value) = read_key(&content).map_err(error)?;
        let shape = match value {
            "" => {
                open_list = Some(entries.len());
                Shape::List(Vec::new())
            }
            value => read_value(value).map_err(error)?,
        };
        entries.push(Entry { name, line, shape });
    }
    close_list(&mut open_list, &entries)?;
    Ok(entries)
}

fn items_of(entry: &mut Entry) -> Option<&mut Vec<Item>> {
    match &mut entry.shape {
        Shape::List(items) => Some(items),
        Shape::Text(_) => None,
    }
}

/// A rule with nothing behind its colon is null in YAML, and oslo.policy lets everybody pass a null
/// rule. Who wants that writes `""`.
fn close_list(open_list: &mut Option<usize>, entries: &[Entry]) -> Result<(), PolicyError> {
    let Some(entry) = open_list.take().and_then(|at| entries.get(at)) else {
        return Ok(());
    };
    if entry.shape != Shape::List(Vec::new()) {
        return Ok(());
    }
    let reason = format!(
        "rule {} has no check; \"\" lets everybody pass",
        shown(&entry.name)
    );
    Err(PolicyError {
        line: entry.line,
        reason,
    })
}

/// The key of a line, and what is behind its colon, without a comment when it is nothing else.
fn read_key(content: &str) -> Result<(String, &str), String> {
    let (key, rest) = if content.starts_with(['"', '\'']) {
        let (key, rest) = read_quoted(content)?;
        let rest = rest.trim_start().strip_prefix(':');
        (
            key,
            rest.ok_or_else(|| format!("no colon behind {}", shown(content)))?,
        )
    } else {
        refuse_indicator(content)?;
        let at = content
            .find(": ")
            .or_else(|| content.strip_suffix(':').map(str::len));
        let at = at.ok_or_else(|| format!("{} is no \"rule\": \"check\"", shown(content)))?;
        (content[..at].trim_end().to_owned(), &content[at + 1..])
    };
    if !rest.is_empty() && !rest.starts_with([' ', '\t']) {
        return Err(format!(
            "a blank is missing behind the colon of {}",
            shown(&key)
        ));
    }
    let value = rest.trim();
    Ok((key, if value.starts_with('#') { "" } else { value }))
}

fn read_value(text: &str) -> Result<Shape, String> {
    if text.starts_with('[') {
        let (items, rest) = read_list(text, read_flow_item)?;
        end(rest)?;
        return Ok(Shape::List(items));
    }
    let (text, rest) = read_scalar(text)?;
    end(rest)?;
    Ok(Shape::Text(text))
}

/// An item of a list over several lines.
fn read_item(text: &str) -> Result<Item, String> {
    let (item, rest) = match text.starts_with('[') {
        true => read_flow_item(text)?,
        false => read_scalar(text).map(|(text, rest)| (Item::One(text), rest))?,
    };
    end(rest)?;
    Ok(item)
}

/// `[a, "b"]`: the items, and what is behind the bracket.
fn read_list<'a, T>(
    text: &'a str,
    read: fn(&'a str) -> Result<(T, &'a str), String>,
) -> Result<(Vec<T>, &'a str), String> {
    let mut rest = text.strip_prefix('[').unwrap_or(text).trim_start();
    let mut items = Vec::new();
    loop {
        if let Some(behind) = rest.strip_prefix(']') {
            return Ok((items, behind));
        }
        let (item, behind) = read(rest)?;
        items.push(item);
        let behind = behind.trim_start();
        rest = match behind.strip_prefix(',') {
            Some(next) => next.trim_start(),
            None if behind.starts_with(']') => behind,
            None => return Err("a list is not closed".into()),
        };
    }
}

/// An item of a list on one line: text, or a list of texts.
fn read_flow_item(text: &str) -> Result<(Item, &str), String> {
    if text.starts_with('[') {
        return read_list(text, read_flow_text).map(|(texts, rest)| (Item::All(texts), rest));
    }
    read_flow_text(text).map(|(text, rest)| (Item::One(text), rest))
}

fn read_flow_text(text: &str) -> Result<(String, &str), String> {
    if text.starts_with(['"', '\'']) {
        return read_quoted(text);
    }
    refuse_indicator(text)?;
    let (plain, rest) = text.split_at(text.find([',', ']', '[', '{', '}']).unwrap_or(text.len()));
    Ok((plain.trim_end().to_owned(), rest))
}

/// Text in quotes, or up to a comment or the end of the line.
fn read_scalar(text: &str) -> Result<(String, &str), String> {
    if text.starts_with(['"', '\'']) {
        return read_quoted(text);
    }
    refuse_indicator(text)?;
    let (plain, rest) = text.split_at(text.find(" #").unwrap_or(text.len()));
    if plain.contains(": ") || plain.ends_with(':') {
        return Err(format!(
            "{} has a colon with a blank behind it: quote it",
            shown(plain)
        ));
    }
    Ok((plain.trim_end().to_owned(), rest))
}

/// What means something else to YAML than the text it is. `!` alone would be a tag without text,
/// and let everybody pass.
fn refuse_indicator(text: &str) -> Result<(), String> {
    let Some(first) = text
        .chars()
        .next()
        .filter(|c| "!&*|>@`%{}[],?-#".contains(*c))
    else {
        return Ok(());
    };
    Err(format!(
        "{} begins with {first:?}, which YAML takes for itself: quote it",
        shown(text)
    ))
}

/// Nothing but a comment may follow.
fn end(rest: &str) -> Result<(), String> {
    let trimmed = rest.trim_start();
    if trimmed.is_empty() || (trimmed.starts_with('#') && trimmed.len() < rest.len()) {
        return Ok(());
    }
    Err(format!("{} follows what was complete", shown(trimmed)))
}

/// The text between the quotes that `text` begins with, and what is behind them.
fn read_quoted(text: &str) -> Result<(String, &str), String> {
    let mut chars = text.chars();
    let quote = chars.next();
    let single = quote == Some('\'');
    let mut found = String::new();
    while let Some(c) = chars.next() {
        if Some(c) == quote {
            if !(single && chars.as_str().starts_with('\'')) {
                return Ok((found, chars.as_str()));
            }
            chars.next();
        }
        if c == '\\' && !single {
            found.push(escaped(&mut chars)?);
            continue;
        }
        found.push(c);
    }
    Err(format!("the quotes of {} are not closed", shown(text)))
}

/// The character that `\x` stands for; `chars` is behind the backslash.
fn escaped(chars: &mut std::str::Chars<'_>) -> Result<char, String> {
    let digits = match chars.next() {
        Some(c @ ('"' | '\\' | '/' | ' ')) => return Ok(c),
        Some('n') => return Ok('\n'),
        Some('t') => return Ok('\t'),
        Some('r') => return Ok('\r'),
        Some('0') => return Ok('\0'),
        Some('x') => 2,
        Some('u') => 4,
        Some('U') => 8,
        other => return Err(format!("unknown escape \\{}", other.unwrap_or(' '))),
    };
    let code: String = chars.by_ref().take(digits).collect();
    let code = u32::from_str_radix(&code, 16).ok().and_then(char::from_u32);
    code.ok_or_else(|| "an escape that is no character".into())
}
