//! Patterns of device numbers.

use std::fmt;
use std::str::FromStr;

/// The devices that a rule speaks of, in a configuration or on a command line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Pattern {
    /// `7000-7999`: numbers, both ends included, with as many digits as the bounds have.
    Range {
        /// The first number.
        first: u64,
        /// The last number.
        last: u64,
        /// Digits of a device number that can match; `None` where the bounds differ in length.
        digits: Option<usize>,
    },
    /// `61*`: every device that begins so.
    Prefix(String),
    /// `4711`: this one device.
    One(String),
}

impl Pattern {
    /// Whether the pattern speaks of this device; letters are compared without regard to case.
    #[must_use]
    pub fn matches(&self, device: &str) -> bool {
        match self {
            Self::Range { first, last, digits } => {
                digits.is_none_or(|n| n == device.len())
                    && number(device).is_some_and(|n| (*first..=*last).contains(&n))
            }
            Self::Prefix(prefix) => device
                .as_bytes()
                .get(..prefix.len())
                .is_some_and(|head| head.eq_ignore_ascii_case(prefix.as_bytes())),
            Self::One(one) => device.eq_ignore_ascii_case(one),
        }
    }
}

/// A device's number, if it is nothing but digits.
fn number(device: &str) -> Option<u64> {
    device.bytes().all(|b| b.is_ascii_digit()).then(|| device.parse().ok()).flatten()
}

impl FromStr for Pattern {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let text = text.trim();
        if text.is_empty() {
            return Err("is empty: write a range \"7000-7999\", a prefix \"61*\" or one device \"4711\"");
        }
        if let Some(prefix) = text.strip_suffix('*') {
            return Ok(Self::Prefix(prefix.into()));
        }
        let bounds = text.split_once('-').map(|(a, b)| (a.trim(), b.trim()));
        match bounds.and_then(|(a, b)| Some((a, b, number(a)?, number(b)?))) {
            Some((_, _, first, last)) if first > last => Err("ends before it begins"),
            Some((a, b, first, last)) => {
                Ok(Self::Range { first, last, digits: (a.len() == b.len()).then_some(a.len()) })
            }
            None => Ok(Self::One(text.into())),
        }
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Range { first, last, digits } => {
                let width = digits.unwrap_or(0);
                write!(f, "{first:0width$}-{last:0width$}")
            }
            Self::Prefix(prefix) => write!(f, "{prefix}*"),
            Self::One(one) => f.write_str(one),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pattern(text: &str) -> Pattern {
        text.parse().unwrap()
    }

    #[test]
    fn ranges_hold_both_ends_and_only_numbers_of_their_length() {
        let range = pattern("7000-7999");
        for (device, expected) in
            [("7000", true), ("7999", true), ("8000", false), ("07000", false), ("70a0", false), ("", false)]
        {
            assert_eq!(range.matches(device), expected, "{device}");
        }
        assert!(pattern("1-200").matches("57"));
        assert!(pattern("0001-0200").matches("0057") && !pattern("0001-0200").matches("57"));
    }

    #[test]
    fn prefixes_and_single_devices_ignore_case() {
        assert!(pattern("sip:A*").matches("SIP:abc"));
        assert!(pattern("*").matches("anything"));
        assert!(!pattern("61*").matches("6"));
        assert!(pattern("Desk-12").matches("desk-12"), "a hyphen alone makes no range");
        assert!(!pattern("4711").matches("47110"));
    }

    #[test]
    fn what_is_written_is_what_is_printed() {
        for text in ["7000-7999", "0001-0200", "61*", "4711", "DESK-1"] {
            assert_eq!(pattern(text).to_string(), text);
        }
    }

    #[test]
    fn an_unusable_pattern_says_why() {
        assert_eq!("8000-7000".parse::<Pattern>(), Err("ends before it begins"));
        assert!("  ".parse::<Pattern>().is_err());
    }
}
