//! What a core says again: nearly all its confirmations are the same to the byte, but for the number of the request.

use super::result::ReplyHead;

/// The last confirmation that was read, to know the next one by: two comparisons take a tenth of the time that reading does.
#[derive(Debug, Default)]
pub struct Refrain {
    /// All of it.
    text: Vec<u8>,
    /// Where the number stands in it, and where it ends.
    number: (usize, usize),
}

/// The longest one that is kept, in bytes.
const LONGEST: usize = 1024;

/// What stands before the function's name and behind it.
const TAGS: (&[u8], &[u8]) = (b"<RESULT><REQUESTTYPE>", b"</REQUESTTYPE><REQUESTID>");

impl Refrain {
    /// The number of the request that `input` confirms in the same words as the last, and how long that reply is; `None` if
    /// it begins with anything else, or is not there to its end.
    #[must_use]
    pub fn again(&self, input: &[u8]) -> Option<(u32, usize)> {
        let (before, behind) = (&self.text[..self.number.0], &self.text[self.number.1..]);
        let rest = input.strip_prefix(before).filter(|_| !behind.is_empty())?;
        let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
        rest[digits..].starts_with(behind).then_some(())?;
        Some((number(&rest[..digits])?, before.len() + digits + behind.len()))
    }

    /// Learns a reply whose head was found by [`ReplyHead::cut`], if it confirms.
    pub fn learn(&mut self, head: &ReplyHead<'_>, reply: &[u8]) {
        if reply.len() > LONGEST || head.request_id.is_none() || !head.is_ok() {
            return;
        }
        let end = |from: usize| from + reply[from..].iter().take_while(|byte| **byte != b'<').count();
        let from = end(TAGS.0.len()) + TAGS.1.len();
        self.number = (from, end(from));
        self.text.clear();
        self.text.extend_from_slice(reply);
    }
}

/// A number of up to nine digits; a longer one is read elsewhere.
fn number(digits: &[u8]) -> Option<u32> {
    let add = |number: u32, digit: &u8| number * 10 + u32::from(digit - b'0');
    (1..=9).contains(&digits.len()).then(|| digits.iter().fold(0, add))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn reply(kind: &str, id: &str, label: &str, message: &str) -> String {
        format!(
            "<RESULT><REQUESTTYPE>{kind}</REQUESTTYPE><REQUESTID>{id}</REQUESTID><RESULTTYPE>{label}</RESULTTYPE>\
             <RESULTCODE>20</RESULTCODE><RESULTMSG>{message}</RESULTMSG></RESULT>"
        )
    }

    fn learned(text: &str) -> Refrain {
        let mut refrain = Refrain::default();
        let (head, len) = ReplyHead::cut(text.as_bytes()).expect("a reply");
        refrain.learn(&head, &text.as_bytes()[..len]);
        refrain
    }

    #[test]
    fn a_confirmation_is_known_again_by_all_but_its_number() {
        let refrain = learned(&reply("CALLSTART", "7", "API_OK", "done"));
        let next = reply("CALLSTART", "123456789", "API_OK", "done");
        let input = format!("{next}\r\n<RESULT>");
        assert_eq!(refrain.again(input.as_bytes()), Some((123_456_789, next.len())));
        assert!((0..next.len()).all(|len| refrain.again(&input.as_bytes()[..len]).is_none()), "not its end");
        for other in [
            reply("CALLSTOP", "8", "API_OK", "done"),
            reply("CALLSTART", "8", "API_OK", "gone"),
            reply("CALLSTART", "", "API_OK", "done"),
            reply("CALLSTART", " 8", "API_OK", "done"),
            reply("CALLSTART", "8x", "API_OK", "done"),
            reply("CALLSTART", "1234567890", "API_OK", "done"),
        ] {
            assert_eq!(refrain.again(other.as_bytes()), None, "{other}");
        }
    }

    #[test]
    fn what_does_not_confirm_is_not_learned() {
        for text in [
            reply("CALLSTART", "7", "API_DEVICE_INVALID", "no"),
            reply("CALLSTART", "x", "API_OK", "done"),
            reply("CALLSTART", "7", "API_OK", &"x".repeat(LONGEST)),
        ] {
            assert_eq!(learned(&text).again(text.as_bytes()), None, "{text}");
        }
        assert_eq!(Refrain::default().again(b"7"), None);
    }

    proptest! {
        #[test]
        fn what_is_known_again_reads_the_same(
            first in "[A-Z]{1,3}", second in "[A-Z]{1,3}", id in "[0-9 x]{1,10}", said in "[a-c]", again in "[a-c]"
        ) {
            let refrain = learned(&reply(&first, "1", "API_OK", &said));
            let text = reply(&second, &id, "API_OK", &again);
            if let Some((number, len)) = refrain.again(text.as_bytes()) {
                let (head, whole) = ReplyHead::cut(text.as_bytes()).expect("it is of the shortest form");
                prop_assert_eq!((Some(number), len, true), (head.request_id, whole, head.is_ok()));
            }
        }
    }
}
