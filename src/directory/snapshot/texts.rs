//! Texts in little memory. A million devices have millions of short texts, and a `String` each would cost several
//! times what is in it, and a wait for memory each time it is looked at.

use super::{SnapshotFull, fold};

/// Bytes of a name that stand in its row.
const INLINE: usize = 23;

/// A text by which rows are found. It stands in its row if it is short, as nearly all are: who has the row has the
/// name.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Name {
    /// How long it is, or [`LONG`]: then the bytes are those of a [`Text`].
    length: u8,
    bytes: [u8; INLINE],
}

impl Name {
    pub(super) const NONE: Self = Self { length: 0, bytes: [0; INLINE] };

    pub(super) const fn is_empty(&self) -> bool {
        self.length == 0
    }
}

/// Where a text stands in its [`Texts`]. Zero is the empty text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Text(u32);

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
        let bytes = match &self.0[text.0 as usize..] {
            [LONG, a, b, c, d, rest @ ..] => &rest[..u32::from_le_bytes([*a, *b, *c, *d]) as usize],
            [length, rest @ ..] => &rest[..usize::from(*length)],
            [] => &[],
        };
        str::from_utf8(bytes).unwrap_or_default()
    }

    pub(super) fn push_name(&mut self, name: &str) -> Result<Name, SnapshotFull> {
        let mut bytes = [0; INLINE];
        match (bytes.get_mut(..name.len()), u8::try_from(name.len())) {
            (Some(room), Ok(length)) => {
                room.copy_from_slice(name.as_bytes());
                Ok(Name { length, bytes })
            }
            _ => {
                bytes[..4].copy_from_slice(&self.push(name)?.0.to_le_bytes());
                Ok(Name { length: LONG, bytes })
            }
        }
    }

    pub(super) fn name<'a>(&'a self, name: &'a Name) -> &'a str {
        match name.bytes.get(..usize::from(name.length)) {
            Some(inline) => str::from_utf8(inline).unwrap_or_default(),
            None => self.get(Text(u32::from_le_bytes(*name.bytes.first_chunk().unwrap_or(&[0; 4])))),
        }
    }

    /// Whether a name is this one without regard to case.
    pub(super) fn is(&self, name: &Name, other: &str) -> bool {
        // Most are written as they are kept, and bytes are compared faster than characters.
        let inline = name.bytes.get(..usize::from(name.length));
        inline == Some(other.as_bytes()) || fold::same(self.name(name), other)
    }

    pub(super) fn shrink(&mut self) {
        self.0.shrink_to_fit();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_and_names_of_any_length_come_back() {
        let mut texts = Texts::default();
        let lengths = [0, 1, 22, 23, 24, 254, 255, 256, 70_000];
        let written: Vec<_> = lengths.map(|n| "é".repeat(n / 2) + &"x".repeat(n % 2)).into();
        let places: Vec<_> = written.iter().map(|text| texts.push(text).expect("there is room")).collect();
        let names: Vec<_> =
            written.iter().map(|text| texts.push_name(text).expect("there is room")).collect();
        for ((place, name), text) in places.iter().zip(&names).zip(&written) {
            assert_eq!((texts.get(*place), texts.name(name)), (text.as_str(), text.as_str()));
            assert!(texts.is(name, &text.to_uppercase()) && !texts.is(name, &format!("{text}x")));
            assert_eq!(name.is_empty(), text.is_empty());
        }
    }
}
