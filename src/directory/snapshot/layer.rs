//! Rows, packed, with their indexes. A snapshot is a large layer and a small one of what changed since.

use super::builder::Builder;
use super::index::Index;
use super::texts::{Text, Texts};
use super::{AgentRecord, SnapshotFull};
use crate::directory::fold;
use crate::model::CoreId;

#[derive(Clone, Copy, Debug)]
pub(super) struct DeviceRow {
    pub(super) id: Text,
    pub(super) alias: Text,
    pub(super) site: Text,
    /// The place of its cores in [`Rows::core_sets`]: most devices share their cores with many.
    pub(super) cores: u32,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct StationRow {
    pub(super) name: Text,
    pub(super) device: Text,
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
    pub(super) phone: Text,
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
    pub(super) by_device: Index,
    pub(super) by_alias: Index,
    pub(super) by_station: Index,
    pub(super) by_seat: Index,
    pub(super) by_phone: Index,
    pub(super) by_agent: Index,
    pub(super) by_username: Index,
    pub(super) by_employee: Index,
    pub(super) by_sys_user: Index,
    pub(super) by_crm_user: Index,
}

impl Layer {
    pub(super) fn over(rows: Rows) -> Self {
        let key = |text: Text| (!text.is_empty()).then(|| fold::hash(rows.texts.get(text)));
        let devices =
            |of: fn(&DeviceRow) -> Text| Index::over(rows.devices.len(), |n| key(of(&rows.devices[at(n)])));
        let stations = |of: fn(&StationRow) -> Text| {
            Index::over(rows.stations.len(), |n| key(of(&rows.stations[at(n)])))
        };
        let agents =
            |of: fn(&AgentRow) -> Text| Index::over(rows.agents.len(), |n| key(of(&rows.agents[at(n)])));
        Self {
            by_device: devices(|row| row.id),
            by_alias: devices(|row| row.alias),
            by_station: stations(|row| row.name),
            by_seat: stations(|row| row.device),
            by_phone: Index::over(rows.phones.len(), |n| key(rows.phones[at(n)].phone)),
            by_agent: Index::over(rows.agents.len(), |n| Some(fold::hash_number(rows.agents[at(n)].id))),
            by_username: agents(|row| row.username),
            by_employee: agents(|row| row.employee),
            by_sys_user: agents(|row| row.sys_user),
            by_crm_user: agents(|row| row.crm_user),
            rows,
        }
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

    pub(super) fn phones(&self, agent: &AgentRow) -> impl Iterator<Item = &str> {
        let (first, count) = agent.phones;
        self.rows.phones[at(first)..at(first) + at(count)].iter().map(|row| self.text(row.phone))
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
    pub(super) fn copy_into(
        &self,
        builder: &mut Builder,
        hidden: &super::Hidden,
    ) -> Result<(), SnapshotFull> {
        for (_, row) in seen(&self.rows.devices, &hidden.devices) {
            builder.device(self.text(row.id), self.text(row.alias), self.text(row.site), self.cores(row))?;
        }
        for (_, row) in seen(&self.rows.stations, &hidden.stations) {
            builder.station(self.text(row.name), self.text(row.device), row.location)?;
        }
        for (_, row) in seen(&self.rows.agents, &hidden.agents) {
            builder.agent(&self.record(row), self.phones(row))?;
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

fn seen<'a, R>(rows: &'a [R], hidden: &'a super::RowSet) -> impl Iterator<Item = (u32, &'a R)> {
    (0..).zip(rows).filter(|(n, _)| !hidden.contains(n))
}

const fn at(row: u32) -> usize {
    row as usize
}
