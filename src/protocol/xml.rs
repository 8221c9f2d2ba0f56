//! One XML message to [`Fields`], as forgiving as the vendor's own examples need, and no more.

use std::borrow::Cow;
use std::ops::Range;

use quick_xml::Reader;
use quick_xml::events::{BytesRef, BytesStart, Event};

use super::fields::{Fields, Text};
use super::markup::{self, canonical, is_name};
use super::plain;
use super::write::{NO_CHARACTERS, is_forbidden};

/// Bounds on what one message may cost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// Elements below the root element.
    pub max_fields: usize,
    /// Elements inside elements, the root included.
    pub max_depth: usize,
}

/// Bounds on what one RESULT of a core may cost; a DEVICELIST is long and not deep.
pub const RESULT_BOUNDS: Bounds = Bounds { max_fields: 100_000, max_depth: 16 };

/// A message that cannot be used: what is wrong and where, and the fields read up to there.
#[derive(Debug, thiserror::Error)]
#[error("{reason}")]
pub struct Malformed {
    /// What is wrong and where.
    pub reason: String,
    /// What was read before, so that the answer can name the request.
    pub fields: Box<Fields>,
    /// Whether it was made to be expensive, so that its sender is let go.
    pub is_hostile: bool,
}

/// Reads the fields of a message whose root element is `root`.
///
/// # Errors
/// [`Malformed`] for anything but a well-formed message inside the bounds. A raw `&` and unknown
/// entities are taken as text.
pub fn read(message: &[u8], root: &'static str, bounds: Bounds) -> Result<Fields, Malformed> {
    if let Some((fields, _)) = plain::cut(message, root, bounds).filter(|(_, len)| *len == message.len()) {
        return Ok(fields);
    }
    let source = match decode(message) {
        Ok(text) => text.into_owned(),
        Err(reason) => return Err(Malformed { reason, fields: Box::default(), is_hostile: false }),
    };
    read_any(source, root, bounds)
}

/// The same of a message of any form.
pub(super) fn read_any(source: String, root: &str, bounds: Bounds) -> Result<Fields, Malformed> {
    let mut fields = Fields::with_room();
    let mut elements = Elements::of(&source, bounds);
    let read = elements.read_into(&mut fields, root);
    let is_hostile = elements.is_too_deep;
    let fields = fields.with_source(source);
    match read {
        Ok(()) => Ok(fields),
        Err(reason) => Err(Malformed { reason, fields: Box::new(fields), is_hostile }),
    }
}

/// The text of a message: UTF-8, or the single-byte character set that its declaration names.
fn decode(message: &[u8]) -> Result<Cow<'_, str>, String> {
    let message = message.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(message);
    match declared_encoding(message) {
        Some(label) if !label.eq_ignore_ascii_case(b"utf-8") => decode_as(message, label),
        _ => str::from_utf8(message).map(Cow::Borrowed).map_err(|fault| {
            format!(
                "byte {} is not UTF-8; declare encoding=\"windows-1252\" if that is what you send",
                fault.valid_up_to()
            )
        }),
    }
}

fn decode_as<'m>(message: &'m [u8], label: &[u8]) -> Result<Cow<'m, str>, String> {
    let encoding = encoding_rs::Encoding::for_label(label)
        .filter(|e| e.is_ascii_compatible())
        .ok_or_else(|| format!("encoding {:?} is not supported", String::from_utf8_lossy(label)))?;
    let (text, faulty) = encoding.decode_without_bom_handling(message);
    if faulty { Err(format!("the message is not valid {}", encoding.name())) } else { Ok(text) }
}

/// The value of `encoding=` in the XML declaration, if there is one.
fn declared_encoding(message: &[u8]) -> Option<&[u8]> {
    let declaration = message.strip_prefix(b"<?xml")?;
    let declaration = &declaration[..memchr::memmem::find(declaration, b"?>")?];
    let value = &declaration[memchr::memmem::find(declaration, b"encoding")? + b"encoding".len()..];
    let value = value.trim_ascii_start().strip_prefix(b"=")?.trim_ascii_start();
    let (quote, value) = value.split_first()?;
    value.split(|b| b == quote).next()
}

