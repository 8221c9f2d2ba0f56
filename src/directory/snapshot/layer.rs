//! Rows, packed, with their indexes. A snapshot is a large layer and a small one of what changed since.

use super::builder::Builder;
use super::index::{By, Entry, Index};
use super::texts::{Text, Texts};
use super::{AgentRecord, Hidden, RowSet, SnapshotFull, fold};
use crate::model::CoreId;

#[derive(Clone, Copy, Debug)]
pub(super) struct DeviceRow {
    pub(super) id: Text,
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

/// What a layer holds, before it is indexed.
#[derive(Debug, Default)]
pub(super) struct Rows {
    pub(super) texts: Texts,
    pub(super) core_sets: Vec<Box<[CoreId]>>,
    pub(super) devices: Vec<DeviceRow>,
    pub(super) stations: Vec<StationRow>,
    pub(super) agents: Vec<AgentRow>,
    pub(super) phones: Vec<Link>,
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
        let mut ids = rows.devices(By::Device, |row| row.id);
        ids.extend(rows.stations(By::Seat, |row| row.device.id));
        ids.extend(rows.phones());
        let mut layer = Self {
            indexes: [
                Index::over(&ids),
                Index::over(&rows.devices(By::Alias, |row| row.alias)),
                Index::over(&rows.stations(By::Station, |row| row.name)),
                Index::over(&rows.agent_ids()),
                Index::over(&rows.agents(By::Username, |row| row.username)),
                Index::over(&rows.agents(By::Employee, |row| row.employee)),
                Index::over(&rows.agents(By::SysUser, |row| row.sys_user)),
                Index::over(&rows.agents(By::CrmUser, |row| row.crm_user)),
            ],
            rows,
        };
        layer.link();
        layer
    }

    fn link(&mut self) {
        let Self { rows: Rows { texts, stations, phones, .. }, indexes } = self;
        for link in stations.iter_mut().map(|row| &mut row.device).chain(phones) {
            let id = texts.get(link.id);
            let mut found = indexes[By::Device.index()].matching(By::Device, fold::hash(id));
            link.row = found.find(|(_, text)| texts.is(*text, id)).map_or(Link::NO_ROW, |(row, _)| row);
        }
    }

    /// The rows that have this name, whose hash this is.
    pub(super) fn named(&self, by: By, name: &str, hash: u64) -> impl Iterator<Item = u32> {
        let found = self.indexes[by.index()].matching(by, hash);
        found.filter(move |(_, text)| self.rows.texts.is(*text, name)).map(|(row, _)| row)
    }

    /// The rows of agents that have this USERID.
    pub(super) fn numbered(&self, id: i64) -> impl Iterator<Item = u32> {
        let found = self.indexes[By::Agent.index()].matching(By::Agent, fold::hash_number(id));
        found.map(|(row, _)| row).filter(move |row| self.agent(*row).id == id)
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

    pub(super) fn phones(&self, agent: &AgentRow) -> &[Link] {
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
            builder.device(self.text(row.id), self.text(row.alias), self.text(row.site), self.cores(row))?;
        }
        for (_, row) in seen(&self.rows.stations, &hidden.stations) {
            builder.station(self.text(row.name), self.text(row.device.id), row.location)?;
        }
        for (_, row) in seen(&self.rows.agents, &hidden.agents) {
            builder.agent(&self.record(row), self.phones(row).iter().map(|phone| self.text(phone.id)))?;
        }
        Ok(())
    }

    fn record(&self, row: &AgentRow) -> AgentRecord<'_> {
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
    fn devices(&self, by: By, name: fn(&DeviceRow) -> Text) -> Vec<Entry> {
        self.entries(by, self.devices.iter().map(name))
    }

    fn stations(&self, by: By, name: fn(&StationRow) -> Text) -> Vec<Entry> {
        self.entries(by, self.stations.iter().map(name))
    }

    fn agents(&self, by: By, name: fn(&AgentRow) -> Text) -> Vec<Entry> {
        self.entries(by, self.agents.iter().map(name))
    }

    fn entries(&self, by: By, names: impl Iterator<Item = Text>) -> Vec<Entry> {
        let named = (0..).zip(names).filter(|(_, text)| !text.is_empty());
        named.map(|(row, text)| self.entry(by, row, text)).collect()
    }

    fn entry(&self, by: By, row: u32, text: Text) -> Entry {
        Entry { by, hash: fold::hash(self.texts.get(text)), row, text }
    }

    /// Phones, each with the row of its agent.
    fn phones(&self) -> impl Iterator<Item = Entry> {
        (0..).zip(&self.agents).flat_map(move |(row, agent)| {
            let (first, count) = agent.phones;
            let phones = &self.phones[at(first)..at(first) + at(count)];
            phones.iter().map(move |phone| self.entry(By::Phone, row, phone.id))
        })
    }

    fn agent_ids(&self) -> Vec<Entry> {
        let entry = |(row, agent): (u32, &AgentRow)| Entry {
            by: By::Agent,
            hash: fold::hash_number(agent.id),
            row,
            text: Text::default(),
        };
        (0..).zip(&self.agents).map(entry).collect()
    }
}

fn seen<'a, R>(rows: &'a [R], hidden: &'a RowSet) -> impl Iterator<Item = (u32, &'a R)> {
    (0..).zip(rows).filter(|(n, _)| !hidden.contains(n))
}

const fn at(row: u32) -> usize {
    row as usize
}
