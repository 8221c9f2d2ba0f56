//! All texts of a layer in one piece of memory. A million devices have millions of short texts, and a `String`
//! each would cost several times what is in it.

use super::{SnapshotFull, fold};

/// Bytes of a name that stand in its slot or row.
const INLINE: usize = 23;

/// A text that stands where it is looked at, if it is short, as nearly all are: who has the slot has the name.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Name {
    /// How long it is, or [`LONG`]: then the bytes are those of a [`Text`].
    length: u8,
    bytes: [u8; INLINE],
}

impl Name {
    fn inline(name: &str) -> Option<Self> {
        let mut bytes = [0; INLINE];
        bytes.get_mut(..name.len())?.copy_from_slice(name.as_bytes());
        Some(Self { length: u8::try_from(name.len()).ok()?, bytes })
    }

    fn at(text: Text) -> Self {
        let mut bytes = [0; INLINE];
        bytes[..4].copy_from_slice(&text.0.to_le_bytes());
        Self { length: LONG, bytes }
    }

    /// The name of what has a number.
    pub(super) fn of_number(number: i64) -> Self {
        let mut bytes = [0; INLINE];
        bytes[..8].copy_from_slice(&number.to_le_bytes());
        Self { length: 8, bytes }
    }

    pub(super) fn is_number(&self, number: i64) -> bool {
        self.bytes[..8] == number.to_le_bytes()
    }
}

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
        let bytes = match &self.0[text.0 as usize..] {
            [LONG, a, b, c, d, rest @ ..] => &rest[..u32::from_le_bytes([*a, *b, *c, *d]) as usize],
            [length, rest @ ..] => &rest[..usize::from(*length)],
            [] => &[],
        };
        str::from_utf8(bytes).unwrap_or_default()
    }

    /// A text that is kept here as a name.
    pub(super) fn to_name(&self, text: Text) -> Name {
        Name::inline(self.get(text)).unwrap_or_else(|| Name::at(text))
    }

    /// A name; only what is too long for one is kept here.
    pub(super) fn push_name(&mut self, name: &str) -> Result<Name, SnapshotFull> {
        Name::inline(name).map_or_else(|| self.push(name).map(Name::at), Ok)
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
            assert_eq!(place.is_empty(), text.is_empty());
        }
    }
}
