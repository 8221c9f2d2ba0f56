//! The directory in memory: immutable, shared, swapped whole. Pure and synchronous; a look-up allocates nothing.
//!
//! It has two layers: a large one, and a small one of what changed since the large one was made. A change makes a
//! new small layer and a list of rows of the large one that are no longer seen, so its cost is that of the change
//! and not of a million devices. When the small layer has grown, both are merged into a new large one, away from
//! those who look things up.

mod builder;
mod delta;
mod index;
mod layer;
mod texts;
mod view;

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

pub use builder::{AgentRecord, Builder};
pub use delta::{Delta, Gone};
pub use view::{Agent, Device};

use super::fold;
use index::Index;
use layer::Layer;
use texts::Text;
use view::Place;

/// More text or more rows than a snapshot can hold: four thousand million.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the directory is larger than a snapshot can hold")]
pub struct SnapshotFull;

type RowSet = HashSet<u32, foldhash::fast::FixedState>;

/// Rows of a layer that are not seen any more, because a newer layer has them or nobody has.
#[derive(Clone, Debug, Default)]
struct Hidden {
    devices: RowSet,
    stations: RowSet,
    agents: RowSet,
}

impl Hidden {
    fn len(&self) -> usize {
        self.devices.len() + self.stations.len() + self.agents.len()
    }
}

/// The directory as it was at one revision.
#[derive(Clone, Debug, Default)]
pub struct Snapshot {
    base: Arc<Layer>,
    hidden: Arc<Hidden>,
    top: Arc<Layer>,
    /// The site of each location. There are few, so they are no part of the layers.
    sites: Arc<HashMap<i64, Box<str>>>,
    revision: i64,
}

/// By what a device or an agent is looked up. Names are compared without regard to case.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Key {
    /// DEVICEID.
    DeviceId,
    /// DEVICEALIAS.
    DeviceAlias,
    /// STATIONNAME, which requests also call COMPUTERNAME.
    StationName,
    /// SYS_USER.
    SysUser,
    /// CRM_USER.
    CrmUser,
    /// AGENTID, which is USERID.
    AgentId,
    /// USERNAME.
    UserName,
    /// EMPLOYEEID.
    EmployeeId,
}

impl Key {
    /// Every key.
    pub const ALL: [Self; 8] = [
        Self::DeviceId,
        Self::DeviceAlias,
        Self::StationName,
        Self::SysUser,
        Self::CrmUser,
        Self::AgentId,
        Self::UserName,
        Self::EmployeeId,
    ];
}

/// What a look-up found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Match<T> {
    /// Nothing has this key.
    None,
    /// One thing has it.
    One(T),
    /// Several things have it, so it names none of them.
    Several,
}

impl<T> Match<T> {
    fn of(mut found: impl Iterator<Item = T>) -> Self {
        match (found.next(), found.next()) {
            (None, _) => Self::None,
            (Some(one), None) => Self::One(one),
            (Some(_), Some(_)) => Self::Several,
        }
    }

    /// The one thing, if it is one.
    pub fn one(self) -> Option<T> {
        if let Self::One(one) = self { Some(one) } else { None }
    }

    /// What was found, as something else.
    pub fn map<U>(self, into: impl FnOnce(T) -> U) -> Match<U> {
        match self {
            Self::None => Match::None,
            Self::One(one) => Match::One(into(one)),
            Self::Several => Match::Several,
        }
    }
}

/// A device or an agent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target<'a> {
    /// DEVICEID, DEVICEALIAS and STATIONNAME name a device.
    Device(Device<'a>),
    /// The other keys name an agent.
    Agent(Agent<'a>),
}

impl<'a> Target<'a> {
    /// The device itself, or the devices of the agent.
    pub fn devices(self) -> impl Iterator<Item = Device<'a>> {
        let (device, agent) = match self {
            Self::Device(device) => (Some(device), None),
            Self::Agent(agent) => (None, Some(agent)),
        };
        device.into_iter().chain(agent.into_iter().flat_map(Agent::devices))
    }
}

impl Snapshot {
    /// The revision of the directory that this is a picture of; 0 for the empty one before the first.
    #[must_use]
    pub const fn revision(&self) -> i64 {
        self.revision
    }

    /// How many devices have a row of their own.
    #[must_use]
    pub fn devices(&self) -> usize {
        self.base.devices().len() - self.hidden.devices.len() + self.top.devices().len()
    }

    /// How many agents there are, inactive ones included.
    #[must_use]
    pub fn agents(&self) -> usize {
        self.base.agents().len() - self.hidden.agents.len() + self.top.agents().len()
    }

    /// How many stations there are.
    #[must_use]
    pub fn stations(&self) -> usize {
        self.base.stations().len() - self.hidden.stations.len() + self.top.stations().len()
    }

