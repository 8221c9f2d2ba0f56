//! Bytes → replies, read no further than needed: where each ends, its number and its RESULTTYPE.

use memchr::memmem;

use super::render::Speech;

/// What is looked at of a reply.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Reply<'a> {
    /// REQUESTID.
    pub number: Option<u32>,
    /// RESULTTYPE, or nothing.
    pub label: &'a str,
}

/// The first reply, and how many bytes it takes; `None` if it is not whole yet.
///
/// # Errors
/// What came is no reply.
pub(super) fn cut(speech: Speech, input: &[u8]) -> Result<Option<(Reply<'_>, usize)>, &'static str> {
    let whole = match speech {
        Speech::Xml => xml(input),
        Speech::Http => http(input)?,
    };
    Ok(whole.map(|(result, len)| (read(result), len)))
}

fn xml(input: &[u8]) -> Option<(&[u8], usize)> {
    const END: &[u8] = b"</RESULT>";
    let len = memmem::find(input, END)? + END.len();
    Some((&input[..len], len))
}

/// The body of a response that says how long it is.
fn http(input: &[u8]) -> Result<Option<(&[u8], usize)>, &'static str> {
    let Some(head) = memmem::find(input, b"\r\n\r\n") else { return Ok(None) };
    let from = head + 4;
    let length = length(&input[..head]).ok_or("an HTTP response without Content-Length")?;
    let to = from.checked_add(length).ok_or("an HTTP response without an end")?;
    Ok(input.get(from..to).map(|body| (body, to)))
}

fn length(head: &[u8]) -> Option<usize> {
    const NAME: &[u8] = b"content-length:";
    let is_length = |line: &&[u8]| line.get(..NAME.len()).is_some_and(|name| name.eq_ignore_ascii_case(NAME));
    let line = head.split(|byte| *byte == b'\n').find(is_length)?;
    str::from_utf8(&line[NAME.len()..]).ok()?.trim().parse().ok()
}

fn read(result: &[u8]) -> Reply<'_> {
    let (number, rest) = element(result, b"<REQUESTID>");
    let (label, _) = element(rest, b"<RESULTTYPE>");
    Reply { number: number.parse().ok(), label }
}

/// The value of an element and what follows it.
fn element<'a>(text: &'a [u8], open: &[u8]) -> (&'a str, &'a [u8]) {
    let Some(at) = memmem::find(text, open) else { return ("", text) };
    let rest = &text[at + open.len()..];
    let (value, rest) = rest.split_at(memchr::memchr(b'<', rest).unwrap_or(rest.len()));
    (str::from_utf8(value).unwrap_or_default(), rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    const RESULT: &str = "<RESULT><REQUESTTYPE>TEST</REQUESTTYPE><REQUESTID>7</REQUESTID>\
                          <RESULTTYPE>API_OK</RESULTTYPE><RESULTCODE>20</RESULTCODE></RESULT>";
    const REPLY: Reply<'static> = Reply { number: Some(7), label: "API_OK" };

    #[test]
    fn a_result_ends_where_it_ends() {
        let two = format!("{RESULT}\r\n{RESULT}\r\n");
        assert_eq!(cut(Speech::Xml, two.as_bytes()), Ok(Some((REPLY, RESULT.len()))));
        let second = &two.as_bytes()[RESULT.len()..];
        assert_eq!(cut(Speech::Xml, second), Ok(Some((REPLY, RESULT.len() + 2))));
        for len in 0..RESULT.len() {
            assert_eq!(cut(Speech::Xml, &RESULT.as_bytes()[..len]), Ok(None), "{len}");
        }
    }

    #[test]
    fn a_response_is_as_long_as_it_says() {
        let response =
            format!("HTTP/1.1 200 OK\r\ncontent-LENGTH: {}\r\ndate: x\r\n\r\n{RESULT}", RESULT.len());
        assert_eq!(cut(Speech::Http, response.as_bytes()), Ok(Some((REPLY, response.len()))));
        for len in 0..response.len() {
            assert_eq!(cut(Speech::Http, &response.as_bytes()[..len]), Ok(None), "{len}");
        }
        assert!(cut(Speech::Http, b"HTTP/1.1 200 OK\r\n\r\n").is_err());
    }

    #[test]
    fn what_is_missing_is_nothing() {
        let nothing = Reply { number: None, label: "" };
        assert_eq!(cut(Speech::Xml, b"</RESULT>"), Ok(Some((nothing, 9))));
    }
}
