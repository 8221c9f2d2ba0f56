//! What a core remembers: devices with their calls, chats, and blackouts. Pure: the time is given to it.

pub mod agents;
pub mod blackout;
pub mod call;
pub mod channels;
pub mod chat;
pub mod data;
pub mod device;
pub mod heard;
pub mod names;
pub mod take;
mod touched;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::command::Refusal;
use crate::model::CoreId;
use crate::protocol::codes::ResultType;
use crate::protocol::param::Param;
use agents::{AgentName, Standing};
use blackout::Said;
use call::PhoneCall;
use channels::{Channel, Channels};
use chat::{Chat, Chats};
use data::Data;
use device::Device;
use names::{AGENT_NAMES, NAMES, Names, Who};
use take::{OF_ONE_TAKE, Schedule, Take};
pub use touched::Touched;

/// How much a core remembers.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct Limits {
    /// Devices, and names of agents with a blackout.
    pub devices: usize,
    /// Chat sessions.
    pub chats: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { devices: 100_000, chats: 10_000 }
    }
}

/// The memory of one core.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct State {
    core: CoreId,
    longest_blackout: SignedDuration,
    limits: Limits,
    devices: BTreeMap<Arc<str>, Device>,
    names: Names,
    standing: Standing,
    chats: Chats,
    schedule: Schedule,
    channels: Channels,
    /// How many GLOBALIDs were given out.
    ids: u64,
    #[serde(skip)]
    touched: Touched,
}

impl State {
    /// A core that was just started.
    #[must_use]
    pub fn new(core: CoreId, max_blackout: Duration, limits: Limits) -> Self {
        Self {
            core,
            longest_blackout: max_blackout.try_into().unwrap_or(SignedDuration::MAX),
            limits,
            devices: BTreeMap::new(),
            names: Names::default(),
            standing: Standing::new(limits.devices),
            chats: Chats::new(limits.chats),
            schedule: Schedule::All,
            channels: Channels::default(),
            ids: 0,
            touched: Touched::default(),
        }
    }

    /// What holds from now on: how long a blackout lasts whose stop never arrives, which calls are recorded, and how
    /// many recordings are made at once.
    pub fn configure(&mut self, max_blackout: Duration, schedule: Schedule, channels: Option<usize>) {
        self.longest_blackout = max_blackout.try_into().unwrap_or(SignedDuration::MAX);
        self.schedule = schedule;
        self.channels.set_most(channels);
    }

    /// COREIDENT.
    #[must_use]
    pub const fn core(&self) -> CoreId {
        self.core
    }

    /// Every device that ever was in a call, in the order of their DEVICEIDs.
    pub fn devices(&self) -> impl Iterator<Item = &Device> {
        self.devices.values()
    }

    /// The device of this DEVICEID, if it ever was in a call.
    #[must_use]
    pub fn device(&self, id: &str) -> Option<&Device> {
        self.devices.get(id)
    }

    /// The channels, where recordings are counted.
    #[must_use]
    pub const fn channels(&self) -> &Channels {
        &self.channels
    }

    /// Every chat session that is on.
    pub fn chats(&self) -> impl Iterator<Item = (&str, &Chat)> {
        self.chats.iter()
    }

    /// The DEVICEID that is meant. One that is given is always good: a core records whatever its switch
    /// has. Any other name must have come with a DEVICEID before.
    fn id(&self, who: &Who<'_>) -> Result<Arc<str>, Refusal> {
        if let Some(id) = who.id {
            return Ok(self.devices.get_key_value(id).map_or_else(|| id.into(), |(id, _)| Arc::clone(id)));
        }
        let named = who.given().find_map(|(param, name)| self.names.last(param, name));
        named.cloned().ok_or_else(Refusal::no_device)
    }

    /// The devices that are meant and that were ever in a call: one by DEVICEID, or all of one agent.
    #[must_use]
    pub fn known(&self, who: &Who<'_>) -> Vec<&Device> {
        if let Some(id) = who.id {
            return self.devices.get(id).into_iter().collect();
        }
        let ids = who.given().map(|(param, name)| self.names.all(param, name));
        let ids = ids.into_iter().find_map(|ids| {
            let mut ids = ids.peekable();
            ids.peek().is_some().then_some(ids)
        });
        ids.into_iter().flatten().filter_map(|id| self.devices.get(id)).collect()
    }

    /// CALLSTART.
    ///
    /// # Errors
    /// A refusal for a device that nobody knows, or when memory is full.
    pub fn begin_call(
        &mut self,
        who: &Who<'_>,
        instance: &str,
        data: Data,
        now: Timestamp,
    ) -> Result<(), Refusal> {
        let id = self.id(who)?;
        self.make_device(&id)?;
        self.learn_names(&id, who);
        self.end_unseen(&id, instance, now);
        let take = self.schedule.wants(&id).then(|| self.new_take(&id, &data, now));
        let (take, refusal) = take.transpose().map_or_else(|refusal| (None, Some(refusal)), |t| (t, None));
        let names = self.devices.get(&id).map(agent_names_of).unwrap_or_default();
        let mut call = PhoneCall { whole: take, ..PhoneCall::new(instance, data, now) };
        for name in &names {
            call.cover(self.standing.on_from(name, now));
        }
        self.devices.get_mut(&id).map_or_else(|| Err(Refusal::no_device()), |device| device.begin(call))?;
        refusal.map_or(Ok(()), Err)
    }

    fn end_unseen(&mut self, id: &Arc<str>, instance: &str, now: Timestamp) {
        self.touched.devices.insert(Arc::clone(id));
        if let Some(device) = self.devices.get_mut(id) {
            device.end_unseen(instance, now);
        }
        self.refresh_channels(id);
    }

