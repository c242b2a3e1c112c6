//! Which known name somebody meant.

/// The candidate that is fewest edits away from `name`, if it is near enough to be meant.
pub(crate) fn nearest<'a>(name: &str, candidates: &[&'a str]) -> Option<&'a str> {
    let name: Vec<char> = name.chars().collect();
    let distance = |candidate: &&str| distance(&name, &candidate.chars().collect::<Vec<_>>());
    let best = candidates
        .iter()
        .copied()
        .min_by_key(|candidate| (distance(candidate), *candidate));
    best.filter(|best| distance(best) <= 1 + name.len() / 4)
}

/// Insertions, removals and replacements that turn one into the other.
fn distance(one: &[char], other: &[char]) -> usize {
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (above, left) in one.iter().enumerate() {
        let mut diagonal = above;
        row[0] = above + 1;
        for (column, right) in other.iter().enumerate() {
            let replaced = diagonal + usize::from(left != right);
            diagonal = row[column + 1];
            row[column + 1] = replaced.min(diagonal + 1).min(row[column] + 1);
        }
    }
    row[other.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_what_was_meant() {
        let names = ["bind_host", "bind_port", "backlog"];
        assert_eq!(nearest("bindport", &names), Some("bind_port"));
        assert_eq!(nearest("bakclog", &names), Some("backlog"));
        assert_eq!(nearest("colour", &names), None);
        assert_eq!(nearest("x", &[]), None);
    }
}
