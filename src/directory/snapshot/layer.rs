//! Rows, packed, with their indexes. A snapshot is a large layer and a small one of what changed since.

use super::builder::Builder;
use super::index::{By, Entry, Index};
use super::texts::{Name, Text, Texts};
use super::{AgentRecord, Hidden, RowSet, SnapshotFull, fold};
use crate::model::CoreId;

#[derive(Clone, Copy, Debug)]
pub(super) struct DeviceRow {
    /// In the row itself: whoever has the row reads the DEVICEID next.
    pub(super) id: Name,
    pub(super) alias: Text,
    pub(super) site: Text,
    /// The place of its cores in [`Rows::core_sets`]: most devices share their cores with many.
    pub(super) cores: u32,
}

/// A DEVICEID, and its row if that is in the same layer: so that what names a device need not look it up.
#[derive(Clone, Copy, Debug)]
pub(super) struct Link {
    pub(super) id: Text,
    row: u32,
}

impl Link {
    const NO_ROW: u32 = u32::MAX;

    pub(super) const fn to(id: Text) -> Self {
        Self { id, row: Self::NO_ROW }
    }

    pub(super) fn row(self) -> Option<u32> {
        (self.row != Self::NO_ROW).then_some(self.row)
    }
}

#[derive(Clone, Copy, Debug)]
pub(super) struct StationRow {
    pub(super) name: Text,
    pub(super) device: Link,
    pub(super) location: i64,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct AgentRow {
    pub(super) id: i64,
    pub(super) username: Text,
    pub(super) employee: Text,
    pub(super) first_name: Text,
    pub(super) last_name: Text,
    pub(super) sys_user: Text,
    pub(super) crm_user: Text,
    pub(super) site: Text,
    pub(super) active: bool,
    /// Its phones in [`Rows::phones`]: the first, and how many.
    pub(super) phones: (u32, u32),
}

#[derive(Clone, Copy, Debug)]
pub(super) struct PhoneRow {
    pub(super) device: Link,
    /// The row of the agent whose phone it is.
    pub(super) agent: u32,
}

/// What a layer holds, before it is indexed.
#[derive(Debug, Default)]
pub(super) struct Rows {
    pub(super) texts: Texts,
    pub(super) core_sets: Vec<Box<[CoreId]>>,
    pub(super) devices: Vec<DeviceRow>,
    pub(super) stations: Vec<StationRow>,
    pub(super) agents: Vec<AgentRow>,
    pub(super) phones: Vec<PhoneRow>,
}

/// Rows and indexes.
#[derive(Debug, Default)]
pub(super) struct Layer {
    rows: Rows,
    /// One for all that a DEVICEID names, its row, its station and its agent, so that one look tells what there is;
    /// one for each other name.
    indexes: [Index; 8],
}

impl By {
    const fn index(self) -> usize {
        match self {
            Self::Device | Self::Seat | Self::Phone => 0,
            Self::Alias => 1,
            Self::Station => 2,
            Self::Agent => 3,
            Self::Username => 4,
            Self::Employee => 5,
            Self::SysUser => 6,
            Self::CrmUser => 7,
        }
    }
}

impl Layer {
    pub(super) fn over(rows: Rows) -> Self {
        let mut ids = rows.entries(By::Device);
        ids.extend(rows.entries(By::Seat));
        ids.extend(rows.entries(By::Phone));
        let mut layer = Self {
            indexes: [
                Index::over(ids),
                Index::over(rows.entries(By::Alias)),
                Index::over(rows.entries(By::Station)),
                Index::over(rows.entries(By::Agent)),
                Index::over(rows.entries(By::Username)),
                Index::over(rows.entries(By::Employee)),
                Index::over(rows.entries(By::SysUser)),
                Index::over(rows.entries(By::CrmUser)),
            ],
            rows,
        };
        layer.link();
        layer
    }

    fn link(&mut self) {
        let Self { rows: Rows { texts, stations, phones, .. }, indexes } = self;
        let stations = stations.iter_mut().map(|row| &mut row.device);
        for link in stations.chain(phones.iter_mut().map(|row| &mut row.device)) {
            let id = texts.get(link.id);
            let mut found = indexes[By::Device.index()].matching(By::Device, fold::hash(id));
            link.row = found.find(|(name, _)| texts.is(name, id)).map_or(Link::NO_ROW, |(_, row)| row);
        }
    }

    /// The rows that have this name, whose hash this is.
    pub(super) fn named(&self, by: By, name: &str, hash: u64) -> impl Iterator<Item = u32> {
        let found = self.indexes[by.index()].matching(by, hash);
        found.filter(move |(found, _)| self.rows.texts.is(found, name)).map(|(_, row)| row)
    }

