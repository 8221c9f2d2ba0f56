//! Results: what a client gets, and what a core's reply says in its first few elements.

use std::borrow::Cow;
use std::ops::Range;

use memchr::memchr2;

use super::codes::{Codes, ResultType};
use super::param::Param;

use super::write::escape;
use super::xml::{self, RESULT_BOUNDS};
use crate::model::Rejection;

/// An answer, without the name of the request that it answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    /// RESULTTYPE.
    pub label: Cow<'static, str>,
    /// RESULTCODE.
    pub code: i32,
    /// RESULTMSG.
    pub message: Cow<'static, str>,
    /// The XML behind RESULTMSG: the function's own elements.
    pub body: String,
    /// The type that [`Reply::label`] names, where the reference knows it.
    pub result: Option<ResultType>,
}

impl Reply {
    /// An answer of a known type.
    #[must_use]
    pub fn new(codes: &Codes, result: ResultType, message: impl Into<Cow<'static, str>>) -> Self {
        let label = Cow::Borrowed(result.label());
        Self {
            label,
            code: codes.of(result),
            message: message.into(),
            body: String::new(),
            result: Some(result),
        }
    }

    /// A core's refusal, handed on in its own words.
    #[must_use]
    pub fn rejection(rejection: &Rejection) -> Self {
        Self {
            label: rejection.label.clone().into(),
            code: rejection.code,
            message: rejection.message.clone().into(),
            body: String::new(),
            result: ResultType::from_label(&rejection.label),
        }
    }

    /// Whether it says that what was asked for is done.
    #[must_use]
    pub fn is_confirmation(&self) -> bool {
        self.result.is_some_and(|result| CONFIRMATIONS.contains(&result))
    }

    /// The same answer with the function's own elements.
    #[must_use]
    pub fn with_body(self, body: String) -> Self {
        Self { body, ..self }
    }

    /// The whole RESULT as one line that ends in CR LF, for a request of this name and number.
    #[must_use]
    pub fn write(&self, kind: &str, id: &str) -> String {
        let fixed = 160;
        let mut out = String::with_capacity(fixed + kind.len() + self.message.len() + self.body.len());
        out.push_str("<RESULT><REQUESTTYPE>");
        escape(&mut out, kind);
        out.push_str("</REQUESTTYPE><REQUESTID>");
        escape(&mut out, id);
        out.push_str("</REQUESTID><RESULTTYPE>");
        escape(&mut out, &self.label);
        out.push_str("</RESULTTYPE><RESULTCODE>");
        out.push_str(itoa::Buffer::new().format(self.code));
        out.push_str("</RESULTCODE><RESULTMSG>");
        escape(&mut out, &self.message);
        out.push_str("</RESULTMSG>");
        out.push_str(&self.body);
        out.push_str("</RESULT>\r\n");
        out
    }
}

/// What decides a leg: the few elements of a core's RESULT that every reply has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReplyHead<'a> {
    /// REQUESTID, which is ours: the number under which the link sent the request.
    pub request_id: Option<u32>,
    /// RESULTTYPE.
    pub label: Cow<'a, str>,
    /// RESULTCODE.
    pub code: i32,
    /// RESULTMSG.
    pub message: Cow<'a, str>,
}

/// What a core confirms with: the reference's API_OK, and what recorders say of a recording they began or ended.
const CONFIRMATIONS: [ResultType; 3] =
    [ResultType::Ok, ResultType::RecordingStarted, ResultType::RecordingStopped];

impl<'a> ReplyHead<'a> {
    /// Whether the core confirms. The label decides; a core that sends none is understood by its number.
    #[must_use]
    pub fn is_ok(&self) -> bool {
        CONFIRMATIONS
            .iter()
            .any(|t| self.label == t.label() || (self.label.is_empty() && self.code == t.default_code()))
    }

