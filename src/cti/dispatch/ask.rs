//! One request under way, and what most functions read from it.

use jiff::Timestamp;

use super::{Answer, Booth};
use crate::command::{Function, Refusal};
use crate::cti::state::State;
use crate::cti::state::data::Data;
use crate::cti::state::names::Who;
use crate::protocol::codes::ResultType;
use crate::protocol::param::Param;
use crate::protocol::request::Request;

/// One request under way.
pub struct Ask<'a> {
    pub function: &'static Function,
    pub request: &'a Request,
    pub state: &'a mut State,
    pub booth: &'a dyn Booth,
    pub now: Timestamp,
}

impl<'a> Ask<'a> {
    /// The device or agent that is meant.
    pub fn who(&self) -> Who<'a> {
        let request = self.request;
        Who::of(|param| request.get(param))
    }

    /// CALLINSTANCE; none if it is absent or blank, which means the device's last call.
    pub fn instance(&self) -> Option<&'a str> {
        self.request.get(Param::CallInstance)
    }

    /// SESSIONID; the check has seen to it that there is one.
    pub fn session(&self) -> &'a str {
        self.request.get(Param::SessionId).unwrap_or("")
    }

    /// Whether a parameter says Y.
    pub fn says_yes(&self, param: Param) -> bool {
        self.request.get(param).is_some_and(|value| value.eq_ignore_ascii_case("Y"))
    }

    /// All that was said, elements that nobody knows included, but not what only steers the request.
    pub fn data(&self) -> Data {
        let mut data = Data::default();
        for field in self.request.fields().iter() {
            let value = field.markup.unwrap_or(field.value);
            match field.param {
                Some(Param::Type | Param::RequestId | Param::Detail | Param::UpdateIfNotRecording) => {}
                Some(param) => data.add(param.name(), value),
                None => data.add(&field.name.to_uppercase(), value),
            }
        }
        data
    }

    /// The answer of a command that was carried out.
    pub fn accepted(&self) -> Answer {
        Answer::plain(format!("{} accepted by core {}", self.function.name, self.state.core()))
    }

    /// The device is good, but in no call that is meant.
    pub fn not_in_call(&self) -> Refusal {
        let device = self.who().id.map_or("The device".into(), |id| format!("Device {id}"));
        let instance = self.instance().map_or(String::new(), |i| format!(" with instance {i}"));
        let message = format!("{device} is not in a call{instance} on core {}", self.state.core());
        Refusal::new(ResultType::DeviceNotInCall, message)
    }

    /// The answer of a command that was or was not carried out because there was, or was no, such call.
    pub fn accepted_if(&self, in_call: bool) -> super::Answered {
        if in_call { Ok(self.accepted()) } else { Err(self.not_in_call()) }
    }
}