    /// The rows of agents that have this USERID.
    pub(super) fn numbered(&self, id: i64) -> impl Iterator<Item = u32> {
        let found = self.indexes[By::Agent.index()].matching(By::Agent, fold::hash_number(id));
        found.filter(move |(name, _)| name.is_number(id)).map(|(_, row)| row)
    }

    pub(super) fn name<'a>(&'a self, name: &'a Name) -> &'a str {
        self.rows.texts.name(name)
    }

    pub(super) fn text(&self, text: Text) -> &str {
        self.rows.texts.get(text)
    }

    pub(super) fn cores(&self, row: &DeviceRow) -> &[CoreId] {
        &self.rows.core_sets[at(row.cores)]
    }

    pub(super) fn device(&self, row: u32) -> &DeviceRow {
        &self.rows.devices[at(row)]
    }

    pub(super) fn station(&self, row: u32) -> &StationRow {
        &self.rows.stations[at(row)]
    }

    pub(super) fn agent(&self, row: u32) -> &AgentRow {
        &self.rows.agents[at(row)]
    }

    pub(super) fn phone(&self, row: u32) -> &PhoneRow {
        &self.rows.phones[at(row)]
    }

    pub(super) fn phones(&self, agent: &AgentRow) -> &[PhoneRow] {
        let (first, count) = agent.phones;
        &self.rows.phones[at(first)..at(first) + at(count)]
    }

    pub(super) fn devices(&self) -> &[DeviceRow] {
        &self.rows.devices
    }

    pub(super) fn stations(&self) -> &[StationRow] {
        &self.rows.stations
    }

    pub(super) fn agents(&self) -> &[AgentRow] {
        &self.rows.agents
    }

    /// Rows of all kinds.
    pub(super) fn len(&self) -> usize {
        self.rows.devices.len() + self.rows.stations.len() + self.rows.agents.len()
    }

    /// Writes every row that is not hidden into `builder`.
    pub(super) fn copy_into(&self, builder: &mut Builder, hidden: &Hidden) -> Result<(), SnapshotFull> {
        for (_, row) in seen(&self.rows.devices, &hidden.devices) {
            builder.device(self.name(&row.id), self.text(row.alias), self.text(row.site), self.cores(row))?;
        }
        for (_, row) in seen(&self.rows.stations, &hidden.stations) {
            builder.station(self.text(row.name), self.text(row.device.id), row.location)?;
        }
        for (_, row) in seen(&self.rows.agents, &hidden.agents) {
            builder
                .agent(&self.record(row), self.phones(row).iter().map(|phone| self.text(phone.device.id)))?;
        }
        Ok(())
    }

    fn record<'a>(&'a self, row: &'a AgentRow) -> AgentRecord<'a> {
        AgentRecord {
            id: row.id,
            username: self.text(row.username),
            employee_id: self.text(row.employee),
            first_name: self.text(row.first_name),
            last_name: self.text(row.last_name),
            sys_user: self.text(row.sys_user),
            crm_user: self.text(row.crm_user),
            site: self.text(row.site),
            active: row.active,
        }
    }
}

impl Rows {
    fn entries(&self, by: By) -> Vec<Entry> {
        match by {
            By::Device => (0..).zip(&self.devices).map(|(n, row)| self.entry(by, n, row.id)).collect(),
            By::Alias => self.named(by, self.devices.iter().map(|row| row.alias)),
            By::Seat => self.named(by, self.stations.iter().map(|row| row.device.id)),
            By::Station => self.named(by, self.stations.iter().map(|row| row.name)),
            By::Phone => self.named(by, self.phones.iter().map(|row| row.device.id)),
            By::Username => self.named(by, self.agents.iter().map(|row| row.username)),
            By::Employee => self.named(by, self.agents.iter().map(|row| row.employee)),
            By::SysUser => self.named(by, self.agents.iter().map(|row| row.sys_user)),
            By::CrmUser => self.named(by, self.agents.iter().map(|row| row.crm_user)),
            By::Agent => (0..).zip(&self.agents).map(|(n, row)| numbered(n, row.id)).collect(),
        }
    }

    fn named(&self, by: By, names: impl Iterator<Item = Text>) -> Vec<Entry> {
        let rows = (0..).zip(names).filter(|(_, text)| !text.is_empty());
        rows.map(|(row, text)| self.entry(by, row, self.texts.to_name(text))).collect()
    }

    fn entry(&self, by: By, row: u32, name: Name) -> Entry {
        Entry { by, hash: fold::hash(self.texts.name(&name)), row, name }
    }
}

fn numbered(row: u32, id: i64) -> Entry {
    Entry { by: By::Agent, hash: fold::hash_number(id), row, name: Name::of_number(id) }
}

fn seen<'a, R>(rows: &'a [R], hidden: &'a RowSet) -> impl Iterator<Item = (u32, &'a R)> {
    (0..).zip(rows).filter(|(n, _)| !hidden.contains(n))
}

const fn at(row: u32) -> usize {
    row as usize
}
