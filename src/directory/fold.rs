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
    a == b || a.eq_ignore_ascii_case(b) || !(a.is_ascii() && b.is_ascii()) && characters(a).eq(characters(b))
}

/// A hash that is equal for names that are the [`same`]. Allocates nothing.
#[must_use]
pub fn hash(text: &str) -> u64 {
    let mut hasher = SEED.build_hasher();
    let (words, rest) = text.as_bytes().as_chunks::<8>();
    let mut all = 0;
    for word in words.iter().map(|word| u64::from_le_bytes(*word)) {
        all |= word;
        hasher.write_u64(lower(word));
    }
    let last = last_word(rest);
    if (all | last) & NOT_ASCII != 0 {
        return hash_any(text);
    }
    finish(hasher, lower(last), text.len())
}

/// A hash of a number that stands beside names, a USERID.
#[must_use]
pub fn hash_number(number: i64) -> u64 {
    SEED.hash_one(number)
}

fn characters(text: &str) -> impl Iterator<Item = char> {
    text.chars().flat_map(char::to_lowercase)
}

/// The hash of a text outside ASCII. Its folded form is cut into words as above, for it may lie inside ASCII: the
/// Kelvin sign is a `k`.
fn hash_any(text: &str) -> u64 {
    let mut hasher = SEED.build_hasher();
    let (mut word, mut length) = ([0; 8], 0);
    for character in characters(text) {
        for byte in character.encode_utf8(&mut [0; 4]).bytes() {
            word[length % 8] = byte;
            length += 1;
            if length % 8 == 0 {
                hasher.write_u64(u64::from_le_bytes(word));
                word = [0; 8];
            }
        }
    }
    finish(hasher, u64::from_le_bytes(word), length)
}

fn finish(mut hasher: impl Hasher, last: u64, length: usize) -> u64 {
    hasher.write_u64(last);
    hasher.write_u64(length as u64);
    hasher.finish()
}

/// Fewer than eight bytes as a word, filled up with zeros.
fn last_word(bytes: &[u8]) -> u64 {
    bytes.iter().rev().fold(0, |word, byte| word << 8 | u64::from(*byte))
}

/// Which bytes of a word are not ASCII.
const NOT_ASCII: u64 = u64::from_ne_bytes([0x80; 8]);

/// Eight bytes at once: the upper-case letters of ASCII as lower-case ones, all others as they are.
const fn lower(word: u64) -> u64 {
    const fn all(byte: u8) -> u64 {
        u64::from_ne_bytes([byte; 8])
    }
    let low = word & all(0x7f);
    let from_a = low + all(0x80 - b'A');
    let behind_z = low + all(0x7f - b'Z');
    let is_upper = from_a & !behind_z & !word & NOT_ASCII;
    word | is_upper >> 2
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

    #[test]
    fn a_words_upper_case_letters_become_lower_case_ones() {
        for start in 0..=u8::MAX - 7 {
            let bytes: [u8; 8] = std::array::from_fn(|n| start + u8::try_from(n).expect("small"));
            let expected = bytes.map(|byte| byte.to_ascii_lowercase());
            assert_eq!(lower(u64::from_le_bytes(bytes)).to_le_bytes(), expected);
        }
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
