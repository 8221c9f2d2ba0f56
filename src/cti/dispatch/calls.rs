//! CALLSTART, CALLSTOP, CALLUPDATE, RECORDSTART, RECORDSTOP.

use super::ask::Ask;
use super::{Answer, Answered};
use crate::command::Refusal;
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
        Some(call) if even_if_over && call.takes().any(|take| take.sealed.is_some()) => {
            return Err(no_record(
                "the recording is in the database already: update it there, by its RECORDID",
            ));
        }
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
    let (who, instance, data) = (ask.who(), ask.instance(), ask.data());
    let was_in_call = ask.state.start_recording(&who, instance, data, ask.now)?;
    ask.accepted_if(was_in_call)
}

/// A stop that comes after the call's end does no harm.
pub fn stop_recording(ask: &mut Ask<'_>) -> Answered {
    let (now, who, instance, data) = (ask.now, ask.who(), ask.instance(), ask.data());
    let Some(call) = ask.state.call(&who, instance)? else { return Err(ask.not_in_call()) };
    // A stop is not refused because too much was said with it.
    call.stop_recording(now);
    call.data.merge(data)?;
    Ok(ask.accepted())
}
