//! AGENTWINDOW.

use super::ask::Ask;
use super::{Answer, Answered};
use crate::command::Refusal;
use crate::cti::state::device::Device;
use crate::cti::state::heard::Heard;
use crate::cti::state::names::Who;
use crate::protocol::codes::ResultType;
use crate::protocol::param::Param;
use crate::protocol::write::element;

/// A core sees no screens: it shows whether the agent is in a call or a chat, and what commands told of the window.
pub fn show(ask: &Ask<'_>) -> Answered {
    let (devices, chats) = (devices(ask), chats(ask));
    let is_busy = !chats.is_empty() || devices.iter().any(|device| device.busy_since().is_some());
    let heard = devices.iter().map(|device| &device.heard).chain(chats);
    let Some(heard) = heard.max_by_key(|heard| heard.at) else {
        let message = format!("No device of that station or user is known to core {}", ask.state.core());
        return Err(Refusal::new(ResultType::AgentNotFound, message));
    };
    Ok(Answer::elements(body(is_busy, heard)))
}

fn body(is_busy: bool, heard: &Heard) -> String {
    let [domain, address, title] = &heard.window;
    let mut body = String::new();
    element(&mut body, "DOMAIN", domain);
    element(&mut body, "IPADDRESS", address);
    element(&mut body, "STATUS", if is_busy { "BUSY" } else { "AVAILABLE" });
    element(&mut body, "APPLICATIONTITLE", title);
    let heard_at = heard.at.map(|at| at.strftime("%b %-d %Y %-I:%M%p").to_string());
    element(&mut body, "LASTUPDATE", &heard_at.unwrap_or_default());
    body
}

/// The agent's devices.
fn devices<'s>(ask: &'s Ask<'_>) -> Vec<&'s Device> {
    let (request, user) = (ask.request, ask.request.get(Param::UserName));
    let who = Who::of(|param| match param {
        Param::StationName => request.get(param),
        Param::SysUser | Param::CrmUser => user,
        _ => None,
    });
    ask.state.known(&who)
}

/// What was heard in the agent's chats.
fn chats<'s>(ask: &'s Ask<'_>) -> Vec<&'s Heard> {
    let user = ask.request.get(Param::UserName);
    let is_users = |(name, value): &(Param, Box<str>)| {
        matches!(name, Param::SysUser | Param::CrmUser) && user == Some(value)
    };
    let chats = ask.state.chats().map(|(_, chat)| chat);
    chats.filter(|chat| chat.agent.as_ref().is_some_and(is_users)).map(|chat| &chat.heard).collect()
}