    /// A recording that begins, on a channel of its own where they are counted.
    fn new_take(&mut self, device: &Arc<str>, said: &Data, now: Timestamp) -> Result<Take, Refusal> {
        let take = Take::new(self.next_id(now), now, said);
        let (device, id) = (Arc::clone(device), Arc::clone(&take.id));
        if self.channels.occupy(Channel { device, take: id, since: now, until: take.end() }) {
            return Ok(take);
        }
        let most = self.channels.most().unwrap_or_default();
        let message = format!("all {most} channels of core {} are busy: this is not recorded", self.core);
        Err(Refusal::new(ResultType::NoFreeChannels, message))
    }

    /// A GLOBALID: the core, the moment, and a count, so that it is unique even if the moment or the count is not.
    fn next_id(&mut self, now: Timestamp) -> Arc<str> {
        self.ids += 1;
        format!("{}-{}-{}", self.core, now.as_millisecond(), self.ids).into()
    }

    fn make_device(&mut self, id: &Arc<str>) -> Result<(), Refusal> {
        let number = self.devices.len();
        if self.devices.contains_key(id) {
            return Ok(());
        }
        if number >= self.limits.devices {
            let message = format!("core {} remembers {number} devices and has no room for more", self.core);
            return Err(Refusal::new(ResultType::NoFreeChannels, message));
        }
        let channel = u32::try_from(number + 1).unwrap_or(u32::MAX);
        self.devices.insert(Arc::clone(id), Device::new(Arc::clone(id), channel));
        Ok(())
    }

    /// Names that come with a DEVICEID are that device's from now on.
    fn learn_names(&mut self, id: &Arc<str>, who: &Who<'_>) {
        let Some(device) = self.devices.get_mut(id) else { return };
        if who.id.is_none() {
            return;
        }
        for ((param, name), known) in NAMES.into_iter().zip(who.names).zip(&mut device.names) {
            let Some(name) = name else { continue };
            if let Some(old) = known.as_deref().filter(|old| *old != name) {
                self.names.remove(param, old, id);
            }
            self.names.add(param, name, id);
            *known = Some(name.into());
        }
    }

    /// The call that a command means, if there is or was one.
    ///
    /// # Errors
    /// A refusal for a device that nobody knows.
    pub fn call(&mut self, who: &Who<'_>, instance: Option<&str>) -> Result<Option<&mut PhoneCall>, Refusal> {
        let id = self.id(who)?;
        self.touched.devices.insert(Arc::clone(&id));
        Ok(self.devices.get_mut(&id).and_then(|device| device.call_mut(instance)))
    }

    /// RECORDSTART. False if no such call is under way.
    ///
    /// # Errors
    /// A refusal for a device that nobody knows, for too much data, or when no channel is free.
    pub fn start_recording(
        &mut self,
        who: &Who<'_>,
        instance: Option<&str>,
        mut said: Data,
        now: Timestamp,
    ) -> Result<bool, Refusal> {
        let id = self.id(who)?;
        let own = said.split_off(&OF_ONE_TAKE);
        let Some(call) = self.call(who, instance)?.filter(|call| call.is_open()) else { return Ok(false) };
        call.data.merge(said)?;
        if call.wants_partial(now) {
            let take = self.new_take(&id, &own, now)?;
            if let Some(call) = self.call(who, instance)? {
                call.start_partial(Take { said: own, ..take });
            }
        }
        Ok(true)
    }

    /// CALLSTOP. False if there was no such call.
    ///
    /// # Errors
    /// A refusal for a device that nobody knows.
    pub fn end_call(
        &mut self,
        who: &Who<'_>,
        instance: Option<&str>,
        now: Timestamp,
    ) -> Result<bool, Refusal> {
        let id = self.id(who)?;
        self.touched.devices.insert(Arc::clone(&id));
        let Some(device) = self.devices.get_mut(&id) else { return Ok(false) };
        let Some(call) = device.call_mut(instance) else { return Ok(false) };
        call.stop(now);
        device.forget();
        Ok(true)
    }

    /// BLACKOUTSTART. False if no such call was under way at that time.
    ///
    /// # Errors
    /// A refusal for a device that nobody knows.
    pub fn start_blackout(
        &mut self,
        who: &Who<'_>,
        instance: Option<&str>,
        said: Said,
    ) -> Result<bool, Refusal> {
        let longest = self.longest_blackout;
        let Some(call) = self.call(who, instance)?.filter(|call| call.lasts_past(said.at)) else {
            return Ok(false);
        };
        call.blackouts.start(said, longest);
        Ok(true)
    }

    /// BLACKOUTSTOP. False if there was no such call.
    ///
    /// # Errors
    /// A refusal for a device that nobody knows.
    pub fn stop_blackout(
        &mut self,
        who: &Who<'_>,
        instance: Option<&str>,
        said: Said,
    ) -> Result<bool, Refusal> {
        let call = self.call(who, instance)?;
        Ok(call.map(|call| call.blackouts.stop(said)).is_some())
    }
}

/// The names of a device's agent, and its DEVICEID for when there are none.
fn agent_names_of(device: &Device) -> Vec<AgentName> {
    let given = AGENT_NAMES.into_iter().map(|param| (param, device.name(param)));
    let names = given.filter(|(_, name)| !name.is_empty()).map(|(param, name)| (param, name.into()));
    names.chain([(Param::DeviceId, (&*device.id).into())]).collect()
}

#[cfg(test)]
mod tests;
