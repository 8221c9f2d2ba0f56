//! Bytes ↔ frames: cuts a message where its root element closes.
//!
//! Requests in the wild span several lines, so a line is never a message. Nor is the first
//! `</REQUEST>`: comments, CDATA, declarations and quoted attributes may hold one. The scanner knows
//! just enough XML for that, reads every byte once, and leaves all judgement to [`super::xml`]: a
//! message whose inner tags do not match is still cut at its own end, so the next one is read well.

use bytes::{Buf, Bytes, BytesMut};
use memchr::{memchr, memchr3, memmem};
use tokio_util::codec::Decoder;

/// What the decoder found.
#[derive(Debug, PartialEq, Eq)]
pub enum Frame {
    /// From the first `<` to the end of the root element.
    Message(Bytes),
    /// Something that no message can be made of, and which the sender is told of.
    Fault(FrameFault),
}

/// Why bytes are no message.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FrameFault {
    /// Text where an element should begin.
    #[error("expected an XML element, found {0:?}")]
    Junk(String),
    /// The message grew over the limit before it ended.
    #[error("larger than the limit of {0} bytes")]
    TooLarge(usize),
    /// A document type declaration: it could define entities, so it is refused unread.
    #[error("a document type declaration (DTD) is not accepted")]
    Doctype,
    /// The peer stopped sending inside a message.
    #[error("the message ends before its root element closes")]
    Truncated,
}

impl FrameFault {
    /// Whether nothing after it can be understood, so that the connection is closed once it is answered.
    #[must_use]
    pub const fn is_fatal(&self) -> bool {
        !matches!(self, Self::Junk(_))
    }
}

/// Cuts frames out of a stream; remembers how far it has read, so a byte is looked at once however
/// small the pieces it arrives in.
#[derive(Debug)]
pub struct FrameDecoder {
    max_bytes: usize,
    at: usize,
    inside: Inside,
    root: Option<Root>,
}

/// The root element: where its name stands, and how many elements of that name are open.
#[derive(Clone, Debug)]
struct Root {
    name: std::ops::Range<usize>,
    open: usize,
}

/// The construct that the scanner stands in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Inside {
    Text,
    /// `<` was seen and what it begins is not known yet.
    Markup,
    Comment,
    CData,
    Instruction,
    /// A tag that began at `start`; `quote` is the open quote of an attribute value.
    Tag {
        start: usize,
        quote: Option<u8>,
    },
}

/// One step of the scanner.
enum Step {
    /// Go on.
    On,
    /// The bytes at hand are used up.
    NeedMore,
    /// The root element closed; the message ends here.
    End,
    /// Not a message.
    Fault(FrameFault),
}

impl FrameDecoder {
    /// A decoder for messages of at most `max_bytes`.
    #[must_use]
    pub const fn new(max_bytes: usize) -> Self {
        Self { max_bytes, at: 0, inside: Inside::Text, root: None }
    }

    /// Whether a message has begun and not ended.
    #[must_use]
    pub const fn is_mid_message(&self) -> bool {
        self.at > 0
    }

    /// Whether the buffer is at the beginning of a message, once what may stand between messages is skipped. Whoever finds
    /// the whole of it in [`FrameDecoder::window`] takes it out.
    pub fn is_at_message(&self, buf: &mut BytesMut) -> bool {
        self.skip_between(buf);
        !self.is_mid_message()
    }

