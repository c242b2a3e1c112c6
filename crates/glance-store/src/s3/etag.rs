//! What an entity tag says of the data.

use crate::md5::{Md5, Md5Digest};

/// The MD5 that a tag is, if it has the form of one: 32 hexadecimal digits.
pub(super) fn md5(tag: &str) -> Option<String> {
    let tag = tag.trim_matches('"');
    let is_md5 = tag.len() == 32 && tag.bytes().all(|byte| byte.is_ascii_hexdigit());
    is_md5.then(|| tag.to_ascii_lowercase())
}

/// The tag that S3 gives to an object of these parts.
pub(super) fn of_parts(parts: &[Md5Digest]) -> String {
    let mut all = Md5::new();
    for part in parts {
        all.update(&part.0);
    }
    format!("{}-{}", all.finish(), parts.len())
}

/// Whether a tag contradicts what it should be. A tag of another form says nothing.
pub(super) fn contradicts(tag: &str, expected: &str) -> bool {
    let tag = tag.trim_matches('"');
    let form = |tag: &str| {
        let (digest, parts) = tag.split_once('-').unwrap_or((tag, ""));
        let digits = digest.len() == 32 && digest.bytes().all(|byte| byte.is_ascii_hexdigit());
        digits.then(|| parts.to_owned())
    };
    form(tag).is_some() && form(tag) == form(expected) && !tag.eq_ignore_ascii_case(expected)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn knows_an_md5_by_its_form() {
        let digest = "900150983cd24fb0d6963f7d28e17f72";
        assert_eq!(md5(&format!("\"{digest}\"")).as_deref(), Some(digest));
        assert_eq!(md5(&digest.to_uppercase()).as_deref(), Some(digest));
        assert_eq!(md5(&format!("{digest}-1")), None);
        assert_eq!(md5("\"\""), None);
    }

    #[test]
    fn computes_the_tag_of_parts() {
        let parts = [
            Md5Digest(md5::compute("a").0),
            Md5Digest(md5::compute("b").0),
        ];
        let expected = md5::compute([parts[0].0, parts[1].0].concat());
        assert_eq!(of_parts(&parts), format!("{expected:x}-2"));
    }

    #[test]
    fn only_a_tag_of_the_same_form_contradicts() {
        let digest = "900150983cd24fb0d6963f7d28e17f72";
        let other = "0".repeat(32);
        assert!(contradicts(&format!("\"{other}\""), digest));
        assert!(contradicts(&format!("{other}-2"), &format!("{digest}-2")));
        assert!(!contradicts(
            &format!("\"{}\"", digest.to_uppercase()),
            digest
        ));
        assert!(!contradicts(&format!("{other}-2"), digest));
        assert!(!contradicts("\"whatever\"", digest));
    }
}
