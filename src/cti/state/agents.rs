//! The blackouts of agents, which concern calls and chats that begin while one is on.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::blackout::{Blackout, Blackouts, Said};
use super::call::PhoneCall;
use super::chat::Chat;
use super::names::{AGENT_NAMES, Who};
use super::{State, agent_names_of};
use crate::command::Refusal;
use crate::protocol::codes::ResultType;
use crate::protocol::param::Param;

/// One name of an agent, or the DEVICEID of a device that no agent is known of.
pub type AgentName = (Param, Box<str>);

/// What an agent blackout reaches: devices by DEVICEID, and every name that its agent goes by.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Agent {
    /// The devices.
    pub devices: BTreeSet<Arc<str>>,
    /// The names, those of the devices included.
    pub names: Vec<AgentName>,
}

/// The blackouts that later calls are to take over, under every name of their agent. What became of the
/// calls and chats at hand stands in these themselves, so that what is over can be dropped here.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Standing {
    #[serde(with = "as_pairs")]
    by_name: HashMap<AgentName, Blackouts>,
    most: usize,
}

/// Keys of more than one part are no keys in JSON.
mod as_pairs {
    use super::{AgentName, Blackouts, Deserialize, HashMap};
    use serde::{Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(
        map: &HashMap<AgentName, Blackouts>,
        to: S,
    ) -> Result<S::Ok, S::Error> {
        to.collect_seq(map)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        from: D,
    ) -> Result<HashMap<AgentName, Blackouts>, D::Error> {
        Vec::deserialize(from).map(|pairs| pairs.into_iter().collect())
    }
}

impl Standing {
    /// Room for the blackouts of this many names.
    #[must_use]
    pub fn new(most: usize) -> Self {
        Self { by_name: HashMap::new(), most }
    }

    /// Makes sure that this many more names can have a blackout.
    ///
    /// # Errors
    /// A refusal if they cannot.
    pub fn make_room(&mut self, names: usize, now: Timestamp) -> Result<(), Refusal> {
        if self.by_name.len() + names > self.most {
            self.by_name.retain(|_, blackouts| blackouts.ending_after(now).next().is_some());
        }
        if self.by_name.len() + names > self.most {
            let message = format!("blackouts of {} agents are on already", self.most);
            return Err(Refusal::new(ResultType::NoFreeChannels, message));
        }
        Ok(())
    }

    /// Starts one for all names of an agent; how it is then, if the agent has a name. Each may know of its stop.
    pub fn start(&mut self, names: &[AgentName], said: Said, longest: SignedDuration) -> Option<Blackout> {
        let start = |name: &AgentName| self.by_name.entry(name.clone()).or_default().start(said, longest);
        names.iter().map(start).min_by_key(Blackout::end)
    }

    /// Stops those of all names of an agent. A stop that says when it was asked for is remembered, for its start may come
    /// behind it.
    pub fn stop(&mut self, names: &[AgentName], said: Said) {
        for name in names {
            let is_room = self.by_name.len() < self.most && said.asked.is_some();
            match self.by_name.get_mut(name) {
                Some(blackouts) => blackouts.stop(said),
                None if is_room => self.by_name.entry(name.clone()).or_default().stop(said),
                None => {}
            }
        }
    }

    /// Those that what begins now under this name takes over.
    pub fn on_from<'a>(
        &'a self,
        name: &AgentName,
        now: Timestamp,
    ) -> impl Iterator<Item = &'a Blackout> + use<'a> {
        self.by_name.get(name).into_iter().flat_map(move |blackouts| blackouts.ending_after(now))
    }
}

impl State {
    /// AGENTBLACKOUTSTART: on all calls and chats of the agent that last until then, and on those that
    /// begin while it is on.
    ///
    /// # Errors
    /// A refusal for an agent whom nobody knows, or when memory is full.
    pub fn start_agent_blackout(&mut self, who: &Who<'_>, said: Said, now: Timestamp) -> Result<(), Refusal> {
        let agent = self.agent(who)?;
        self.standing.make_room(agent.names.len(), now)?;
        let longest = self.longest_blackout;
        let Some(begun) = self.standing.start(&agent.names, said, longest) else { return Ok(()) };
        self.each_call(&agent, |call| {
            if call.lasts_past(said.at) {
                call.blackouts.take_over(begun, said, longest);
            }
        });
        self.each_chat(&agent, |chat| chat.blackouts.take_over(begun, said, longest));
        Ok(())
    }

    /// AGENTBLACKOUTSTOP.
    ///
    /// # Errors
    /// A refusal for an agent whom nobody knows.
    pub fn stop_agent_blackout(&mut self, who: &Who<'_>, said: Said) -> Result<(), Refusal> {
        let agent = self.agent(who)?;
        self.standing.stop(&agent.names, said);
        self.each_call(&agent, |call| call.blackouts.stop(said));
        self.each_chat(&agent, |chat| chat.blackouts.stop(said));
        Ok(())
    }

    /// The agent that is meant: from the devices that were named to the names that these go by, and from
    /// there to all devices of these names.
    fn agent(&mut self, who: &Who<'_>) -> Result<Agent, Refusal> {
        let mut names: BTreeSet<_> =
            who.given().filter(|(p, _)| AGENT_NAMES.contains(p)).map(|(p, n)| (p, n.into())).collect();
        names.extend(self.known(who).into_iter().flat_map(agent_names_of));
        names.retain(|(param, _)| *param != Param::DeviceId);
        let mut devices: BTreeSet<Arc<str>> = who.id.map(Into::into).into_iter().collect();
        devices.extend(names.iter().flat_map(|(param, name)| self.names.all(*param, name)).cloned());
        for device in devices.iter().filter_map(|id| self.devices.get(id)) {
            names.extend(agent_names_of(device));
        }
        names.extend(devices.iter().map(|id| (Param::DeviceId, (&**id).into())));
        let agent = Agent { devices, names: names.into_iter().collect() };
        let is_known = !agent.devices.is_empty() || self.chats.of_agent(&agent.names).next().is_some();
        if is_known { Ok(agent) } else { Err(Refusal::no_device()) }
    }

    fn each_call(&mut self, agent: &Agent, mut act: impl FnMut(&mut PhoneCall)) {
        for id in &agent.devices {
            if let Some(device) = self.devices.get_mut(id) {
                device.calls.iter_mut().for_each(&mut act);
                self.touched.devices.insert(Arc::clone(id));
            }
        }
    }

    fn each_chat(&mut self, agent: &Agent, act: impl Fn(&mut Chat)) {
        for (session, chat) in self.chats.of_agent(&agent.names) {
            act(chat);
            self.touched.chats.insert(session.into());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::blackout::Reach;
    use super::*;

    #[test]
    fn what_is_over_makes_room() {
        let t = |second| Timestamp::from_second(second).expect("a time in range");
        let mut standing = Standing::new(2);
        let name = |n: &str| (Param::SysUser, n.into());
        let said = Said { reach: Reach::Agent, at: t(0), asked: None };
        standing.start(&[name("a"), name("b")], said, SignedDuration::from_secs(60));
        assert!(standing.make_room(1, t(59)).is_err());
        assert!(standing.make_room(1, t(60)).is_ok());
        assert_eq!(standing.on_from(&name("a"), t(0)).count(), 0, "it was dropped");
    }
}
