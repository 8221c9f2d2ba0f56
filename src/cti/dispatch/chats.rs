//! CHATSTART, CHATSTOP, CHATUPDATE.

use super::Answered;
use super::ask::Ask;
use crate::cti::state::agents::AgentName;
use crate::cti::state::blackout::Blackouts;
use crate::cti::state::chat::Chat;
use crate::cti::state::heard::Heard;
use crate::cti::state::names::AGENT_NAMES;
use crate::protocol::param::Param;

pub fn start(ask: &mut Ask<'_>) -> Answered {
    let (session, agent, data) = (ask.session(), agent(ask), ask.data());
    let (blackouts, heard) = (Blackouts::default(), Heard::default());
    let chat = Chat { id: "".into(), agent, started: ask.now, data, blackouts, heard };
    ask.state.start_chat(session, chat)?;
    Ok(ask.accepted())
}

pub fn stop(ask: &mut Ask<'_>) -> Answered {
    let session = ask.session();
    ask.state.stop_chat(session, ask.now)?;
    Ok(ask.accepted())
}

pub fn update(ask: &mut Ask<'_>) -> Answered {
    let (session, data) = (ask.session(), ask.data());
    ask.state.chat(session)?.data.merge(data)?;
    Ok(ask.accepted())
}

/// KEYNAME and KEYVALUE, where they name the agent as devices do. A core has no directory: what an AGENTID
/// or a USERNAME means, it cannot tell.
fn agent(ask: &Ask<'_>) -> Option<AgentName> {
    let name = ask.request.get(Param::KeyName).and_then(Param::from_name)?;
    let value = ask.request.get(Param::KeyValue)?;
    AGENT_NAMES.contains(&name).then(|| (name, value.into()))
}
