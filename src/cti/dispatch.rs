//! Request → reply. Every function goes the same way: it reads what it needs from the request, applies it
//! to the state, and answers.

mod ask;
mod blackouts;
mod booth;
mod calls;
mod chats;
mod echo;
mod listing;
mod sections;
mod system;
mod window;

use std::borrow::Cow;

use jiff::Timestamp;

use super::state::State;
use crate::command::{Command, Refusal, check, function};
use crate::protocol::codes::{Codes, ResultType};
use crate::protocol::request::Request;
use crate::protocol::result::Reply;
use ask::Ask;
pub use booth::{Booth, Empty};

/// What a function says when all went well: RESULTMSG, and its own elements.
struct Answer {
    message: Cow<'static, str>,
    body: String,
}

type Answered = Result<Answer, Refusal>;

impl Answer {
    /// An answer without elements of its own.
    fn plain(message: impl Into<Cow<'static, str>>) -> Self {
        Self { message: message.into(), body: String::new() }
    }

    /// `API_OK` and the function's own elements, as most status functions answer.
    const fn elements(body: String) -> Self {
        Self { message: Cow::Borrowed("API_OK"), body }
    }
}

/// Works on one request that came at this time; `booth` knows what is really recorded.
#[must_use]
pub fn answer(
    state: &mut State,
    booth: &dyn Booth,
    codes: &Codes,
    request: &Request,
    now: Timestamp,
) -> Reply {
    let answered = check(request).and_then(|function| run(&mut Ask { function, request, state, booth, now }));
    if changes_state(request) {
        state.settle(request, now);
    }
    match answered {
        Ok(answer) => Reply::new(codes, ResultType::Ok, answer.message).with_body(answer.body),
        Err(refusal) => Reply::new(codes, refusal.result, refusal.message),
    }
}

/// Whether a request asks for a function that changes what a core remembers.
#[must_use]
pub fn changes_state(request: &Request) -> bool {
    use Command::*;
    function(request.kind()).is_some_and(|function| {
        matches!(
            function.command,
            CallStart
                | CallStop
                | CallUpdate
                | RecordStart
                | RecordStop
                | BlackoutStart
                | BlackoutStop
                | AgentBlackoutStart
                | AgentBlackoutStop
                | ChatStart
                | ChatStop
                | ChatUpdate
        )
    })
}

fn run(ask: &mut Ask<'_>) -> Answered {
    match ask.function.command {
        Command::CallStart => calls::start(ask),
        Command::CallStop => calls::stop(ask),
        Command::CallUpdate => calls::update(ask),
        Command::RecordStart => calls::start_recording(ask),
        Command::RecordStop => calls::stop_recording(ask),
        Command::BlackoutStart => blackouts::start(ask),
        Command::BlackoutStop => blackouts::stop(ask),
        Command::AgentBlackoutStart => blackouts::start_agent(ask),
        Command::AgentBlackoutStop => blackouts::stop_agent(ask),
        Command::ChatStart => chats::start(ask),
        Command::ChatStop => chats::stop(ask),
        Command::ChatUpdate => chats::update(ask),
        Command::DeviceList => Ok(listing::devices(ask)),
        Command::DeviceStatus => listing::status(ask),
        Command::DeviceRecordingStatus => listing::recordings(ask),
        Command::Channels => Ok(listing::channels(ask)),
        Command::SystemStatus => Ok(system::status(ask)),
        Command::AgentWindow => window::show(ask),
        Command::Test => Ok(echo::echo(ask)),
        _ => Err(not_a_cores(ask)),
    }
}

/// The directory, the records and the recordings are not a core's.
fn not_a_cores(ask: &Ask<'_>) -> Refusal {
    let message = format!("{} is not answered by core {}", ask.function.name, ask.state.core());
    Refusal::new(ResultType::InvalidRequestType, message)
}

#[cfg(test)]
mod tests;
