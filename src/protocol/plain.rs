//! The form that nearly every message has: elements one behind the other, none inside another, without attributes and
//! with nothing that stands for something else. It is found and read in one pass; [`super::frame`] finds any other, and
//! [`super::xml`] reads it.

use std::ops::Range;

use memchr::memchr2;

use super::fields::{Fields, Text};
use super::xml::Bounds;

/// The message of that form that `input` begins with: its fields, as [`super::xml`] would read them too, and its length.
/// `None` of any other, of one that has a fault, and of one that is not there to its end.
pub(super) fn cut(input: &[u8], root: &str, bounds: Bounds) -> Option<(Fields, usize)> {
    let mut at = Cursor { input, at: 0 };
    let name = at.start_tag()?;
    if !name.eq_ignore_ascii_case(root.as_bytes()) || bounds.max_depth < 2 {
        return None;
    }
    let mut fields = Fields::with_room();
    loop {
        at.skip_space();
        if at.is_at(b"</") {
            break;
        }
        if fields.len() == bounds.max_fields {
            return None;
        }
        let (name, value) = at.element()?;
        fields.push_part(&input[name.clone()], part(name)?, part(value)?);
    }
    at.end_tag(name)?;
    let source = str::from_utf8(&input[..at.at]).ok()?;
    Some((fields.with_source(source.into()), at.at))
}

/// A place in a message.
struct Cursor<'i> {
    input: &'i [u8],
    at: usize,
}

impl<'i> Cursor<'i> {
    fn rest(&self) -> &'i [u8] {
        &self.input[self.at..]
    }

    fn is_at(&self, what: &[u8]) -> bool {
        self.rest().starts_with(what)
    }

    fn skip_space(&mut self) {
        self.at += self.rest().iter().take_while(|byte| is_space(**byte)).count();
    }

    /// Where the name and the value of the next element stand.
    fn element(&mut self) -> Option<(Range<usize>, Range<usize>)> {
        let name_from = self.at + 1;
        let name = self.start_tag()?;
        let from = self.at;
        self.at += memchr2(b'<', b'&', self.rest())?;
        let value = value(self.input, from..self.at)?;
        self.end_tag(name)?;
        Some((name_from..name_from + name.len(), value))
    }

    fn start_tag(&mut self) -> Option<&'i [u8]> {
        let rest = self.rest().strip_prefix(b"<")?;
        let name = &rest[..rest.iter().position(|byte| !is_name_byte(*byte))?];
        self.at += name.len() + 2;
        let is_name = name.first().is_some_and(|first| first.is_ascii_alphabetic() || *first == b'_');
        (is_name && rest[name.len()] == b'>').then_some(name)
    }

    fn end_tag(&mut self, name: &[u8]) -> Option<()> {
        let tag = self.rest().get(..name.len() + 3)?;
        self.at += tag.len();
        (tag.starts_with(b"</") && tag.ends_with(b">") && &tag[2..tag.len() - 1] == name).then_some(())
    }
}

/// A value without the white space around it, if it holds nothing that must be looked at more closely: control
/// characters, white space beyond ASCII at an end, and what Unicode has no character for.
fn value(input: &[u8], Range { start, end }: Range<usize>) -> Option<Range<usize>> {
    let raw = &input[start..end];
    let value = raw.trim_ascii();
    if value.is_empty() {
        return Some(0..0);
    }
    let is_beyond = |byte: Option<&u8>| byte.is_some_and(|byte| !byte.is_ascii());
    let is_odd = |byte: &u8| *byte == 0xEF || *byte < b' ' && !is_space(*byte);
    if is_beyond(value.first()) || is_beyond(value.last()) || value.iter().any(is_odd) {
        return None;
    }
    let from = start + (raw.len() - raw.trim_ascii_start().len());
    Some(from..from + value.len())
}

fn part(range: Range<usize>) -> Option<Text> {
    Some(Text::Part(u32::try_from(range.start).ok()?..u32::try_from(range.end).ok()?))
}

const fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\r' | b'\n')
}

/// Those of the ASCII characters that a name may have.
fn is_name_byte(byte: u8) -> bool {
    NAME_BYTES[usize::from(byte)]
}

/// Which bytes these are: looked up, since each byte of each name is asked about.
static NAME_BYTES: [bool; 256] = {
    let mut table = [false; 256];
    let mut byte = 0;
    while byte < 128_u8 {
        table[byte as usize] = byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.' | b':');
        byte += 1;
    }
    table
};

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use tokio_util::codec::Decoder;

    use super::super::frame::{Frame, FrameDecoder};
    use super::super::xml;
    use super::*;

    const BOUNDS: Bounds = Bounds { max_fields: 3, max_depth: 4 };

    /// Pieces that messages are made of, usual ones and those that this form has no room for.
    const PIECES: [&str; 27] = [
        "<REQUEST>",
        "</REQUEST>",
        "<TYPE>",
        "</TYPE>",
        "<a:b-c.1>",
        "</a:b-c.1>",
        "<X/>",
        "<É>",
        "</É>",
        " ",
        "\r\n\t",
        "7001",
        "x é😀 x",
        "é",
        "a b",
        "&amp;",
        "& ",
        ">",
        "\"",
        "\u{1}",
        "\u{B}",
        "\u{C}",
        "a\u{FFFF}b",
        "\u{3000}",
        "<!-- -->",
        "<![CDATA[x]]>",
        "<b y='1'>",
    ];

    fn views(fields: &Fields) -> Vec<(&str, &str)> {
        fields.iter().map(|field| (field.name, field.value)).collect()
    }

    #[test]
    fn the_usual_message_is_of_this_form() {
        let message =
            "<request>\r\n<TYPE> CALLSTART </TYPE>\n\t<USER1>x é x</USER1><USER2></USER2> </request>\r\n";
        let (fields, len) = cut(message.as_bytes(), "REQUEST", BOUNDS).expect("it is");
        assert_eq!(views(&fields), [("TYPE", "CALLSTART"), ("USER1", "x é x"), ("USER2", "")]);
        assert_eq!(&message[len..], "\r\n");
        assert!((0..len).all(|len| cut(&message.as_bytes()[..len], "REQUEST", BOUNDS).is_none()));
    }

    /// What this form has, the others find and read as well.
    fn agrees(message: &str) -> Result<(), TestCaseError> {
        let Some((fields, len)) = cut(message.as_bytes(), "REQUEST", BOUNDS) else { return Ok(()) };
        let found = FrameDecoder::new(10_000).decode(&mut message.as_bytes().into());
        prop_assert_eq!(
            found.expect("it cannot fail"),
            Some(Frame::Message(message[..len].to_owned().into()))
        );
        prop_assert_eq!(
            fields,
            xml::read_any(message[..len].into(), "REQUEST", BOUNDS).expect("it is well-formed")
        );
        Ok(())
    }

    proptest! {
        #[test]
        fn all_readers_agree(pieces in prop::collection::vec(prop::sample::select(&PIECES[..]), 0..12), whole: bool) {
            let inside: String = pieces.concat();
            agrees(&if whole { format!("<REQUEST>{inside}</REQUEST>") } else { inside })?;
        }

        #[test]
        fn all_readers_agree_on_whole_elements(
            elements in prop::collection::vec(("[A-Z_1.:é-]{0,3}", prop::sample::select(&PIECES[..]), "[ x]{0,2}"), 0..5)
        ) {
            let element = |(name, value, more): &(String, &str, String)| format!("<{name}>{more}{value}{more}</{name}>");
            let inside: String = elements.iter().map(element).collect();
            agrees(&format!("<REQUEST>{inside}</REQUEST>"))?;
        }
    }
}