/// The reader of one message.
struct Elements<'s> {
    source: &'s str,
    reader: Reader<&'s [u8]>,
    bounds: Bounds,
    is_too_deep: bool,
}

/// The value of an element while it is read: nothing, one piece of the message, or pieces put together.
enum Value {
    Nothing,
    Part(Range<usize>),
    Made(String),
}

impl<'s> Elements<'s> {
    fn of(source: &'s str, bounds: Bounds) -> Self {
        let mut reader = Reader::from_str(source);
        reader.config_mut().allow_dangling_amp = true;
        Self { source, reader, bounds, is_too_deep: false }
    }

    fn next(&mut self) -> Result<Event<'s>, String> {
        self.reader.read_event().map_err(|e| format!("{e} at byte {}", self.reader.error_position()))
    }

    /// `what` with the place where the reader stands.
    fn here(&self, what: impl std::fmt::Display) -> String {
        format!("{what} at byte {}", self.reader.buffer_position())
    }

    fn read_into(&mut self, fields: &mut Fields, root: &str) -> Result<(), String> {
        let has_content = self.open_root(root)?;
        while has_content && self.read_field(fields)? {}
        self.expect_end()
    }

    /// Reads up to the root element; false if it is empty.
    fn open_root(&mut self, root: &str) -> Result<bool, String> {
        loop {
            let (start, has_content) = match self.next()? {
                Event::Start(start) => (start, true),
                Event::Empty(start) => (start, false),
                Event::DocType(_) => return Err(self.here("a document type declaration (DTD)")),
                Event::Eof => return Err(format!("no <{root}> element")),
                Event::Text(text) => {
                    self.only_space(&text)?;
                    continue;
                }
                _ => continue,
            };
            let name = start.name();
            if name.as_ref().eq_ignore_ascii_case(root) {
                return Ok(has_content);
            }
            return Err(self.here(format_args!("expected <{root}>, found <{}>", name.as_ref())));
        }
    }

    /// Reads one field of the root element; false at its end.
    fn read_field(&mut self, fields: &mut Fields) -> Result<bool, String> {
        let before = self.position();
        match self.next()? {
            Event::Start(start) => self.element(fields, &start, before)?,
            Event::Empty(start) => self.empty_element(fields, &start, before)?,
            Event::End(_) => return Ok(false),
            Event::Text(text) => self.only_space(&text)?,
            Event::Comment(_) | Event::PI(_) => {}
            Event::Eof => return Err("the message ends before its root element closes".into()),
            _ => return Err(self.here("text between elements")),
        }
        if fields.len() > self.bounds.max_fields {
            return Err(self.here(format_args!("more than {} elements", self.bounds.max_fields)));
        }
        Ok(true)
    }

    fn only_space(&self, text: &str) -> Result<(), String> {
        if text.trim().is_empty() { Ok(()) } else { Err(self.here("text between elements")) }
    }

    fn empty_element(&self, fields: &mut Fields, start: &BytesStart<'s>, from: usize) -> Result<(), String> {
        let name = self.name(start)?;
        let has_attributes = !start.attributes_raw().trim().is_empty();
        let markup = has_attributes.then(|| self.markup(from)).transpose()?;
        fields.push(self.source, name, Text::Part(0..0), markup);
        Ok(())
    }

    /// Reads an element that began at `from` to its end.
    fn element(&mut self, fields: &mut Fields, start: &BytesStart<'s>, from: usize) -> Result<(), String> {
        let name = self.name(start)?;
        let mut has_markup = !start.attributes_raw().trim().is_empty();
        let mut value = Value::Nothing;
        let mut depth = 2;
        loop {
            match self.next()? {
                Event::Text(text) => value.add(self.source, &text),
                Event::CData(text) => value.add(self.source, &text),
                Event::GeneralRef(reference) => value.make(self.source).push_str(&self.resolve(&reference)?),
                Event::Start(_) => {
                    has_markup = true;
                    depth += 1;
                }
                Event::Empty(_) => has_markup = true,
                Event::End(_) if depth == 2 => break,
                Event::End(_) => depth -= 1,
                Event::Eof => return Err("the message ends inside an element".into()),
                _ => {}
            }
            if depth > self.bounds.max_depth {
                self.is_too_deep = true;
                return Err(
                    self.here(format_args!("more than {} elements inside each other", self.bounds.max_depth))
                );
            }
        }
        let markup = has_markup.then(|| self.markup(from)).transpose()?;
        let value = self.finish(value, start)?;
        fields.push(self.source, name, value, markup);
        Ok(())
    }

    fn name(&self, start: &BytesStart<'s>) -> Result<Text, String> {
        let name = start.name().into_inner();
        if is_name(name) {
            return Ok(part_or_made(self.source, name));
        }
        Err(self.here(format_args!("<{name}> is not a name")))
    }

    /// The element that began at `from` and ends here, as anybody can read it.
    fn markup(&self, from: usize) -> Result<Box<str>, String> {
        let element = &self.source[from..self.position()];
        canonical(element).map(Into::into).ok_or_else(|| self.here("an element with a tag that is none"))
    }

    fn resolve(&self, reference: &BytesRef<'s>) -> Result<String, String> {
        markup::resolve(reference).map_err(|e| self.here(e))
    }

    fn finish(&self, value: Value, start: &BytesStart<'s>) -> Result<Text, String> {
        let text = match value {
            Value::Nothing => return Ok(Text::Part(0..0)),
            Value::Part(range) => part_or_made(self.source, self.source[range].trim()),
            Value::Made(text) => Text::Made(text.trim().into()),
        };
        if !is_writable(text.of(self.source)) {
            return Err(self.here(format_args!("a control character in <{}>", start.name().as_ref())));
        }
        Ok(text)
    }

    fn expect_end(&mut self) -> Result<(), String> {
        loop {
            match self.next()? {
                Event::Eof => return Ok(()),
                Event::Text(text) => self.only_space(&text)?,
                Event::Comment(_) | Event::PI(_) => {}
                _ => return Err(self.here("something behind the root element")),
            }
        }
    }

    fn position(&self) -> usize {
        usize::try_from(self.reader.buffer_position()).unwrap_or(usize::MAX)
    }
}

