//! "Did you mean …?"

/// The name among `known` that `written` was probably meant to be.
pub(super) fn nearest<'a>(written: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let typed = written.to_lowercase();
    let (mistakes, name) = known
        .into_iter()
        .map(|name| (distance(&typed, &name.to_lowercase()), name))
        .min_by_key(|(mistakes, _)| *mistakes)?;
    // a third of the letters wrong is a slip; more is another word
    (mistakes <= typed.chars().count().max(3) / 3).then_some(name)
}

/// Letters to insert, remove or replace to make one of the other (Levenshtein), a row at a time.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, letter) in a.chars().enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], i + 1);
        for (j, other) in b.iter().enumerate() {
            let replaced = diagonal + usize::from(letter != *other);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slips_are_understood_and_other_words_are_not() {
        let known = ["api", "webapi", "admin", "leg_timeout", "API_OK"];
        for (written, expected) in [
            ("apl", Some("api")),
            ("leg_timout", Some("leg_timeout")),
            ("leg-timeout", Some("leg_timeout")),
            ("wbeapi", Some("webapi")),
            ("api_ok", Some("API_OK")),
            ("tls", None),
            ("directory", None),
            ("", None),
        ] {
            assert_eq!(nearest(written, known), expected, "{written}");
        }
        assert_eq!(nearest("api", []), None);
    }

    #[test]
    fn distances_count_each_mistake_once() {
        for (a, b, expected) in [("", "abc", 3), ("abc", "abc", 0), ("kitten", "sitting", 3), ("ab", "ba", 2)]
        {
            assert_eq!(distance(a, b), expected, "{a} {b}");
            assert_eq!(distance(b, a), expected, "{b} {a}");
        }
    }
}
