//! AGENTWINDOW.

use super::ask::Ask;
use super::{Answer, Answered};
use crate::command::Refusal;
use crate::cti::state::names::Who;
use crate::protocol::codes::ResultType;
use crate::protocol::param::Param;
use crate::protocol::write::element;

/// There is no screen here: who is asked for is looked up as a core would, and what is shown is made up.
pub fn show(ask: &Ask<'_>) -> Answered {
    let request = ask.request;
    let user = request.get(Param::UserName);
    let who = Who::of(|param| match param {
        Param::StationName => request.get(param),
        Param::SysUser | Param::CrmUser => user,
        _ => None,
    });
    let known = ask.state.known(&who);
    let Some(device) = known.first() else {
        let message = format!("No device of that station or user is known to core {}", ask.state.core());
        return Err(Refusal::new(ResultType::AgentNotFound, message));
    };
    let is_busy = device.busy_since().is_some();
    let mut body = String::new();
    element(&mut body, "DOMAIN", "simulated.example");
    element(&mut body, "IPADDRESS", "127.0.0.1");
    element(&mut body, "STATUS", if is_busy { "BUSY" } else { "AVAILABLE" });
    element(&mut body, "APPLICATIONTITLE", "Simulated desktop");
    element(&mut body, "LASTUPDATE", &ask.now.strftime("%b %-d %Y %-I:%M%p").to_string());
    Ok(Answer::elements(body))
}