    /// Looks up a device or an agent by any key.
    #[must_use]
    pub fn resolve(&self, key: Key, value: &str) -> Match<Target<'_>> {
        match key {
            Key::DeviceId => self.device(value).map_or(Match::None, Match::One).map(Target::Device),
            Key::DeviceAlias => self.device_by_alias(value).map(Target::Device),
            Key::StationName => self.device_by_station(value).map(Target::Device),
            _ => self.agent(key, value).map(Target::Agent),
        }
    }

    /// The device of this DEVICEID: one with a row of its own, or one that a station or an agent's phone names.
    #[must_use]
    pub fn device(&self, id: &str) -> Option<Device<'_>> {
        let hash = fold::hash(id);
        self.device_row(id, hash).map(|place| Device::of_row(self, place)).or_else(|| {
            let (station, phone) = (self.station_at(id, hash), self.phone(id, hash));
            let id = station.map(Place::seat).or_else(|| phone.map(Place::phone))?;
            Some(Device::without_row(self, id))
        })
    }

    /// The device of this DEVICEALIAS.
    #[must_use]
    pub fn device_by_alias(&self, alias: &str) -> Match<Device<'_>> {
        let found = self.device_rows(|layer| &layer.by_alias, fold::hash(alias));
        Match::of(found.filter(|place| fold::same(place.alias(), alias)))
            .map(|place| Device::of_row(self, place))
    }

    /// The device at the station of this name.
    #[must_use]
    pub fn device_by_station(&self, name: &str) -> Match<Device<'_>> {
        let found = self.station_rows(|layer| &layer.by_station, fold::hash(name));
        let station = Match::of(found.filter(|place| fold::same(place.station(), name)));
        station.map(|place| self.device(place.seat()).unwrap_or(Device::without_row(self, place.seat())))
    }

    /// The agent that `key` names. A key that names devices finds the agent whose phone that device is.
    #[must_use]
    pub fn agent(&self, key: Key, value: &str) -> Match<Agent<'_>> {
        match key {
            Key::AgentId => {
                value.parse().ok().and_then(|id| self.agent_by_id(id)).map_or(Match::None, Match::One)
            }
            Key::UserName => self.agent_by(|l| &l.by_username, |row| row.username, value),
            Key::EmployeeId => self.agent_by(|l| &l.by_employee, |row| row.employee, value),
            Key::SysUser => self.agent_by(|l| &l.by_sys_user, |row| row.sys_user, value),
            Key::CrmUser => self.agent_by(|l| &l.by_crm_user, |row| row.crm_user, value),
            Key::DeviceId => self.agent_of(value).map_or(Match::None, Match::One),
            Key::DeviceAlias => self.owner(self.device_by_alias(value)),
            Key::StationName => self.owner(self.device_by_station(value)),
        }
    }

    fn owner<'a>(&'a self, device: Match<Device<'a>>) -> Match<Agent<'a>> {
        match device {
            Match::None => Match::None,
            Match::Several => Match::Several,
            Match::One(device) => self.agent_of(device.id()).map_or(Match::None, Match::One),
        }
    }

    /// The agent of this USERID.
    #[must_use]
    pub fn agent_by_id(&self, id: i64) -> Option<Agent<'_>> {
        let mut found = self.agent_rows(|layer| &layer.by_agent, fold::hash_number(id));
        found.find(|place| place.layer.agent(place.row).id == id).map(|place| Agent::of_row(self, place))
    }

    /// The agent one of whose phones has this DEVICEID.
    #[must_use]
    pub fn agent_of(&self, device: &str) -> Option<Agent<'_>> {
        let phone = self.phone(device, fold::hash(device))?;
        Some(Agent::of_row(self, phone.agent_of_phone()))
    }

    fn agent_by(
        &self,
        index: fn(&Layer) -> &Index,
        text: fn(&layer::AgentRow) -> Text,
        value: &str,
    ) -> Match<Agent<'_>> {
        let found = self.agent_rows(index, fold::hash(value));
        let same =
            |place: &Place<'_>| fold::same(place.layer.text(text(place.layer.agent(place.row))), value);
        Match::of(found.filter(same)).map(|place| Agent::of_row(self, place))
    }

    fn device_row(&self, id: &str, hash: u64) -> Option<Place<'_>> {
        self.device_rows(|layer| &layer.by_device, hash).find(|place| fold::same(place.device(), id))
    }

    /// The station whose device this is: a device has one at most.
    fn station_at(&self, device: &str, hash: u64) -> Option<Place<'_>> {
        self.station_rows(|layer| &layer.by_seat, hash).find(|place| fold::same(place.seat(), device))
    }

    fn phone(&self, id: &str, hash: u64) -> Option<Place<'_>> {
        let is_seen = |row: &u32| !self.hidden.agents.contains(&self.base.phone(*row).agent);
        let base =
            self.base.by_phone.matching(hash).filter(is_seen).map(|row| Place { layer: &self.base, row });
        let top = self.top.by_phone.matching(hash).map(|row| Place { layer: &self.top, row });
        top.chain(base).find(|place| fold::same(place.phone(), id))
    }

    fn device_rows(&self, index: fn(&Layer) -> &Index, hash: u64) -> impl Iterator<Item = Place<'_>> {
        self.rows(index, &self.hidden.devices, hash)
    }

    fn station_rows(&self, index: fn(&Layer) -> &Index, hash: u64) -> impl Iterator<Item = Place<'_>> {
        self.rows(index, &self.hidden.stations, hash)
    }

    fn agent_rows(&self, index: fn(&Layer) -> &Index, hash: u64) -> impl Iterator<Item = Place<'_>> {
        self.rows(index, &self.hidden.agents, hash)
    }

    fn rows<'a>(
        &'a self,
        index: fn(&Layer) -> &Index,
        hidden: &'a RowSet,
        hash: u64,
    ) -> impl Iterator<Item = Place<'a>> {
        let base = index(&self.base).matching(hash).filter(|row| !hidden.contains(row));
        let base = base.map(|row| Place { layer: &self.base, row });
        let top = index(&self.top).matching(hash).map(|row| Place { layer: &self.top, row });
        top.chain(base)
    }

    fn site_of_location(&self, location: i64) -> Option<&str> {
        self.sites.get(&location).map(|site| &**site)
    }
}

#[cfg(test)]
mod tests;
