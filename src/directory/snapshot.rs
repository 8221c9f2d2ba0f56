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
use index::By;
use layer::{Layer, Link};
use view::{Place, Seen};

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
        let first = |by| self.found(by, id, hash).next();
        let seen = first(By::Device).map(Seen::Row);
        let seen =
            seen.or_else(|| first(By::Seat).map(Seen::Seat)).or_else(|| first(By::Phone).map(Seen::Phone));
        seen.map(|seen| Device::new(self, seen))
    }

    /// The device of this DEVICEALIAS.
    #[must_use]
    pub fn device_by_alias(&self, alias: &str) -> Match<Device<'_>> {
        let found = Match::of(self.found(By::Alias, alias, fold::hash(alias)));
        found.map(|place| Device::new(self, Seen::Row(place)))
    }

    /// The device at the station of this name.
    #[must_use]
    pub fn device_by_station(&self, name: &str) -> Match<Device<'_>> {
        let found = Match::of(self.found(By::Station, name, fold::hash(name)));
        found.map(|place| Device::new(self, Seen::Seat(place)))
    }

    /// The agent that `key` names. A key that names devices finds the agent whose phone that device is.
    #[must_use]
    pub fn agent(&self, key: Key, value: &str) -> Match<Agent<'_>> {
        match key {
            Key::AgentId => {
                value.parse().ok().and_then(|id| self.agent_by_id(id)).map_or(Match::None, Match::One)
            }
            Key::UserName => self.agent_by(By::Username, value),
            Key::EmployeeId => self.agent_by(By::Employee, value),
            Key::SysUser => self.agent_by(By::SysUser, value),
            Key::CrmUser => self.agent_by(By::CrmUser, value),
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
        let top = self.top.numbered(id).map(|row| Place { layer: &self.top, row });
        let base = self.base.numbered(id).filter(|row| !self.hidden.agents.contains(row));
        let found = top.chain(base.map(|row| Place { layer: &self.base, row })).next();
        found.map(|place| Agent::of_row(self, place))
    }

    /// The agent one of whose phones has this DEVICEID.
    #[must_use]
    pub fn agent_of(&self, device: &str) -> Option<Agent<'_>> {
        let phone = self.found(By::Phone, device, fold::hash(device)).next();
        phone.map(|place| Agent::of_row(self, place.agent_of_phone()))
    }

    fn agent_by(&self, by: By, name: &str) -> Match<Agent<'_>> {
        Match::of(self.found(by, name, fold::hash(name))).map(|place| Agent::of_row(self, place))
    }

    /// The rows that have this name, whose hash this is.
    fn found<'a>(&'a self, by: By, name: &str, hash: u64) -> impl Iterator<Item = Place<'a>> {
        let is_seen = move |row: &u32| match by {
            By::Device | By::Alias => !self.hidden.devices.contains(row),
            By::Seat | By::Station => !self.hidden.stations.contains(row),
            By::Phone => !self.hidden.agents.contains(&self.base.phone(*row).agent),
            _ => !self.hidden.agents.contains(row),
        };
        let top = self.top.named(by, name, hash).map(|row| Place { layer: &self.top, row });
        let base = self.base.named(by, name, hash).filter(is_seen);
        top.chain(base.map(|row| Place { layer: &self.base, row }))
    }

    /// The row of the device that a row of `layer` names.
    fn linked<'a>(&'a self, layer: &'a Layer, link: Link) -> Option<Place<'a>> {
        let is_seen =
            |row: &u32| std::ptr::eq(layer, Arc::as_ptr(&self.top)) || !self.hidden.devices.contains(row);
        let row = link.row().filter(is_seen).map(|row| Place { layer, row });
        row.or_else(|| {
            let id = layer.text(link.id);
            self.found(By::Device, id, fold::hash(id)).next()
        })
    }

    fn site_of_location(&self, location: i64) -> Option<&str> {
        self.sites.get(&location).map(|site| &**site)
    }
}

#[cfg(test)]
mod tests;
