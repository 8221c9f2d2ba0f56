//! All texts of a layer in one piece of memory. A million devices have millions of short texts, and a `String`
//! each would cost several times what is in it.

use super::{SnapshotFull, fold};

/// Where a text stands in its [`Texts`]. Zero is the empty text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Text(u32);

impl Text {
    pub(super) const fn is_empty(self) -> bool {
        self.0 == 0
    }
}

/// The texts, each behind its length.
#[derive(Debug)]
pub(super) struct Texts(Vec<u8>);

/// The length byte that says: four bytes of length follow.
const LONG: u8 = u8::MAX;

impl Default for Texts {
    fn default() -> Self {
        Self(vec![0])
    }
}

impl Texts {
    pub(super) fn push(&mut self, text: &str) -> Result<Text, SnapshotFull> {
        if text.is_empty() {
            return Ok(Text::default());
        }
        let at = u32::try_from(self.0.len()).map_err(|_| SnapshotFull)?;
        match u8::try_from(text.len()) {
            Ok(short) if short != LONG => self.0.push(short),
            _ => {
                let long = u32::try_from(text.len()).map_err(|_| SnapshotFull)?;
                self.0.push(LONG);
                self.0.extend_from_slice(&long.to_le_bytes());
            }
        }
        self.0.extend_from_slice(text.as_bytes());
        Ok(Text(at))
    }

    pub(super) fn get(&self, text: Text) -> &str {
        str::from_utf8(self.bytes(text)).unwrap_or_default()
    }

    /// Whether a text is this one without regard to case.
    pub(super) fn is(&self, text: Text, other: &str) -> bool {
        // Most are written as they are kept, and bytes are compared faster than characters.
        self.bytes(text) == other.as_bytes() || fold::same(self.get(text), other)
    }

    fn bytes(&self, text: Text) -> &[u8] {
        match &self.0[text.0 as usize..] {
            [LONG, a, b, c, d, rest @ ..] => &rest[..u32::from_le_bytes([*a, *b, *c, *d]) as usize],
            [length, rest @ ..] => &rest[..usize::from(*length)],
            [] => &[],
        }
    }

    pub(super) fn shrink(&mut self) {
        self.0.shrink_to_fit();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_of_any_length_come_back() {
        let mut texts = Texts::default();
        let written: Vec<_> =
            [0, 1, 254, 255, 256, 70_000].map(|n| "é".repeat(n / 2) + &"x".repeat(n % 2)).into();
        let places: Vec<_> = written.iter().map(|text| texts.push(text).expect("there is room")).collect();
        for (place, text) in places.iter().zip(&written) {
            assert_eq!(texts.get(*place), text);
            assert_eq!(place.is_empty(), text.is_empty());
        }
    }
}
