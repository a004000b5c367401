//! Which known name somebody probably meant.

use std::cmp::Reverse;

/// The known name that differs least from `wrong`, unless more than every third letter of it differs. A key in
/// the wrong section is found by its own name, so `max_per_second` leads to `delivery.max_per_second`.
pub(super) fn nearest<'a>(wrong: &str, known: &'a [String]) -> Option<&'a str> {
    let own_name = |name: &str| name.rsplit('.').next().unwrap_or_default().to_owned();
    // A name with a dot of its own comes in quotes.
    let wrong = wrong.replace('"', "");
    let measured = known.iter().map(String::as_str).filter_map(|name| {
        let (wrong_own, own) = (own_name(&wrong), own_name(name));
        let whole = Some(distance(&wrong, name)).filter(|edits| 3 * edits <= wrong.len());
        // The section that it is missing is one more.
        let own = Some(distance(&wrong_own, &own))
            .filter(|edits| 3 * edits <= wrong_own.len())
            .map(|edits| edits + 1);
        let edits = whole.into_iter().chain(own).min()?;
        Some((name, (edits, Reverse(common_start(&wrong, name)))))
    });
    let nearest = measured.min_by_key(|(_, distance)| *distance)?;
    Some(nearest.0)
}

fn common_start(one: &str, other: &str) -> usize {
    one.chars()
        .zip(other.chars())
        .take_while(|(a, b)| a == b)
        .count()
}

/// How many characters have to be added, removed or replaced.
fn distance(from: &str, to: &str) -> usize {
    let to: Vec<char> = to.chars().collect();
    let mut above: Vec<usize> = (0..=to.len()).collect();
    for (row, letter) in from.chars().enumerate() {
        let mut left = row + 1;
        let mut corner = row;
        for (column, other) in to.iter().enumerate() {
            let replaced = corner + usize::from(letter != *other);
            corner = above[column + 1];
            above[column] = left;
            left = replaced.min(corner + 1).min(left + 1);
        }
        above[to.len()] = left;
    }
    above[to.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distances_are_symmetric_and_count_edits() {
        for (one, other, edits) in [
            ("", "", 0),
            ("", "abc", 3),
            ("interval", "intervall", 1),
            ("kitten", "sitting", 3),
            ("timeout", "timeout", 0),
        ] {
            assert_eq!(distance(one, other), edits, "{one} {other}");
            assert_eq!(distance(other, one), edits, "{other} {one}");
        }
    }
}
