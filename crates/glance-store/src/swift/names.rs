//! The names of containers, objects and segments.

use glance_core::id::ImageId;

/// The mark of one upload: it keeps the segments of two uploads of one image apart.
pub(super) fn new_mark() -> String {
    let mut bytes = [0; 8];
    // Without chance a mark is merely not unique; the manifest is published once all the same.
    let _ = getrandom::fill(&mut bytes);
    format!("{:016x}", u64::from_be_bytes(bytes))
}

/// A segment. Glance's own are `<id>-00001`, so a prefix finds all.
pub(super) fn segment(id: &ImageId, mark: &str, number: u32) -> String {
    format!("{id}-{mark}-{number:05}")
}

/// A manifest of segments that is a part of the image's manifest.
pub(super) fn manifest(id: &ImageId, mark: &str, number: u32) -> String {
    format!("{id}-{mark}-m{number:05}")
}

/// The container of an image: Glance adds the first `seed` characters of the id, dashes not counted
/// but kept (in their lower case).
pub(super) fn container(base: &str, id: &ImageId, seed: u8) -> String {
    if seed == 0 {
        return base.to_owned();
    }
    let id = id.as_str().to_lowercase();
    let seed = usize::from(seed);
    let dashes = id.bytes().take(seed).filter(|byte| *byte == b'-').count();
    format!("{base}_{}", &id[..(seed + dashes).min(id.len())])
}

/// What the name of an object says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Name<'a> {
    /// An image.
    Image(ImageId),
    /// A segment of an upload of an image, by its mark; Glance's have none.
    Segment(ImageId, &'a str),
    /// Nothing to us.
    Other,
}

impl<'a> Name<'a> {
    pub(super) fn read(name: &'a str) -> Self {
        if let Ok(id) = name.parse() {
            return Self::Image(id);
        }
        for length in [36, 32] {
            let Some((id, rest)) = name.split_at_checked(length) else {
                continue;
            };
            let (Ok(id), Some(rest)) = (id.parse(), rest.strip_prefix('-')) else {
                continue;
            };
            return match rest.split_once('-') {
                None if is_number(rest) => Self::Segment(id, ""),
                Some((mark, number))
                    if is_mark(mark) && is_number(number.strip_prefix('m').unwrap_or(number)) =>
                {
                    Self::Segment(id, mark)
                }
                _ => Self::Other,
            };
        }
        Self::Other
    }
}

fn is_number(text: &str) -> bool {
    text.len() >= 5 && text.bytes().all(|byte| byte.is_ascii_digit())
}

fn is_mark(text: &str) -> bool {
    text.len() == 16 && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_containers_as_glance_does() {
        let id: ImageId = "FDAE39A1-bac5-4238-aba4-69bcc726e848".parse().unwrap();
        for (seed, expected) in [
            (0, "glance"),
            (3, "glance_fda"),
            (10, "glance_fdae39a1-ba"),
            (32, "glance_fdae39a1-bac5-4238-aba4-69bcc726e848"),
        ] {
            assert_eq!(container("glance", &id, seed), expected);
        }
    }

    #[test]
    fn knows_its_names_and_glances() {
        for id in [
            "fdae39a1-bac5-4238-aba4-69bcc726e848",
            "fdae39a1bac54238aba469bcc726e848",
        ] {
            let id: ImageId = id.parse().unwrap();
            let mark = new_mark();
            let (one, two) = (segment(&id, &mark, 7), manifest(&id, &mark, 123_456));
            assert_eq!(Name::read(&one), Name::Segment(id.clone(), &mark));
            assert_eq!(Name::read(&two), Name::Segment(id.clone(), &mark));
            assert_eq!(
                Name::read(&format!("{id}-00012")),
                Name::Segment(id.clone(), "")
            );
            assert_eq!(Name::read(id.as_str()), Name::Image(id.clone()));
            for other in ["-", "-1", "-abc-00001", "-x00001", "x"] {
                assert_eq!(Name::read(&format!("{id}{other}")), Name::Other, "{other}");
            }
        }
        assert_eq!(Name::read("readme"), Name::Other);
        assert_eq!(Name::read(&"é".repeat(20)), Name::Other);
    }
}
