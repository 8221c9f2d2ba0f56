//! Which trace a call belongs to, in the words of W3C's Trace Context.

use fastrand::Rng;

/// What a client says of the trace that its request is part of: the header `traceparent`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Parent {
    trace: u128,
    span: u64,
    is_sampled: bool,
}

impl Parent {
    /// The header's name.
    pub const HEADER: &'static str = "traceparent";

    /// Reads the header. What it says of versions to come is read as far as this version goes; what is not as it
    /// should be counts for nothing.
    #[must_use]
    pub fn read(header: &str) -> Option<Self> {
        let mut parts = header.split('-');
        let version = hexadecimal(parts.next()?, 2)?;
        let trace = hexadecimal(parts.next()?, 32)?;
        let span = hexadecimal(parts.next()?, 16)?;
        let flags = hexadecimal(parts.next()?, 2)?;
        let has_more = parts.next().is_some();
        let is_sound = version != 0xFF && (version != 0 || !has_more) && trace != 0 && span != 0;
        let span = u64::try_from(span).ok()?;
        is_sound.then_some(Self { trace, span, is_sampled: flags & 1 == 1 })
    }

    /// Whether it wants this call to be traced.
    pub(super) const fn is_sampled(self) -> bool {
        self.is_sampled
    }
}

/// So many digits, none of them a capital letter.
fn hexadecimal(text: &str, digits: usize) -> Option<u128> {
    let is_digit = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
    let is_sound = text.len() == digits && text.bytes().all(is_digit);
    is_sound.then(|| u128::from_str_radix(text, 16).ok()).flatten()
}

/// The place of a call in a trace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Context {
    /// Never 0.
    pub trace: u128,
    /// The call's own span, never 0.
    pub span: u64,
    /// The client's, if it has one.
    pub parent: Option<u64>,
}

impl Context {
    /// A place in the client's trace, or the first of a new one.
    pub fn new(parent: Option<Parent>, random: &mut Rng) -> Self {
        Self {
            trace: parent.map_or_else(|| random.u128(1..), |parent| parent.trace),
            span: random.u64(1..),
            parent: parent.map(|parent| parent.span),
        }
    }

    /// As everybody writes it.
    pub fn trace_id(self) -> String {
        format!("{:032x}", self.trace)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
    const SPAN: &str = "00f067aa0ba902b7";

    #[test]
    fn a_parent_is_read_as_the_specification_says() {
        let parent = |text: String| Parent::read(&text);
        let read = |is_sampled| {
            Some(Parent {
                trace: 0x4bf9_2f35_77b3_4da6_a3ce_929d_0e0e_4736,
                span: 0xf0_67aa_0ba9_02b7,
                is_sampled,
            })
        };
        assert_eq!(parent(format!("00-{TRACE}-{SPAN}-01")), read(true));
        assert_eq!(parent(format!("00-{TRACE}-{SPAN}-02")), read(false));
        assert_eq!(parent(format!("cc-{TRACE}-{SPAN}-03-more")), read(true), "a version to come");
        for text in [
            String::new(),
            format!("00-{TRACE}-{SPAN}"),
            format!("00-{TRACE}-{SPAN}-01-more"),
            format!("ff-{TRACE}-{SPAN}-01"),
            format!("00-{}-{SPAN}-01", TRACE.to_uppercase()),
            format!("00-{}-{SPAN}-01", "0".repeat(32)),
            format!("00-{TRACE}-{}-01", "0".repeat(16)),
            format!("00-{TRACE}-{SPAN}-+1"),
            format!("0-{TRACE}-{SPAN}-01"),
        ] {
            assert_eq!(Parent::read(&text), None, "{text}");
        }
    }

    #[test]
    fn a_call_goes_on_with_its_parents_trace_or_begins_one() {
        let mut random = Rng::with_seed(7);
        let parent = Parent { trace: 5, span: 6, is_sampled: true };
        let Context { trace, span, parent } = Context::new(Some(parent), &mut random);
        assert!((trace, parent) == (5, Some(6)) && span != 0);
        let first = Context::new(None, &mut random);
        assert!(first.parent.is_none() && first.trace != Context::new(None, &mut random).trace);
    }
}