    /// Reads the head of a RESULT. The usual form, with the elements in the order of the reference, is read
    /// without an XML reader and no further than RESULTMSG; anything else in full.
    #[must_use]
    pub fn read(reply: &'a [u8]) -> Option<Self> {
        let usual = str::from_utf8(reply).ok().and_then(|_| Self::read_usual(reply));
        usual.map(|(head, _)| head).or_else(|| Self::read_any(reply))
    }

    /// The reply of the shortest form that `input` begins with, and its length: the five elements of the reference, with
    /// nothing between or behind them. `None` of any other, and of one that is not there to its end.
    #[must_use]
    pub fn cut(input: &'a [u8]) -> Option<(Self, usize)> {
        let mut at = Values { reply: input, at: 0 };
        at.skip(b"<RESULT><REQUESTTYPE>")?;
        at.value(b"</REQUESTTYPE><REQUESTID>")?;
        let request_id = at.value(b"</REQUESTID><RESULTTYPE>")?;
        let label = at.value(b"</RESULTTYPE><RESULTCODE>")?;
        let code = at.value(b"</RESULTCODE><RESULTMSG>")?;
        let message = at.value(b"</RESULTMSG></RESULT>")?;
        // Once for all of it: a look at each value alone takes several times as long.
        let reply = str::from_utf8(&input[..at.at]).ok()?;
        let head = Self {
            request_id: reply[request_id].parse().ok(),
            label: reply[label].into(),
            code: reply[code].parse().ok()?,
            message: reply[message].into(),
        };
        Some((head, at.at))
    }

    /// A head in the usual form, and what stands behind it.
    fn read_usual(reply: &'a [u8]) -> Option<(Self, &'a [u8])> {
        let mut rest = reply.strip_prefix(b"<RESULT>")?;
        let mut next = |name: &str| {
            let value = rest.trim_ascii_start().strip_prefix(b"<")?.strip_prefix(name.as_bytes())?;
            let value = value.strip_prefix(b">")?;
            let (value, after) = value.split_at(memchr2(b'<', b'&', value)?);
            rest = after.strip_prefix(b"</")?.strip_prefix(name.as_bytes())?.strip_prefix(b">")?;
            // a blank one may stand again further on
            str::from_utf8(value).ok().map(str::trim).filter(|value| !value.is_empty())
        };
        next("REQUESTTYPE")?;
        let head = Self {
            request_id: next("REQUESTID")?.parse().ok(),
            label: next("RESULTTYPE")?.into(),
            code: next("RESULTCODE")?.parse().ok()?,
            message: next("RESULTMSG")?.into(),
        };
        Some((head, rest))
    }

    fn read_any(reply: &[u8]) -> Option<Self> {
        let fields = xml::read(reply, "RESULT", RESULT_BOUNDS).ok()?;
        let text = |param| fields.get(param).unwrap_or("").to_owned();
        Some(Self {
            request_id: fields.get(Param::RequestId).and_then(|id| id.parse().ok()),
            label: text(Param::ResultType).into(),
            code: fields.get(Param::ResultCode)?.parse().ok()?,
            message: text(Param::ResultMessage).into(),
        })
    }
}

/// The values of a reply of the shortest form, one behind the other.
struct Values<'a> {
    reply: &'a [u8],
    at: usize,
}

