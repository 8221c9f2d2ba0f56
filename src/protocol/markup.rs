//! Elements with attributes or elements inside, which travel as they are: as XML that anybody can read.

use quick_xml::Reader;
use quick_xml::escape::unescape;
use quick_xml::events::attributes::Attribute;
use quick_xml::events::{BytesRef, BytesStart, Event};

use super::write::{close, escape};
use super::xml::is_writable;

/// Attributes in a tag. The reader compares each name with all before it, so they must not be too many.
const MOST_ATTRIBUTES: usize = 64;

/// An element as well-formed XML on one line: raw `&` and unknown entities are text, and so is CDATA; comments and
/// instructions say nothing and are left out. `None` if a tag is none.
pub(super) fn canonical(element: &str) -> Option<String> {
    let mut reader = Reader::from_str(element);
    reader.config_mut().allow_dangling_amp = true;
    let mut out = String::with_capacity(element.len());
    loop {
        match reader.read_event().ok()? {
            Event::Eof => return Some(out),
            Event::Start(tag) => write_tag(&mut out, &tag, ">")?,
            Event::Empty(tag) => write_tag(&mut out, &tag, "/>")?,
            Event::End(tag) => close(&mut out, tag.name().as_ref()),
            Event::Text(text) => escape(&mut out, &text),
            Event::CData(text) => escape(&mut out, &text),
            Event::GeneralRef(reference) => escape(&mut out, &resolve(&reference).ok()?),
            Event::Comment(_) | Event::PI(_) => {}
            Event::Decl(_) | Event::DocType(_) => return None,
        }
    }
}

fn write_tag(out: &mut String, tag: &BytesStart<'_>, end: &str) -> Option<()> {
    let name = tag.name();
    out.push('<');
    out.push_str(name.as_ref());
    for (nth, attribute) in tag.attributes().enumerate() {
        (nth < MOST_ATTRIBUTES).then_some(())?;
        write_attribute(out, &attribute.ok()?)?;
    }
    out.push_str(end);
    is_name(name.as_ref()).then_some(())
}

fn write_attribute(out: &mut String, attribute: &Attribute<'_>) -> Option<()> {
    let name = attribute.key.as_ref();
    let value = unescape(&attribute.value).unwrap_or_else(|_| (&*attribute.value).into());
    out.push(' ');
    out.push_str(name);
    out.push_str("=\"");
    for (nth, piece) in value.split('"').enumerate() {
        out.push_str(if nth > 0 { "&quot;" } else { "" });
        escape(out, piece);
    }
    out.push('"');
    (is_name(name) && is_writable(&value)).then_some(())
}

/// What an entity or character reference stands for; an unknown one stands for itself.
pub(super) fn resolve(reference: &BytesRef<'_>) -> Result<String, quick_xml::Error> {
    Ok(match (reference.resolve_char_ref()?, &**reference) {
        (Some(c), _) => c.to_string(),
        (None, "amp") => "&".into(),
        (None, "lt") => "<".into(),
        (None, "gt") => ">".into(),
        (None, "quot") => "\"".into(),
        (None, "apos") => "'".into(),
        (None, unknown) => format!("&{unknown};"),
    })
}

/// Whether an element or attribute may be called so. A name that begins with `:` has no namespace, so it is none.
pub(super) fn is_name(name: &str) -> bool {
    let rest = name.trim_start_matches(is_name_start);
    rest.len() < name.len() && rest.chars().all(|c| is_name_start(c) || is_name_rest(c))
}

/// NameStartChar of XML 1.0 without `:`.
const fn is_name_start(c: char) -> bool {
    matches!(c, 'A'..='Z' | 'a'..='z' | '_' | '\u{C0}'..='\u{D6}' | '\u{D8}'..='\u{F6}' | '\u{F8}'..='\u{2FF}'
        | '\u{370}'..='\u{37D}' | '\u{37F}'..='\u{1FFF}' | '\u{200C}'..='\u{200D}' | '\u{2070}'..='\u{218F}'
        | '\u{2C00}'..='\u{2FEF}' | '\u{3001}'..='\u{D7FF}' | '\u{F900}'..='\u{FDCF}' | '\u{FDF0}'..='\u{FFFD}'
        | '\u{10000}'..='\u{EFFFF}')
}

