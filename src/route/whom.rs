//! Whom a request means: its identifiers looked up in the snapshot.

use crate::command::Call;
use crate::directory::snapshot::{Agent, Device, Key, Match, Snapshot, Target};
use crate::protocol::param::Param;

/// Whom a call is about.
#[derive(Debug)]
pub(super) enum Whom<'a> {
    /// One device.
    Device {
        /// DEVICEID.
        id: &'a str,
        /// The device, if the directory knows it.
        known: Option<Device<'a>>,
    },
    /// An agent with several phones.
    Phones(Vec<Device<'a>>),
    /// Nobody that the directory knows.
    Unknown,
    /// Several answer to the name.
    Ambiguous,
}

/// The key under which the directory has what a parameter names.
fn key_of(param: Param) -> Option<Key> {
    Some(match param {
        Param::DeviceId => Key::DeviceId,
        Param::DeviceAlias => Key::DeviceAlias,
        Param::StationName => Key::StationName,
        Param::SysUser => Key::SysUser,
        Param::CrmUser => Key::CrmUser,
        _ => return None,
    })
}

/// The identifiers that a call has, in the order in which they count.
fn identifiers(call: &Call) -> impl Iterator<Item = (Key, &str)> {
    let params = call.function.identifiers.params().iter();
    params.filter_map(|param| Some((key_of(*param)?, call.request.get(*param)?)))
}

impl<'a> Whom<'a> {
    /// DEVICEID where it is given; else the first identifier that names somebody.
    pub fn of(call: &'a Call, snapshot: &'a Snapshot) -> Self {
        let mut whom = Self::Unknown;
        for (key, value) in identifiers(call) {
            if key == Key::DeviceId {
                return Self::Device { id: value, known: snapshot.device(value) };
            }
            match snapshot.resolve(key, value) {
                Match::One(target) => match Self::of_target(target) {
                    Self::Unknown => {}
                    found => return found,
                },
                Match::Several => whom = Self::Ambiguous,
                Match::None => {}
            }
        }
        whom
    }

    fn of_target(target: Target<'a>) -> Self {
        let mut devices: Vec<_> = target.devices().collect();
        match (devices.pop(), devices.len()) {
            (None, _) => Self::Unknown,
            (Some(one), 0) => Self::Device { id: one.id(), known: Some(one) },
            (Some(last), _) => {
                devices.push(last);
                Self::Phones(devices)
            }
        }
    }
}

/// The agent that a call is about, by whichever identifier names one.
pub(super) fn agent_of<'a>(call: &'a Call, snapshot: &'a Snapshot) -> Match<Agent<'a>> {
    let mut found = Match::None;
    for (key, value) in identifiers(call) {
        match snapshot.agent(key, value) {
            Match::None => {}
            Match::One(agent) => return Match::One(agent),
            Match::Several => found = Match::Several,
        }
    }
    found
}

/// The agent that CHATSTART names: by AGENTID, or by KEYNAME and KEYVALUE; and how it names it.
pub(super) fn chat_agent(call: &Call) -> Option<(Option<Key>, &str, &str)> {
    if let Some(id) = call.request.get(Param::AgentId) {
        return Some((Some(Key::AgentId), Param::AgentId.name(), id));
    }
    let (name, value) = (call.request.get(Param::KeyName)?, call.request.get(Param::KeyValue)?);
    let key = match Param::from_name(name) {
        Some(Param::UserName) => Some(Key::UserName),
        Some(Param::EmployeeId) => Some(Key::EmployeeId),
        Some(param @ (Param::SysUser | Param::CrmUser | Param::DeviceAlias)) => key_of(param),
        _ => None,
    };
    Some((key, name, value))
}
