//! Text to XML. Every value that is written anywhere goes through [`escape`].

/// Writes `text` with everything escaped that could end or break a message. Line ends become character
/// references: a reply on the socket is one line, and a reader gives the value back unchanged.
pub fn escape(out: &mut String, text: &str) {
    let mut rest = text;
    while let Some(at) = rest.bytes().position(needs_escape) {
        out.push_str(&rest[..at]);
        out.push_str(reference(rest.as_bytes()[at]));
        rest = &rest[at + 1..];
    }
    out.push_str(rest);
}

const fn needs_escape(byte: u8) -> bool {
    matches!(byte, b'&' | b'<' | b'>' | b'\r' | b'\n')
}

const fn reference(byte: u8) -> &'static str {
    match byte {
        b'&' => "&amp;",
        b'<' => "&lt;",
        b'>' => "&gt;",
        b'\r' => "&#13;",
        _ => "&#10;",
    }
}

/// Writes `<NAME>value</NAME>`.
pub fn element(out: &mut String, name: &str, value: &str) {
    open(out, name);
    escape(out, value);
    close(out, name);
}

/// Writes `<NAME>`.
pub fn open(out: &mut String, name: &str) {
    out.push('<');
    out.push_str(name);
    out.push('>');
}

/// Writes `</NAME>`.
pub fn close(out: &mut String, name: &str) {
    out.push_str("</");
    out.push_str(name);
    out.push('>');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_value_can_end_an_element_or_a_line() {
        let mut out = String::new();
        element(&mut out, "USER1", "a<b>&amp; \"c\" 'd'\r\né😀");
        assert_eq!(out, "<USER1>a&lt;b&gt;&amp;amp; \"c\" 'd'&#13;&#10;é😀</USER1>");
    }
}
