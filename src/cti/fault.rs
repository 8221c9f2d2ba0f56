//! What a core does wrong, on demand.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use jiff::SignedDuration;

/// How a core misbehaves, for tests and drills.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Fault {
    /// Not at all.
    #[default]
    None,
    /// It reads and neither works nor answers.
    Hang,
    /// It listens no more, and every connection is closed.
    Refuse,
    /// It reads a request and closes the connection without an answer.
    Close,
    /// It answers with bytes that are no RESULT.
    Garbage,
    /// It works at once and answers this much later.
    Delay(Duration),
    /// It answers with this RESULTCODE and does nothing.
    Reject(i32),
}

/// A text that names no fault.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} is no fault: use none, hang, refuse, close, garbage, delay:200ms or reject:7, with your own time or code"
)]
pub struct UnknownFault(String);

impl FromStr for Fault {
    type Err = UnknownFault;

    fn from_str(text: &str) -> Result<Self, UnknownFault> {
        let (name, value) = text.split_once(':').map_or((text, None), |(name, value)| (name, Some(value)));
        let fault = match (name, value) {
            ("none", None) => Some(Self::None),
            ("hang", None) => Some(Self::Hang),
            ("refuse", None) => Some(Self::Refuse),
            ("close", None) => Some(Self::Close),
            ("garbage", None) => Some(Self::Garbage),
            ("delay", Some(time)) => duration(time).map(Self::Delay),
            ("reject", Some(code)) => code.parse().ok().map(Self::Reject),
            _ => None,
        };
        fault.ok_or_else(|| UnknownFault(text.into()))
    }
}

fn duration(text: &str) -> Option<Duration> {
    text.parse::<SignedDuration>().ok()?.try_into().ok()
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::None => f.write_str("none"),
            Self::Hang => f.write_str("hang"),
            Self::Refuse => f.write_str("refuse"),
            Self::Close => f.write_str("close"),
            Self::Garbage => f.write_str("garbage"),
            Self::Delay(time) if time.subsec_nanos() % 1_000_000 == 0 => {
                write!(f, "delay:{}ms", time.as_millis())
            }
            Self::Delay(time) => write!(f, "delay:{}us", time.as_micros()),
            Self::Reject(code) => write!(f, "reject:{code}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_fault_is_read_as_it_is_written() {
        for text in ["none", "hang", "refuse", "close", "garbage", "delay:200ms", "delay:1500us", "reject:7"]
        {
            assert_eq!(text.parse::<Fault>().map(|f| f.to_string()).as_deref(), Ok(text));
        }
        assert_eq!("delay:1.5s".parse(), Ok(Fault::Delay(Duration::from_millis(1500))));
        assert_eq!("reject:-1".parse(), Ok(Fault::Reject(-1)));
    }

    #[test]
    fn anything_else_is_refused_with_the_choice() {
        for text in ["", "Hang", "delay", "delay:", "delay:-1s", "delay:x", "reject", "reject:x", "hang:1"] {
            let fault = text.parse::<Fault>().expect_err(text);
            assert!(fault.to_string().contains("delay:200ms or reject:7"), "{fault}");
        }
    }
}
