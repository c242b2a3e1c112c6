//! What Pithos keeps of metadata, checked as it would: characters, not bytes, after decoding.

use std::collections::BTreeMap;

use glance_core::plankton::{
    FIXED_ITEMS, LONGEST_MEMBER, LONGEST_PROPERTY, LONGEST_VALUE, MOST_ITEMS,
};

use super::PlanktonError;

/// Checks texts one by one; how many they may be depends on what the image has already.
pub(super) fn check<'a>(
    values: impl IntoIterator<Item = &'a String>,
    properties: &'a BTreeMap<String, String>,
) -> Result<(), PlanktonError> {
    let values: Vec<&String> = values.into_iter().chain(properties.values()).collect();
    let mut texts = values.iter().copied().chain(properties.keys());
    if texts.any(|text| text.contains('\0')) {
        return Err(PlanktonError::Nul);
    }
    if properties.keys().any(|name| longer(name, LONGEST_PROPERTY)) {
        return Err(PlanktonError::KeyTooLong);
    }
    if values.iter().any(|value| longer(value, LONGEST_VALUE)) {
        return Err(PlanktonError::ValueTooLong);
    }
    Ok(())
}

/// How many properties there may be beside `items` others.
pub(super) fn properties_beside(items: u64) -> u64 {
    MOST_ITEMS.saturating_sub(items.max(FIXED_ITEMS))
}

/// Checks a member's id. Pithos verifies none, but keeps them in one line with separators.
pub(super) fn check_member(member: &str) -> Result<(), PlanktonError> {
    let separates =
        |character: char| character.is_control() || matches!(character, ',' | ';' | '=');
    if member.is_empty() || longer(member, LONGEST_MEMBER) || member.contains(separates) {
        return Err(PlanktonError::InvalidMember);
    }
    Ok(())
}

fn longer(text: &str, most: usize) -> bool {
    text.chars().nth(most).is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcome(name: &str, value: &str) -> Result<(), PlanktonError> {
        let properties = BTreeMap::from([(name.to_owned(), value.to_owned())]);
        check([&"name".to_owned()], &properties)
    }

    #[test]
    fn counts_characters() {
        assert!(outcome(&"é".repeat(93), &"é".repeat(256)).is_ok());
        let refused = outcome("k", &"v".repeat(257));
        assert!(matches!(refused, Err(PlanktonError::ValueTooLong)));
        let refused = outcome(&"k".repeat(94), "v");
        assert!(matches!(refused, Err(PlanktonError::KeyTooLong)));
        assert!(matches!(outcome("k", "\0"), Err(PlanktonError::Nul)));
        let name = "n".repeat(257);
        let refused = check([&name], &BTreeMap::new());
        assert!(matches!(refused, Err(PlanktonError::ValueTooLong)));
        assert_eq!(properties_beside(0), 28);
        assert_eq!(properties_beside(6), 26);
    }

    #[test]
    fn a_member_is_any_text_that_fits_in_a_list() {
        for member in ["no-such-user", "bob@example.org", "bé", "uuid:friends", "*"] {
            assert!(check_member(member).is_ok());
        }
        let long = "a".repeat(257);
        for member in ["", "a,b", "a;write=b", "a\nb", &long] {
            assert!(check_member(member).is_err());
        }
    }
}
