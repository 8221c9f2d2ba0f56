//! Comparing without regard to case: people type names, and type them differently each time.
//!
//! One rule for both databases and for the snapshot: every character is replaced by its lower case as Unicode
//! has it. A database's own `lower()` would not do: SQLite's knows ASCII only, PostgreSQL's asks the locale.

use std::hash::{BuildHasher, Hasher};
use std::sync::LazyLock;

use foldhash::fast::RandomState;

/// Seeded anew in every process, so that nobody can prepare names that fall into one bucket.
static SEED: LazyLock<RandomState> = LazyLock::new(RandomState::default);

/// A name as the databases compare it.
#[must_use]
pub fn folded(text: &str) -> String {
    if text.is_ascii() { text.to_ascii_lowercase() } else { characters(text).collect() }
}

/// Whether two names are the same without regard to case. Allocates nothing.
#[must_use]
pub fn same(a: &str, b: &str) -> bool {
    a.eq_ignore_ascii_case(b) || !(a.is_ascii() && b.is_ascii()) && characters(a).eq(characters(b))
}

/// A hash that is equal for names that are the [`same`]. Allocates nothing.
#[must_use]
pub fn hash(text: &str) -> u64 {
    let mut hasher = SEED.build_hasher();
    if text.is_ascii() {
        hash_ascii(&mut hasher, text)
    } else {
        hash_any(&mut hasher, text)
    }
    hasher.finish()
}

/// A hash of a number that stands beside names, a USERID.
#[must_use]
pub fn hash_number(number: i64) -> u64 {
    SEED.hash_one(number)
}

fn characters(text: &str) -> impl Iterator<Item = char> {
    text.chars().flat_map(char::to_lowercase)
}

/// Bytes that are hashed in one go. Both ways below cut the folded text at the same places: a text outside ASCII
/// may fold to one inside it (the Kelvin sign is a `k`).
const PIECE: usize = 32;

fn hash_ascii(hasher: &mut impl Hasher, text: &str) {
    for piece in text.as_bytes().chunks(PIECE) {
        let mut lower = [0; PIECE];
        let lower = &mut lower[..piece.len()];
        lower.copy_from_slice(piece);
        lower.make_ascii_lowercase();
        hasher.write(lower);
    }
}

fn hash_any(hasher: &mut impl Hasher, text: &str) {
    let (mut piece, mut filled) = ([0; PIECE], 0);
    for character in characters(text) {
        for byte in character.encode_utf8(&mut [0; 4]).bytes() {
            piece[filled] = byte;
            filled += 1;
            if filled == PIECE {
                hasher.write(&piece);
                filled = 0;
            }
        }
    }
    if filled > 0 {
        hasher.write(&piece[..filled]);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn case_makes_no_difference_in_any_script() {
        for (a, b) in
            [("Smith.1", "sMITH.1"), ("ÅSA Öberg", "åsa ÖBERG"), ("ΣΑΣ", "σασ"), ("\u{212A}ay", "kay")]
        {
            assert!(same(a, b), "{a} {b}");
            assert_eq!(hash(a), hash(b), "{a} {b}");
            assert_eq!(folded(a), folded(b), "{a} {b}");
        }
        assert!(!same("a", "b") && !same("é", "e") && !same("", "a"));
    }

    proptest! {
        #[test]
        fn folding_comparing_and_hashing_agree(a in ".{0,80}", b in ".{0,80}") {
            prop_assert_eq!(same(&a, &b), folded(&a) == folded(&b));
            let lower = folded(&a);
            prop_assert!(same(&a, &lower));
            prop_assert_eq!(hash(&a), hash(&lower));
        }
    }
}
