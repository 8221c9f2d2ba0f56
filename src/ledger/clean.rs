//! What must not stand in a ledger, taken out of texts that clients and cores have sent.

/// Letters of one text at most.
const MAX_LETTERS: usize = 200;
/// How many digits a card number has.
const CARD_DIGITS: std::ops::RangeInclusive<usize> = 13..=19;
/// Letters of the longest one, with a space between any two digits.
const LONGEST: usize = 2 * *CARD_DIGITS.end();
/// How many of them may be shown.
const SHOWN: usize = 4;

/// A text without control characters, of bounded length, with the digits of what could be a card number covered but
/// for the last four.
pub(crate) fn clean(text: &str) -> String {
    let printable = |c: char| if c.is_control() { char::REPLACEMENT_CHARACTER } else { c };
    // A number that the cut would go through is looked at as a whole.
    let mut letters: Vec<char> = text.chars().take(MAX_LETTERS + LONGEST).map(printable).collect();
    let mut at = 0;
    while at < letters.len() {
        let digits = number_at(&letters[at..]);
        let next = at + digits.last().map_or(1, |last| last + 1);
        let cards = groups(&digits).filter(|card| could_be_card(&letters[at..], card));
        let covered: Vec<_> = cards.flat_map(|card| &card[..card.len() - SHOWN]).collect();
        covered.into_iter().for_each(|digit| letters[at + digit] = '*');
        at = next;
    }
    letters.into_iter().take(MAX_LETTERS).collect()
}

/// The places of the digits of a number that a text begins with, written with single spaces or hyphens or without.
fn number_at(letters: &[char]) -> Vec<usize> {
    let mut digits: Vec<usize> = Vec::new();
    for (at, letter) in letters.iter().enumerate() {
        let is_between = matches!(letter, ' ' | '-') && digits.last().is_some_and(|last| last + 1 == at);
        if letter.is_ascii_digit() {
            digits.push(at);
        } else if !is_between {
            break;
        }
    }
    digits
}

/// All runs of digits that begin and end where a space, a hyphen or the number's own end is.
fn groups(digits: &[usize]) -> impl Iterator<Item = &[usize]> {
    let is_cut = |at: &usize| *at == 0 || *at == digits.len() || digits[at - 1] + 1 != digits[*at];
    let cuts = move || (0..=digits.len()).filter(is_cut);
    cuts().flat_map(move |from| cuts().filter(move |to| *to > from).map(move |to| &digits[from..to]))
}

/// Whether the check digit is right, as that of every card number is, and one in ten of others'.
fn could_be_card(letters: &[char], digits: &[usize]) -> bool {
    let values = digits.iter().rev().filter_map(|at| letters[*at].to_digit(10));
    let sum: u32 = values
        .enumerate()
        .map(|(place, digit)| if place % 2 == 0 { digit } else { digit * 2 / 10 + digit * 2 % 10 })
        .sum();
    CARD_DIGITS.contains(&digits.len()) && sum.is_multiple_of(10)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn card_numbers_are_covered_and_device_numbers_are_not() {
        for (text, cleaned) in [
            ("7001", "7001"),
            ("SYS_USER=jdoe", "SYS_USER=jdoe"),
            ("4111111111111111", "************1111"),
            ("4111 1111 1111 1111", "**** **** **** 1111"),
            ("DEVICEALIAS=4111-1111-1111-1111!", "DEVICEALIAS=****-****-****-1111!"),
            ("1 4111111111111111 07", "1 ************1111 07"),
            ("4111111111111112", "4111111111111112"),
            ("+4930123456789", "+4930123456789"),
            ("a\0b\r\nc", "a\u{fffd}b\u{fffd}\u{fffd}c"),
            ("", ""),
        ] {
            assert_eq!(clean(text), cleaned);
        }
        assert_eq!(clean(&"é".repeat(500)).chars().count(), 200);
        let across_the_cut = format!("{} 4111111111111111", "é".repeat(187));
        assert!(clean(&across_the_cut).ends_with(" ************"));
    }
}
