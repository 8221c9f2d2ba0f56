//! Rows, packed, with their indexes. A snapshot is a large layer and a small one of what changed since.

use super::builder::Builder;
use super::index::{By, Entry, Index};
use super::texts::{Name, Text, Texts};
use super::{AgentRecord, Hidden, RowSet, SnapshotFull, fold};
use crate::model::CoreId;

#[derive(Clone, Copy, Debug)]
pub(super) struct DeviceRow {
    pub(super) id: Name,
    pub(super) alias: Name,
    pub(super) site: Text,
    /// The place of its cores in [`Rows::core_sets`]: most devices share their cores with many.
    pub(super) cores: u32,
}

/// A DEVICEID, and its row if that is in the same layer: so that what names a device need not look it up.
#[derive(Clone, Copy, Debug)]
pub(super) struct Link {
    pub(super) id: Name,
    row: u32,
}

impl Link {
    const NO_ROW: u32 = u32::MAX;

    pub(super) const fn to(id: Name) -> Self {
        Self { id, row: Self::NO_ROW }
    }

    pub(super) fn row(self) -> Option<u32> {
        (self.row != Self::NO_ROW).then_some(self.row)
    }
}

#[derive(Clone, Copy, Debug)]
pub(super) struct StationRow {
    pub(super) name: Name,
    pub(super) device: Link,
    pub(super) location: i64,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct AgentRow {
    pub(super) id: i64,
    pub(super) username: Name,
    pub(super) employee: Name,
    pub(super) first_name: Text,
    pub(super) last_name: Text,
    pub(super) sys_user: Name,
    pub(super) crm_user: Name,
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
                Index::over(&ids),
                Index::over(&rows.entries(By::Alias)),
                Index::over(&rows.entries(By::Station)),
                Index::over(&rows.agent_ids()),
                Index::over(&rows.entries(By::Username)),
                Index::over(&rows.entries(By::Employee)),
                Index::over(&rows.entries(By::SysUser)),
                Index::over(&rows.entries(By::CrmUser)),
            ],
            rows,
        };
        layer.link();
        layer
    }

    fn link(&mut self) {
        let Self { rows: Rows { texts, devices, stations, phones, .. }, indexes } = self;
        let links = stations
            .iter_mut()
            .map(|row| &mut row.device)
            .chain(phones.iter_mut().map(|row| &mut row.device));
        for link in links {
            let id = texts.name(&link.id);
            let mut found = indexes[By::Device.index()].matching(By::Device, fold::hash(id));
            link.row = found.find(|row| texts.is(&devices[at(*row)].id, id)).unwrap_or(Link::NO_ROW);
        }
    }

    /// The rows that have this name, whose hash this is.
    pub(super) fn named(&self, by: By, name: &str, hash: u64) -> impl Iterator<Item = u32> {
        let found = self.indexes[by.index()].matching(by, hash);
        found.filter(move |row| self.rows.texts.is(self.rows.name(by, *row), name))
    }

    /// The rows of agents that have this USERID.
    pub(super) fn numbered(&self, id: i64) -> impl Iterator<Item = u32> {
        let found = self.indexes[By::Agent.index()].matching(By::Agent, fold::hash_number(id));
        found.filter(move |row| self.agent(*row).id == id)
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
            builder.device(
                self.name(&row.id),
                self.name(&row.alias),
                self.text(row.site),
                self.cores(row),
            )?;
        }
        for (_, row) in seen(&self.rows.stations, &hidden.stations) {
            builder.station(self.name(&row.name), self.name(&row.device.id), row.location)?;
        }
        for (_, row) in seen(&self.rows.agents, &hidden.agents) {
            builder
                .agent(&self.record(row), self.phones(row).iter().map(|phone| self.name(&phone.device.id)))?;
        }
        Ok(())
    }

    fn record<'a>(&'a self, row: &'a AgentRow) -> AgentRecord<'a> {
        AgentRecord {
            id: row.id,
            username: self.name(&row.username),
            employee_id: self.name(&row.employee),
            first_name: self.text(row.first_name),
            last_name: self.text(row.last_name),
            sys_user: self.name(&row.sys_user),
            crm_user: self.name(&row.crm_user),
            site: self.text(row.site),
            active: row.active,
        }
    }
}

impl Rows {
    /// The name by which this row is found.
    fn name(&self, by: By, row: u32) -> &Name {
        const NONE: &Name = &Name::NONE;
        match by {
            By::Device => &self.devices[at(row)].id,
            By::Alias => &self.devices[at(row)].alias,
            By::Seat => &self.stations[at(row)].device.id,
            By::Station => &self.stations[at(row)].name,
            By::Phone => &self.phones[at(row)].device.id,
            By::Username => &self.agents[at(row)].username,
            By::Employee => &self.agents[at(row)].employee,
            By::SysUser => &self.agents[at(row)].sys_user,
            By::CrmUser => &self.agents[at(row)].crm_user,
            // It has a number and no name.
            By::Agent => NONE,
        }
    }

    fn entries(&self, by: By) -> Vec<Entry> {
        let rows = match by {
            By::Device | By::Alias => self.devices.len(),
            By::Seat | By::Station => self.stations.len(),
            By::Phone => self.phones.len(),
            _ => self.agents.len(),
        };
        let named =
            (0..).take(rows).map(|row| (row, self.name(by, row))).filter(|(_, name)| !name.is_empty());
        named.map(|(row, name)| Entry { by, hash: fold::hash(self.texts.name(name)), row }).collect()
    }

    fn agent_ids(&self) -> Vec<Entry> {
        let agents = (0..).zip(&self.agents);
        agents.map(|(row, agent)| Entry { by: By::Agent, hash: fold::hash_number(agent.id), row }).collect()
    }
}

fn seen<'a, R>(rows: &'a [R], hidden: &'a RowSet) -> impl Iterator<Item = (u32, &'a R)> {
    (0..).zip(rows).filter(|(n, _)| !hidden.contains(n))
}

const fn at(row: u32) -> usize {
    row as usize
}
