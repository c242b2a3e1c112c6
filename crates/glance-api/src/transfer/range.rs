//! Which part of the data a `Range` header asks for (RFC 9110, section 14).

use glance_store::store::ByteRange;

/// What a `Range` header comes to for data of a known size.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Requested {
    /// Everything: the header is none that we follow.
    ///
    /// Several ranges at once are such a case: the standard allows the whole as the answer, and
    /// nobody can make the service assemble thousands of parts.
    Whole,
    /// A part: 206.
    Part(ByteRange),
    /// Nothing that there is: 416.
    Unsatisfiable,
}

/// What `header` asks for of `size` bytes.
pub(crate) fn requested(header: &str, size: u64) -> Requested {
    let Some((unit, set)) = header.split_once('=') else {
        return Requested::Whole;
    };
    if !unit.trim().eq_ignore_ascii_case("bytes") {
        return Requested::Whole;
    }
    let Some((first, last)) = set.trim().split_once('-') else {
        return Requested::Whole;
    };
    match (number(first), number(last)) {
        (Some(first), Some(last)) if first <= last => {
            part(first, (last - first).saturating_add(1), size)
        }
        (Some(first), None) if last.is_empty() => part(first, u64::MAX, size),
        (None, Some(suffix)) if first.is_empty() => {
            let length = suffix.min(size);
            part(size - length, length, size)
        }
        _ => Requested::Whole,
    }
}

fn part(offset: u64, length: u64, size: u64) -> Requested {
    if offset >= size || length == 0 {
        return Requested::Unsatisfiable;
    }
    Requested::Part(ByteRange {
        offset,
        length: length.min(size - offset),
    })
}

/// Digits only; more than 64 bits count as the largest number.
fn number(text: &str) -> Option<u64> {
    if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    Some(text.parse().unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn part_of_ten(header: &str) -> Option<(u64, u64)> {
        match requested(header, 10) {
            Requested::Part(range) => Some((range.offset, range.length)),
            Requested::Whole | Requested::Unsatisfiable => None,
        }
    }

    #[test]
    fn finds_the_part() {
        for (header, expected) in [
            ("bytes=0-0", (0, 1)),
            ("bytes=2-4", (2, 3)),
            ("bytes=7-", (7, 3)),
            ("bytes=7-99999999999999999999999", (7, 3)),
            ("bytes=-3", (7, 3)),
            ("bytes=-30", (0, 10)),
            ("Bytes = 0-9", (0, 10)),
        ] {
            assert_eq!(part_of_ten(header), Some(expected), "{header}");
        }
    }

    #[test]
    fn knows_what_is_not_there() {
        for header in [
            "bytes=10-",
            "bytes=10-20",
            "bytes=-0",
            "bytes=99999999999999999999-",
        ] {
            assert_eq!(requested(header, 10), Requested::Unsatisfiable, "{header}");
        }
        for header in ["bytes=0-", "bytes=-1"] {
            assert_eq!(requested(header, 0), Requested::Unsatisfiable, "{header}");
        }
    }

    #[test]
    fn ignores_what_it_does_not_follow() {
        for header in [
            "",
            "bytes",
            "bytes=",
            "bytes=-",
            "bytes=a-b",
            "bytes=5-4",
            "bytes=1-x",
            "lines=1-2",
            "bytes=0-1,4-5",
            "bytes=--1",
            "bytes=+1-2",
        ] {
            assert_eq!(requested(header, 10), Requested::Whole, "{header}");
        }
    }
}
