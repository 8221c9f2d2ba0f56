//! Rows as a file has them. What a file does not speak of is `None`, and stays as it is in the directory.

use serde::Deserialize;

use crate::directory::entity::{ArchiveAction, Group, Member, Role, Stamp, Station, Status, Term};
use crate::model::CoreId;

/// A device.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct DeviceRow {
    pub id: String,
    pub alias: Option<String>,
    pub site: Option<String>,
    pub cores: Option<Vec<CoreId>>,
}

/// A location.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct LocationRow {
    pub id: i64,
    pub name: Option<String>,
    pub site: String,
}

/// A station.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct StationRow {
    pub name: String,
    pub device: String,
    pub location: i64,
}

impl From<StationRow> for Station {
    fn from(StationRow { name, device, location }: StationRow) -> Self {
        Self { name, device, location }
    }
}

/// A user, named by its number or, where that is 0, by its username.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct UserRow {
    #[serde(default)]
    pub id: i64,
    pub username: Option<String>,
    pub employee_id: Option<String>,
    pub first_name: Option<String>,
    pub last_name: Option<String>,
    pub is_agent: Option<bool>,
    pub status: Option<Status>,
    pub added: Option<Stamp>,
    pub modified: Option<Stamp>,
    pub sys_user: Option<String>,
    pub sys_domain: Option<String>,
    pub email: Option<String>,
    pub crm_user: Option<String>,
    pub site_id: Option<String>,
    pub phones: Option<Vec<String>>,
}

/// A phone of an agent, who is named by its number or, where that is 0, by its username.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct PhoneRow {
    pub phone: String,
    pub agent: i64,
    pub username: String,
}

/// One of the few rows that only a JSON file holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum RestRow {
    Group(Group),
    Member(Member),
    Role(Role),
    RoleGroup((i64, i64)),
    RolePermission((i64, String)),
    UserRole((i64, i64)),
    Term(Term),
    ArchiveAction(ArchiveAction),
}

/// A row of any kind.
#[derive(Debug)]
pub(super) enum Row {
    Device(DeviceRow),
    User(Box<UserRow>),
    Phone(PhoneRow),
    Station(StationRow),
    Location(LocationRow),
    Rest(RestRow),
}

/// The number of a line of the file, from 1.
pub(super) type Line = u32;

/// Rows with their lines, each kind by itself.
#[derive(Debug, Default)]
pub(super) struct Rows {
    pub devices: Vec<(Line, DeviceRow)>,
    pub users: Vec<(Line, UserRow)>,
    pub phones: Vec<(Line, PhoneRow)>,
    pub stations: Vec<(Line, StationRow)>,
    pub locations: Vec<(Line, LocationRow)>,
    pub rest: Vec<(Line, RestRow)>,
}

impl Rows {
    /// Puts a row with its kind.
    pub fn push(&mut self, line: Line, row: Row) {
        match row {
            Row::Device(row) => self.devices.push((line, row)),
            Row::User(row) => self.users.push((line, *row)),
            Row::Phone(row) => self.phones.push((line, row)),
            Row::Station(row) => self.stations.push((line, row)),
            Row::Location(row) => self.locations.push((line, row)),
            Row::Rest(row) => self.rest.push((line, row)),
        }
    }
}
