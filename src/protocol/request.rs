//! A request, whatever it came by: nothing behind this knows the transport.

use super::fields::Fields;
use super::param::Param;
use super::plain;
use super::xml::{self, Bounds};

/// One request: its function's name, its REQUESTID, and its parameters.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Request {
    fields: Fields,
}

/// A request that cannot be read, with as much of its name as could be.
#[derive(Debug, Default)]
pub struct BadRequest {
    /// The function's name, or nothing.
    pub kind: String,
    /// The REQUESTID as it was sent, or nothing.
    pub id: String,
    /// What is wrong and where.
    pub reason: String,
    /// Whether the connection it came on is closed once it is answered.
    pub closes: bool,
}

impl Request {
    /// Reads one XML message.
    ///
    /// # Errors
    /// [`BadRequest`] for anything but a well-formed REQUEST inside the bounds.
    pub fn read(message: &[u8], bounds: Bounds) -> Result<Self, BadRequest> {
        xml::read(message, "REQUEST", bounds).map(Self::from).map_err(|bad| {
            let request = Self::from(*bad.fields);
            let id = if request.id().is_empty() { salvage_id(message) } else { request.id() };
            BadRequest {
                kind: request.kind().into(),
                id: id.into(),
                reason: bad.reason,
                closes: bad.is_hostile,
            }
        })
    }

    /// The request of the usual form that `input` begins with, and its length; `None` of any other, and of one that is
    /// not there to its end.
    #[must_use]
    pub fn cut(input: &[u8], bounds: Bounds) -> Option<(Self, usize)> {
        plain::cut(input, "REQUEST", bounds).map(|(fields, len)| (Self { fields }, len))
    }

    /// The function's name as it was sent, in TYPE or REQUESTTYPE.
    #[must_use]
    pub fn kind(&self) -> &str {
        self.fields.get(Param::Type).unwrap_or("")
    }

    /// REQUESTID as it was sent; the answer repeats it.
    #[must_use]
    pub fn id(&self) -> &str {
        self.fields.get(Param::RequestId).unwrap_or("")
    }

    /// The parameters, and what else the request holds.
    #[must_use]
    pub const fn fields(&self) -> &Fields {
        &self.fields
    }

    /// The value of a parameter, if it is there and not blank.
    #[must_use]
    pub fn get(&self, param: Param) -> Option<&str> {
        self.fields.get(param)
    }
}

impl From<Fields> for Request {
    fn from(fields: Fields) -> Self {
        Self { fields }
    }
}

/// Whether a text is an integer as REQUESTID must be: up to 19 digits, perhaps with a sign.
#[must_use]
pub fn is_integer(text: &str) -> bool {
    let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
    (1..=19).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit())
}