    /// As much as a message may have. Nothing behind it is looked at, so that it is all one whether it came already.
    #[must_use]
    pub fn window<'b>(&self, buf: &'b [u8]) -> &'b [u8] {
        &buf[..buf.len().min(self.max_bytes)]
    }

    fn step(&mut self, buf: &[u8]) -> Step {
        match self.inside {
            Inside::Text => self.text(buf),
            Inside::Markup => self.markup(buf),
            Inside::Comment => self.skip_past(buf, b"-->"),
            Inside::CData => self.skip_past(buf, b"]]>"),
            Inside::Instruction => self.skip_past(buf, b"?>"),
            Inside::Tag { start, quote } => self.tag(buf, start, quote),
        }
    }

    fn text(&mut self, buf: &[u8]) -> Step {
        let Some(found) = memchr(b'<', &buf[self.at..]) else {
            self.at = buf.len();
            return Step::NeedMore;
        };
        self.at += found;
        self.inside = Inside::Markup;
        Step::On
    }

    /// At a `<`: what does it begin?
    fn markup(&mut self, buf: &[u8]) -> Step {
        const OPENERS: [(&[u8], Inside); 3] =
            [(b"<!--", Inside::Comment), (b"<![CDATA[", Inside::CData), (b"<?", Inside::Instruction)];
        let rest = &buf[self.at..];
        for (opener, inside) in OPENERS {
            if rest.starts_with(opener) {
                self.inside = inside;
                self.at += opener.len();
                return Step::On;
            }
            if opener.starts_with(rest) {
                return Step::NeedMore;
            }
        }
        match rest[1] {
            b'!' => return Step::Fault(FrameFault::Doctype),
            c if c == b'/' || is_name_start(c) => {
                self.inside = Inside::Tag { start: self.at, quote: None };
            }
            _ => self.inside = Inside::Text,
        }
        self.at += 1;
        Step::On
    }

    /// In a comment, CDATA section or instruction: to its end, or as far as there is anything.
    fn skip_past(&mut self, buf: &[u8], end: &[u8]) -> Step {
        if let Some(found) = memmem::find(&buf[self.at..], end) {
            self.at += found + end.len();
            self.inside = Inside::Text;
            return Step::On;
        }
        self.at = self.at.max((buf.len() + 1).saturating_sub(end.len()));
        Step::NeedMore
    }

    /// In a tag: to its `>`, over quoted attribute values.
    fn tag(&mut self, buf: &[u8], start: usize, quote: Option<u8>) -> Step {
        let rest = &buf[self.at..];
        let found = match quote {
            Some(quote) => memchr(quote, rest),
            None => memchr3(b'>', b'"', b'\'', rest),
        };
        let Some(found) = found else {
            self.at = buf.len();
            return Step::NeedMore;
        };
        self.at += found + 1;
        match (quote, rest[found]) {
            (None, b'>') => {
                self.inside = Inside::Text;
                self.close_tag(buf, start)
            }
            (None, opened) => self.in_tag(start, Some(opened)),
            (Some(_), _) => self.in_tag(start, None),
        }
    }

    fn in_tag(&mut self, start: usize, quote: Option<u8>) -> Step {
        self.inside = Inside::Tag { start, quote };
        Step::On
    }

    /// A whole tag was read: does the root element open or close with it?
    fn close_tag(&mut self, buf: &[u8], start: usize) -> Step {
        let is_end = buf[start + 1] == b'/';
        let is_empty = !is_end && buf[self.at - 2] == b'/';
        let name = name_at(buf, start + 1 + usize::from(is_end));
        match &mut self.root {
            None if is_end => return Step::Fault(junk(&buf[start..self.at])),
            None if is_empty => return Step::End,
            None => self.root = Some(Root { name, open: 1 }),
            Some(root) if is_empty || buf[name].ne(&buf[root.name.clone()]) => {}
            Some(root) if !is_end => root.open += 1,
            Some(root) => root.open -= 1,
        }
        if self.root.as_ref().is_some_and(|root| root.open == 0) { Step::End } else { Step::On }
    }

    /// Takes the scanned bytes out and starts afresh.
    fn take(&mut self, buf: &mut BytesMut, len: usize) -> Bytes {
        *self = Self::new(self.max_bytes);
        buf.split_to(len).freeze()
    }

    /// White space and a byte order mark between messages.
    fn skip_between(&self, buf: &mut BytesMut) {
        if self.at > 0 || buf.first() == Some(&b'<') {
            return;
        }
        loop {
            let blank = buf.iter().take_while(|b| b.is_ascii_whitespace()).count();
            buf.advance(blank);
            if !buf.starts_with(BOM) {
                return;
            }
            buf.advance(BOM.len());
        }
    }

    /// Text before any `<`: reported up to the next line or element, or as much of it as a message may have.
    fn leading_junk(&mut self, buf: &mut BytesMut) -> Option<Frame> {
        if self.at > 0 || buf.first().is_none_or(|b| *b == b'<') || BOM.starts_with(buf) {
            return None;
        }
        let most = self.window(buf).len();
        let end =
            memchr::memchr2(b'<', b'\n', self.window(buf)).or((most == self.max_bytes).then_some(most))?;
        let line = self.take(buf, end);
        Some(Frame::Fault(junk(&line)))
    }

    /// A fatal fault takes all that came; a stray end tag only what was read, so that the next
    /// message is understood.
    fn fault(&mut self, buf: &mut BytesMut, fault: FrameFault) -> Frame {
        let len = if fault.is_fatal() { buf.len() } else { self.at };
        self.take(buf, len);
        Frame::Fault(fault)
    }

    /// Whether there is anything to scan yet: an element has begun.
    fn has_begun(&self, buf: &[u8]) -> bool {
        self.at > 0 || buf.first() == Some(&b'<')
    }
}

const BOM: &[u8] = b"\xEF\xBB\xBF";

fn junk(bytes: &[u8]) -> FrameFault {
    let shown = &bytes[..bytes.len().min(40)];
    FrameFault::Junk(String::from_utf8_lossy(shown).trim_end().to_owned())
}

const fn is_name_start(c: u8) -> bool {
    c.is_ascii_alphabetic() || c == b'_' || c == b':' || c >= 0x80
}

fn name_at(buf: &[u8], start: usize) -> std::ops::Range<usize> {
    let len =
        buf[start..].iter().take_while(|c| !matches!(c, b' ' | b'\t' | b'\r' | b'\n' | b'/' | b'>')).count();
    start..start + len
}

impl Decoder for FrameDecoder {
    type Item = Frame;
    type Error = std::io::Error;

    fn decode(&mut self, buf: &mut BytesMut) -> Result<Option<Frame>, Self::Error> {
        self.skip_between(buf);
        if let Some(frame) = self.leading_junk(buf) {
            return Ok(Some(frame));
        }
        while self.has_begun(buf) && self.at < self.window(buf).len() {
            match self.step(self.window(buf)) {
                Step::On => {}
                Step::NeedMore => break,
                Step::End => {
                    let len = self.at;
                    return Ok(Some(Frame::Message(self.take(buf, len))));
                }
                Step::Fault(fault) => return Ok(Some(self.fault(buf, fault))),
            }
        }
        let too_large = buf.len() > self.max_bytes;
        Ok(too_large.then(|| self.fault(buf, FrameFault::TooLarge(self.max_bytes))))
    }

    fn decode_eof(&mut self, buf: &mut BytesMut) -> Result<Option<Frame>, Self::Error> {
        let frame = self.decode(buf)?;
        if frame.is_some() || buf.is_empty() {
            return Ok(frame);
        }
        Ok(Some(self.fault(buf, FrameFault::Truncated)))
    }
}

#[cfg(test)]
mod tests;
