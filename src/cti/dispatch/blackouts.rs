//! BLACKOUTSTART, BLACKOUTSTOP, AGENTBLACKOUTSTART, AGENTBLACKOUTSTOP.

use jiff::{SignedDuration, Timestamp};

use super::Answered;
use super::ask::Ask;
use crate::command::Refusal;
use crate::cti::state::blackout::{Reach, Said};
use crate::protocol::codes::ResultType;
use crate::protocol::param::Param;

pub fn start(ask: &mut Ask<'_>) -> Answered {
    let (who, instance, said) = (ask.who(), ask.instance(), said(ask, Reach::Call)?);
    let was_in_call = ask.state.start_blackout(&who, instance, said)?;
    in_time(ask)?;
    ask.accepted_if(was_in_call)
}

pub fn stop(ask: &mut Ask<'_>) -> Answered {
    let (who, instance, said) = (ask.who(), ask.instance(), said(ask, Reach::Call)?);
    let was_in_call = ask.state.stop_blackout(&who, instance, said)?;
    ask.accepted_if(was_in_call)
}

pub fn start_agent(ask: &mut Ask<'_>) -> Answered {
    let (who, said) = (ask.who(), said(ask, Reach::Agent)?);
    ask.state.start_agent_blackout(&who, said, ask.now)?;
    in_time(ask)?;
    Ok(ask.accepted())
}

pub fn stop_agent(ask: &mut Ask<'_>) -> Answered {
    let (who, said) = (ask.who(), said(ask, Reach::Agent)?);
    ask.state.stop_agent_blackout(&who, said)?;
    Ok(ask.accepted())
}

/// A recording that was handed over cannot be silenced any more. The blackout holds for all others.
fn in_time(ask: &mut Ask<'_>) -> Result<(), Refusal> {
    if !ask.state.asks_too_late() {
        return Ok(());
    }
    let message = format!(
        "core {} has handed over a recording that this blackout concerns: it cannot be silenced here any more",
        ask.state.core()
    );
    Err(Refusal::new(ResultType::ProcessingMessage, message))
}

/// The command, with ASKEDAT if whoever brings it says when it was asked for.
fn said(ask: &Ask<'_>, reach: Reach) -> Result<Said, Refusal> {
    let asked = ask.request.get(Param::AskedAt).and_then(|text| text.parse().ok());
    Ok(Said { reach, at: moment(ask)?, asked })
}

/// "Based on when the message is received plus any TIMEOFFSET."
fn moment(ask: &Ask<'_>) -> Result<Timestamp, Refusal> {
    let Some(text) = ask.request.get(Param::TimeOffset) else { return Ok(ask.now) };
    seconds(text).and_then(|offset| ask.now.checked_add(offset).ok()).ok_or_else(|| {
        let message = format!("TIMEOFFSET {text} is no number of seconds, such as -5 or 2.5");
        Refusal::new(ResultType::InvalidMessageFormat, message)
    })
}

/// Seconds as people write them: a sign, digits, a decimal point. What else [`f64`] reads (`inf`, `1e3`)
/// is none.
fn seconds(text: &str) -> Option<SignedDuration> {
    let is_plain = text.bytes().all(|b| b.is_ascii_digit() || matches!(b, b'+' | b'-' | b'.'));
    let seconds = text.parse().ok().filter(|_| is_plain)?;
    SignedDuration::try_from_secs_f64(seconds).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn offsets_are_seconds_with_a_sign_and_fractions() {
        for (text, milliseconds) in [
            ("0", Some(0)),
            ("-5", Some(-5000)),
            ("+5", Some(5000)),
            ("2.5", Some(2500)),
            ("-.25", Some(-250)),
            ("x", None),
            ("1e3", None),
            ("inf", None),
            ("NaN", None),
            ("--1", None),
            ("5s", None),
            (".", None),
        ] {
            assert_eq!(seconds(text).map(|d| d.as_millis()), milliseconds, "{text}");
        }
        assert_eq!(seconds(&"9".repeat(400)), None);
    }
}
