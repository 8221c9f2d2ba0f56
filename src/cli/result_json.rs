//! A RESULT as JSON.

use quick_xml::Reader;
use quick_xml::escape::resolve_predefined_entity;
use quick_xml::events::{BytesRef, Event};
use serde_json::{Map, Value};

/// An element that is open: its text, and the elements in it that are closed.
#[derive(Default)]
struct Element {
    name: String,
    text: String,
    inside: Map<String, Value>,
}

impl Element {
    fn new(name: &str) -> Self {
        Self { name: name.to_owned(), ..Self::default() }
    }

    /// What holds elements is an object in a list, also where there is only one; all else is a text.
    fn take(&mut self, Self { name, text, inside }: Self) {
        let has_elements = !inside.is_empty();
        let value = if has_elements { Value::Object(inside) } else { Value::String(text.trim().into()) };
        match self.inside.get_mut(&name) {
            Some(Value::Array(others)) => others.push(value),
            Some(other) => *other = Value::Array(vec![other.take(), value]),
            None => drop(self.inside.insert(name, if has_elements { vec![value].into() } else { value })),
        }
    }
}

/// The elements of a RESULT by their names; `None` for what is no XML.
pub(super) fn of(xml: &str) -> Option<Value> {
    let mut reader = Reader::from_str(xml);
    let mut open = vec![Element::default()];
    loop {
        match reader.read_event().ok()? {
            Event::Start(tag) => open.push(Element::new(tag.name().as_ref())),
            Event::Empty(tag) => open.last_mut()?.take(Element::new(tag.name().as_ref())),
            Event::End(_) => {
                let closed = open.pop()?;
                open.last_mut()?.take(closed);
            }
            Event::Text(text) => open.last_mut()?.text.push_str(&text),
            Event::CData(text) => open.last_mut()?.text.push_str(&text),
            Event::GeneralRef(name) => open.last_mut()?.text.push_str(&resolved(&name)?),
            Event::Eof => break,
            _ => {}
        }
    }
    let root = open.pop()?.inside.into_iter().next()?.1;
    match root {
        Value::Array(mut roots) => roots.pop(),
        _ => None,
    }
}

fn resolved(name: &BytesRef<'_>) -> Option<String> {
    match name.resolve_char_ref().ok()? {
        Some(character) => Some(character.into()),
        None => resolve_predefined_entity(name).map(Into::into),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn sections_are_lists_and_all_else_is_text() {
        let xml = "<RESULT><RESULTCODE>20</RESULTCODE><RESULTMSG>a &lt;b&gt; &amp; &#13;c</RESULTMSG><EMPTY/>\
                   <CORES><CORE><COREIDENT>1</COREIDENT></CORE><CORE><COREIDENT>2</COREIDENT></CORE></CORES>\
                   <PHONE>1</PHONE><PHONE>2</PHONE></RESULT>\r\n";
        let expected = json!({
            "RESULTCODE": "20", "RESULTMSG": "a <b> & \rc", "EMPTY": "",
            "CORES": [{ "CORE": [{ "COREIDENT": "1" }, { "COREIDENT": "2" }] }],
            "PHONE": ["1", "2"],
        });
        assert_eq!(of(xml), Some(expected));
        for broken in ["", "text", "<RESULT>", "<A>only text</A>", "<A></B>"] {
            assert_eq!(of(broken), None, "{broken}");
        }
    }
}