impl Value {
    /// Adds a piece of the message.
    fn add(&mut self, source: &str, piece: &str) {
        match (&*self, range_in(source, piece)) {
            (Self::Nothing, Some(range)) => *self = Self::Part(range),
            _ => self.make(source).push_str(piece),
        }
    }

    /// The value as text that can grow.
    fn make(&mut self, source: &str) -> &mut String {
        let text = match std::mem::replace(self, Self::Nothing) {
            Self::Nothing => String::new(),
            Self::Part(range) => source[range].into(),
            Self::Made(text) => text,
        };
        *self = Self::Made(text);
        let Self::Made(text) = self else { unreachable!("it was made in the line above") };
        text
    }
}

/// Whether XML 1.0 can carry a text at all.
pub(super) fn is_writable(text: &str) -> bool {
    let is_plain = !text.bytes().any(is_forbidden);
    is_plain && (text.is_ascii() || !text.contains(NO_CHARACTERS))
}

fn part_or_made(source: &str, part: &str) -> Text {
    if part.is_empty() {
        return Text::Part(0..0);
    }
    match range_in(source, part).map(|r| (u32::try_from(r.start), u32::try_from(r.end))) {
        Some((Ok(start), Ok(end))) => Text::Part(start..end),
        _ => Text::Made(part.into()),
    }
}

/// Where `part` stands in `source`, if it is a part of it.
fn range_in(source: &str, part: &str) -> Option<Range<usize>> {
    let start = part.as_ptr().addr().checked_sub(source.as_ptr().addr())?;
    let end = start + part.len();
    (end <= source.len()).then_some(start..end)
}