/// The REQUESTID of a message that is malformed before it: so that even that client knows which of its
/// requests was refused.
fn salvage_id(message: &[u8]) -> &str {
    const TAG: &[u8] = b"<REQUESTID>";
    let Some(at) = memchr::memmem::find(message, TAG) else { return "" };
    let value = message[at + TAG.len()..].split(|b| *b == b'<').next().unwrap_or_default();
    str::from_utf8(value).map(str::trim).ok().filter(|id| is_integer(id)).unwrap_or("")
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOUNDS: Bounds = Bounds { max_fields: 20, max_depth: 4 };

    fn read(text: &str) -> Request {
        Request::read(text.as_bytes(), BOUNDS).unwrap_or_else(|bad| panic!("{text}: {}", bad.reason))
    }

    fn refused(message: &[u8]) -> BadRequest {
        Request::read(message, BOUNDS).expect_err("it must be refused")
    }

    fn values(request: &Request) -> Vec<(&str, &str)> {
        request.fields().iter().map(|f| (f.name, f.value)).collect()
    }

    #[test]
    fn the_vendors_own_oddities_are_taken() {
        let role = read(
            "<REQUEST>\r\n\r\n<REQUESTTYPE> MODIFYUSERROLE </REQUESTTYPE>\r\n<REQUESTID>1</REQUESTID>\r\n</REQUEST>",
        );
        assert_eq!((role.kind(), role.id()), ("MODIFYUSERROLE", "1"));
        let group = read("<REQUEST><GROUPNAME>Sales & Marketing</GROUPNAME></REQUEST>");
        assert_eq!(group.get(Param::GroupName), Some("Sales & Marketing"));
        let user = read("<REQUEST><USER_ID>2</USER_ID><ADD_TIME></ADD_TIME></REQUEST>");
        assert_eq!((user.get(Param::UserId), user.get(Param::AddTime)), (Some("2"), None));
        assert!(user.fields().has(Param::AddTime));
    }

    #[test]
    fn every_character_of_a_value_is_kept() {
        let request = read(
            "<REQUEST><A>AT&amp;T &lt;b&gt; &quot;x&apos; &#233;&#x1F600; é😀</A><B><![CDATA[<i>&]]> x</B>\
             <C>a&b &nbsp; c;</C><D> two\r\nlines </D></REQUEST>",
        );
        let expected =
            [("A", "AT&T <b> \"x' é😀 é😀"), ("B", "<i>& x"), ("C", "a&b &nbsp; c;"), ("D", "two\r\nlines")];
        assert_eq!(values(&request), expected);
    }

    #[test]
    fn unknown_elements_are_kept_with_all_that_is_in_them() {
        let request = read("<REQUEST><X a=\"1\">t & u<Y>2</Y></X><Z b='2'/></REQUEST>");
        let markup: Vec<_> = request.fields().iter().map(|f| f.markup).collect();
        assert_eq!(markup, [Some("<X a=\"1\">t &amp; u<Y>2</Y></X>"), Some("<Z b=\"2\"/>")]);
    }

    #[test]
    fn declared_character_sets_are_honoured() {
        let request = |declaration: &str| {
            let mut message = declaration.as_bytes().to_vec();
            message.extend_from_slice(b"<REQUEST><USER1>caf\xE9 \x80</USER1></REQUEST>");
            message
        };
        for declaration in [
            "<?xml version='1.0' encoding='windows-1252'?>",
            "<?xml version=\"1.0\" encoding = \"ISO-8859-1\"?>",
        ] {
            let read = Request::read(&request(declaration), BOUNDS).expect("it is readable");
            assert_eq!(read.get(Param::User1), Some("café €"));
        }
        assert!(refused(&request("")).reason.contains("is not UTF-8"));
        assert!(
            refused(&request("<?xml version='1.0' encoding='utf-16'?>")).reason.contains("not supported")
        );
        assert_eq!(read("\u{FEFF}<REQUEST><USER1>é</USER1></REQUEST>").get(Param::User1), Some("é"));
    }

    #[test]
    fn what_is_refused_says_what_and_where() {
        for (message, reason) in [
            ("<REQUEST><TYPE>X</TYP></REQUEST>", "expected `</TYPE>`, but `</TYP>` was found at byte 16"),
            ("<RESULT></RESULT>", "expected <REQUEST>, found <RESULT> at byte 8"),
            ("<REQUEST>hello</REQUEST>", "text between elements"),
            ("<REQUEST><A>&#1;</A></REQUEST>", "a control character in <A>"),
            ("<REQUEST><A>\u{1}</A></REQUEST>", "a control character in <A>"),
            ("<REQUEST><A>&#xFFFF;</A></REQUEST>", "a control character in <A>"),
            ("<REQUEST><1>2</1></REQUEST>", "<1> is not a name"),
            ("<!DOCTYPE x><REQUEST/>", "(DTD)"),
            ("<REQUEST><A><B><C><D/></C></B></A></REQUEST>", ""),
            ("<REQUEST><A><B><C><D></D></C></B></A></REQUEST>", "more than 4 elements inside each other"),
            ("<REQUEST/><REQUEST/>", "something behind the root element"),
            ("<REQUEST><A>1</A>", "the message ends before its root element closes"),
            ("<REQUEST><A>1", "the message ends inside an element"),
            ("", "no <REQUEST> element"),
        ] {
            match Request::read(message.as_bytes(), BOUNDS) {
                Ok(_) => assert_eq!(reason, "", "{message} was taken"),
                Err(bad) => {
                    assert!(!reason.is_empty() && bad.reason.contains(reason), "{message}: {}", bad.reason)
                }
            }
        }
        let many = format!("<REQUEST>{}</REQUEST>", "<A/>".repeat(21));
        assert!(refused(many.as_bytes()).reason.contains("more than 20 elements"));
    }

    #[test]
    fn a_refused_request_still_has_its_name() {
        let early = refused(b"<REQUEST><A>1</B><REQUESTID> 7 </REQUESTID></REQUEST>");
        assert_eq!((early.kind.as_str(), early.id.as_str()), ("", "7"));
        let late = refused(b"<REQUEST><TYPE>TEST</TYPE><REQUESTID>8</REQUESTID><A>1</B></REQUEST>");
        assert_eq!((late.kind.as_str(), late.id.as_str()), ("TEST", "8"));
    }

    #[test]
    fn what_is_printed_of_a_request_holds_no_password() {
        let request = read("<REQUEST><TYPE>IMPORTUSER</TYPE><PASSWORD>hunter2</PASSWORD></REQUEST>");
        let printed = format!("{request:?}");
        assert!(printed.contains("IMPORTUSER") && !printed.contains("hunter2"), "{printed}");
    }

    #[test]
    fn request_numbers_are_integers() {
        for (text, expected) in [
            ("1", true),
            ("-7", true),
            ("007", true),
            ("", false),
            ("1.5", false),
            ("x", false),
            ("-", false),
        ] {
            assert_eq!(is_integer(text), expected, "{text}");
        }
        assert!(!is_integer(&"1".repeat(20)));
    }
}