/// What else NameChar has.
const fn is_name_rest(c: char) -> bool {
    matches!(c, '0'..='9' | '-' | '.' | ':' | '\u{B7}' | '\u{300}'..='\u{36F}' | '\u{203F}'..='\u{2040}')
}

/// The elements right inside `element`: the name of each, and the whole of it.
#[must_use]
pub fn children(element: &str) -> Vec<(&str, &str)> {
    let mut reader = Reader::from_str(element);
    reader.config_mut().allow_dangling_amp = true;
    let mut found = Vec::new();
    let (mut depth, mut from, mut name) = (0, 0, "");
    loop {
        let before = usize::try_from(reader.buffer_position()).unwrap_or(0);
        let event = reader.read_event();
        let after = usize::try_from(reader.buffer_position()).unwrap_or(0).min(element.len());
        match event {
            Ok(Event::Start(start)) => {
                depth += 1;
                if depth == 2 {
                    (from, name) = (before, name_in(element, before, start.name().as_ref()));
                }
            }
            Ok(Event::Empty(start)) if depth == 1 => {
                found.push((name_in(element, before, start.name().as_ref()), &element[before..after]));
            }
            Ok(Event::End(_)) => {
                if depth == 2 {
                    found.push((name, &element[from..after]));
                }
                depth -= 1;
            }
            Ok(Event::Eof) | Err(_) => return found,
            Ok(_) => {}
        }
    }
}

/// A tag's name as a part of the element, whose `<` stands at `tag`.
fn name_in<'e>(element: &'e str, tag: usize, name: &str) -> &'e str {
    element.get(tag + 1..tag + 1 + name.len()).unwrap_or("")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_travels_as_it_is_can_be_read_by_anybody() {
        for (sent, written) in [
            ("<A>x & y &nbsp; &#233;&#10;&quot;</A>", "<A>x &amp; y &amp;nbsp; é&#10;\"</A>"),
            ("<A\n b = 'say \"1\"\n&lt;2'/>", "<A b=\"say &quot;1&quot;&#10;&lt;2\"/>"),
            ("<A b=\"R&D\"><![CDATA[<\n>]]></A\n>", "<A b=\"R&amp;D\">&lt;&#10;&gt;</A>"),
            ("<A><!-- -- --><B/><?c d?>\r\n</A>", "<A><B/>&#13;&#10;</A>"),
        ] {
            assert_eq!(canonical(sent).as_deref(), Some(written), "{sent}");
            assert_eq!(canonical(written).as_deref(), Some(written), "it stays so");
        }
    }

    #[test]
    fn a_tag_that_is_none_is_no_element() {
        for sent in [
            "<A><1/></A>",
            "<A><B,C/></A>",
            "<A b=1/>",
            "<A b/>",
            "<A b='1' b='2'/>",
            "<A 1='b'/>",
            "<A b='\u{1}'/>",
            "<A b='&#1;'/>",
            "<A><?xml version='1.0'?></A>",
        ] {
            assert_eq!(canonical(sent), None, "{sent}");
        }
    }

    #[test]
    fn there_may_be_some_attributes_and_not_thousands() {
        let element = |count: usize| {
            let attributes: String = (0..count).map(|nth| format!(" a{nth}=\"\"")).collect();
            format!("<A{attributes}/>")
        };
        assert_eq!(canonical(&element(MOST_ATTRIBUTES)), Some(element(MOST_ATTRIBUTES)));
        assert_eq!(canonical(&element(MOST_ATTRIBUTES + 1)), None);
    }

    #[test]
    fn names_are_those_of_xml() {
        assert!(["A", "_a-b.c:d1", "é", "日本"].into_iter().all(is_name));
        assert!(!["", "1", ":a", "-", "a b", "a,b", "a\"", "ª", "a×"].into_iter().any(is_name));
    }
}