impl Values<'_> {
    fn skip<const N: usize>(&mut self, tags: &[u8; N]) -> Option<()> {
        let is_next = self.reply[self.at..].first_chunk() == Some(tags);
        self.at += N;
        is_next.then_some(())
    }

    /// Where the text up to these tags stands; they are skipped. There is none if it is blank or has white space around it:
    /// then the reply is looked at more closely.
    fn value<const N: usize>(&mut self, tags: &[u8; N]) -> Option<Range<usize>> {
        let (from, rest) = (self.at, &self.reply[self.at..]);
        // It is too short for a search that looks at many bytes at once.
        let value = &rest[..rest.iter().position(|byte| matches!(byte, b'<' | b'&'))?];
        let is_bare = !value.first()?.is_ascii_whitespace() && !value.last()?.is_ascii_whitespace();
        self.at += value.len();
        self.skip(tags).filter(|()| is_bare)?;
        Some(from..from + value.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_elements_stand_in_the_order_of_the_captured_reply() {
        let reply = Reply::new(&Codes::default(), ResultType::Ok, "a\r\n<b>").with_body("<X/>".into());
        assert_eq!(
            reply.write("ADD<GROUP", "5"),
            "<RESULT><REQUESTTYPE>ADD&lt;GROUP</REQUESTTYPE><REQUESTID>5</REQUESTID><RESULTTYPE>API_OK</RESULTTYPE>\
             <RESULTCODE>20</RESULTCODE><RESULTMSG>a&#13;&#10;&lt;b&gt;</RESULTMSG><X/></RESULT>\r\n"
        );
    }

    #[test]
    fn a_head_is_read_in_the_usual_form_and_in_any_other() {
        let usual = "<RESULT>\r\n\t<REQUESTTYPE>TEST</REQUESTTYPE>\r\n\t<REQUESTID>7</REQUESTID><RESULTTYPE>API_OK</RESULTTYPE>\
                     <RESULTCODE> 20 </RESULTCODE><RESULTMSG>fine</RESULTMSG><DEVICES>…";
        let head = ReplyHead::read(usual.as_bytes()).expect("the usual form");
        assert_eq!(
            (head.request_id, &*head.label, head.code, &*head.message),
            (Some(7), "API_OK", 20, "fine")
        );
        let other = "<?xml version='1.0'?><RESULT><RESULTCODE>8</RESULTCODE><RESULTMSG>a &amp; b</RESULTMSG><X><Y/></X>\
                     <REQUESTID>9</REQUESTID><RESULTTYPE>API_DEVICE_INVALID</RESULTTYPE></RESULT>";
        let head = ReplyHead::read(other.as_bytes()).expect("another form");
        assert_eq!((head.request_id, head.code, &*head.message), (Some(9), 8, "a & b"));
        let twice =
            usual.replace("API_OK", "").replace("<DEVICES>…", "<RESULTTYPE>API_NEW</RESULTTYPE></RESULT>");
        assert_eq!(ReplyHead::read(twice.as_bytes()).expect("a head").label, "API_NEW");
    }

    #[test]
    fn a_whole_reply_of_the_shortest_form_is_found_with_its_end() {
        let short = "<RESULT><REQUESTTYPE>TEST</REQUESTTYPE><REQUESTID>7</REQUESTID><RESULTTYPE>API_OK</RESULTTYPE>\
                     <RESULTCODE>20</RESULTCODE><RESULTMSG>\"fine\" é</RESULTMSG></RESULT>";
        let input = format!("{short}\r\n<RESULT>");
        let (head, len) = ReplyHead::cut(input.as_bytes()).expect("a reply");
        assert_eq!((Some(head), &input[len..]), (ReplyHead::read(short.as_bytes()), "\r\n<RESULT>"));
        assert!(
            !(0..len).any(|len| ReplyHead::cut(&input.as_bytes()[..len]).is_some()),
            "it is not there to its end"
        );
        for (some, other) in [
            ("fine", "a &amp; b"),
            ("</RESULTMSG>", "</RESULTMSG><X/>"),
            ("API_OK", ""),
            ("API_OK", " API_OK"),
            (">20<", ">\u{3000}20<"),
            ("</RESULTCODE>", "</RESULTCODE>\r\n"),
        ] {
            let input = format!("{}{short}", short.replace(some, other));
            assert!(ReplyHead::cut(input.as_bytes()).is_none(), "{other}");
        }
    }

    #[test]
    fn what_has_no_result_code_is_no_reply() {
        for reply in [
            "",
            "<RESULT></RESULT>",
            "<RESULT><RESULTCODE>x</RESULTCODE></RESULT>",
            "HTTP/1.1 400",
            "<REQUEST/>",
        ] {
            assert_eq!(ReplyHead::read(reply.as_bytes()), None, "{reply}");
        }
    }
}
