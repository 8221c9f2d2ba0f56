//! Text to XML. Every value that is written anywhere goes through [`escape`].

/// Writes `text` with everything escaped that could end or break a message. Line ends become character
/// references: a reply on the socket is one line, and a reader gives the value back unchanged. What XML has no
/// way to write becomes U+FFFD; only texts about bad input can hold it.
pub fn escape(out: &mut String, text: &str) {
    if text.is_ascii() {
        return escape_bytes(out, text);
    }
    for (nth, piece) in text.split(NO_CHARACTERS).enumerate() {
        out.push_str(if nth > 0 { "\u{FFFD}" } else { "" });
        escape_bytes(out, piece);
    }
}

fn escape_bytes(out: &mut String, text: &str) {
    // Nearly every text is plain, and all of it is looked at together.
    if !text.bytes().fold(false, |is_odd, byte| is_odd | needs_escape(byte)) {
        return out.push_str(text);
    }
    let mut rest = text;
    while let Some(at) = rest.bytes().position(needs_escape) {
        out.push_str(&rest[..at]);
        out.push_str(reference(rest.as_bytes()[at]));
        rest = &rest[at + 1..];
    }
    out.push_str(rest);
}

#[allow(clippy::needless_bitwise_bool, reason = "without branches many bytes are looked at in one step")]
const fn needs_escape(byte: u8) -> bool {
    (byte == b'&') | (byte == b'<') | (byte == b'>') | ((byte < 0x20) & (byte != b'\t'))
}

const fn reference(byte: u8) -> &'static str {
    match byte {
        b'&' => "&amp;",
        b'<' => "&lt;",
        b'>' => "&gt;",
        b'\r' => "&#13;",
        b'\n' => "&#10;",
        _ => "\u{FFFD}",
    }
}

/// XML 1.0 has no way to write these, so no message may carry them.
pub(super) const fn is_forbidden(byte: u8) -> bool {
    byte < 0x20 && !matches!(byte, b'\t' | b'\n' | b'\r')
}

/// Nor has it a way to write these.
pub(super) const NO_CHARACTERS: [char; 2] = ['\u{FFFE}', '\u{FFFF}'];

/// Writes `<NAME>value</NAME>`.
pub fn element(out: &mut String, name: &str, value: &str) {
    open(out, name);
    escape(out, value);
    close(out, name);
}

/// Writes `<NAME>value</NAME>` for a number.
pub fn number(out: &mut String, name: &str, value: i64) {
    open(out, name);
    out.push_str(itoa::Buffer::new().format(value));
    close(out, name);
}

/// Writes a number.
pub fn digits(out: &mut String, value: u32) {
    // Most are numbers of cores.
    match char::from_digit(value, 10) {
        Some(digit) => out.push(digit),
        None => out.push_str(itoa::Buffer::new().format(value)),
    }
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
    fn numbers_are_written_as_they_are_read() {
        for value in [0, 7, -1, 10, 4711, i64::MAX, i64::MIN] {
            let mut out = String::new();
            number(&mut out, "N", value);
            assert_eq!(out, format!("<N>{value}</N>"));
        }
    }

    #[test]
    fn no_value_can_end_an_element_or_a_line() {
        let mut out = String::new();
        element(&mut out, "USER1", "a<b>&amp; \"c\" 'd'\r\né😀\0\t\u{FFFF}");
        assert_eq!(out, "<USER1>a&lt;b&gt;&amp;amp; \"c\" 'd'&#13;&#10;é😀\u{FFFD}\t\u{FFFD}</USER1>");
    }
}
