//! CALLSTART, CALLSTOP, CALLUPDATE, RECORDSTART, RECORDSTOP.

use super::ask::Ask;
use super::{Answer, Answered};
use crate::command::Refusal;
use crate::cti::state::call::PhoneCall;
use crate::protocol::codes::ResultType;
use crate::protocol::param::Param;

pub fn start(ask: &mut Ask<'_>) -> Answered {
    let (who, instance, data) = (ask.who(), ask.instance().unwrap_or(""), ask.data());
    ask.state.begin_call(&who, instance, data, ask.now)?;
    Ok(ask.accepted())
}

pub fn stop(ask: &mut Ask<'_>) -> Answered {
    let (who, instance) = (ask.who(), ask.instance());
    let was_in_call = ask.state.end_call(&who, instance, ask.now)?;
    ask.accepted_if(was_in_call)
}

pub fn update(ask: &mut Ask<'_>) -> Answered {
    if let Some(record) = ask.request.get(Param::RecordId) {
        return Err(no_record(&format!("core {} keeps no recording {record}", ask.state.core())));
    }
    let (who, instance, data) = (ask.who(), ask.instance(), ask.data());
    let even_if_over = ask.says_yes(Param::UpdateIfNotRecording);
    let call = ask.state.call(&who, instance)?;
    let (message, call) = match call {
        Some(call) if call.is_open() => (None, call),
        Some(call) if even_if_over => (Some("Updated recording in database"), call),
        None if even_if_over => return Err(no_record("there is no previous call to update")),
        _ => return Err(ask.not_in_call()),
    };
    call.data.merge(data)?;
    Ok(message.map_or_else(|| ask.accepted(), Answer::plain))
}

fn no_record(message: &str) -> Refusal {
    Refusal::new(ResultType::RecordIdInvalid, message)
}

pub fn start_recording(ask: &mut Ask<'_>) -> Answered {
    let now = ask.now;
    record(ask, PhoneCall::is_open, |call| call.start_recording(now))
}

/// A stop that comes after the call's end does no harm.
pub fn stop_recording(ask: &mut Ask<'_>) -> Answered {
    let now = ask.now;
    record(ask, |_| true, |call| call.stop_recording(now))
}

fn record(
    ask: &mut Ask<'_>,
    fits: impl Fn(&PhoneCall) -> bool,
    act: impl FnOnce(&mut PhoneCall),
) -> Answered {
    let (who, instance, data) = (ask.who(), ask.instance(), ask.data());
    let Some(call) = ask.state.call(&who, instance)?.filter(|call| fits(call)) else {
        return Err(ask.not_in_call());
    };
    call.data.merge(data)?;
    act(call);
    Ok(ask.accepted())
}
