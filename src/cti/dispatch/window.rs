//! AGENTWINDOW.

use super::ask::Ask;
use super::{Answer, Answered};
use crate::command::Refusal;
use crate::cti::state::heard::Heard;
use crate::cti::state::names::Who;
use crate::protocol::codes::ResultType;
use crate::protocol::param::Param;
use crate::protocol::write::element;

/// A core sees no screens: it shows whether the agent is in a call or a chat, and what commands told of the window.
pub fn show(ask: &Ask<'_>) -> Answered {
    let Some((is_busy, heard)) = of_device(ask).or_else(|| of_chat(ask)) else {
        let message = format!("No device of that station or user is known to core {}", ask.state.core());
        return Err(Refusal::new(ResultType::AgentNotFound, message));
    };
    let [domain, address, title] = &heard.window;
    let mut body = String::new();
    element(&mut body, "DOMAIN", domain);
    element(&mut body, "IPADDRESS", address);
    element(&mut body, "STATUS", if is_busy { "BUSY" } else { "AVAILABLE" });
    element(&mut body, "APPLICATIONTITLE", title);
    let heard_at = heard.at.map(|at| at.strftime("%b %-d %Y %-I:%M%p").to_string());
    element(&mut body, "LASTUPDATE", &heard_at.unwrap_or_default());
    Ok(Answer::elements(body))
}

/// The agent's device that was last heard of.
fn of_device<'s>(ask: &'s Ask<'_>) -> Option<(bool, &'s Heard)> {
    let (request, user) = (ask.request, ask.request.get(Param::UserName));
    let who = Who::of(|param| match param {
        Param::StationName => request.get(param),
        Param::SysUser | Param::CrmUser => user,
        _ => None,
    });
    let known = ask.state.known(&who);
    let is_busy = known.iter().any(|device| device.busy_since().is_some());
    let last = known.into_iter().max_by_key(|device| device.heard.at)?;
    Some((is_busy, &last.heard))
}

/// The chat of an agent who has no device.
fn of_chat<'s>(ask: &'s Ask<'_>) -> Option<(bool, &'s Heard)> {
    let user = ask.request.get(Param::UserName)?;
    let is_users = |(name, value): &(Param, Box<str>)| {
        matches!(name, Param::SysUser | Param::CrmUser) && **value == *user
    };
    let chats = ask.state.chats().map(|(_, chat)| chat);
    let last = chats.filter(|c| c.agent.as_ref().is_some_and(is_users)).max_by_key(|c| c.heard.at)?;
    Some((true, &last.heard))
}
