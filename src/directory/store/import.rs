//! Many rows at once, for files that are imported. What a file says counts: a phone or a station that is elsewhere
//! moves. What is already as the file says is left alone, so importing a file again changes nothing.

mod phones;
mod stations;
mod users;

use std::collections::HashSet;

pub use phones::AgentPhone;

use super::devices::write_cores;
use super::{Result, Write};
use crate::database::error::{StoreError, Subject};
use crate::database::{Column, Kind, Upsert};
use crate::directory::entity::Device;
use crate::directory::fold::folded;

/// Rows that travel in one statement.
const CHUNK: usize = 10_000;

/// How an import went.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Imported {
    /// Rows that were new or different.
    pub changed: u64,
    /// Rows that cannot be stored: the place of each in what was given, from 0, and why. The others are imported.
    pub refused: Vec<(usize, StoreError)>,
}

impl Imported {
    fn refuse(&mut self, place: usize, why: StoreError) {
        self.refused.push((place, why));
    }

    pub(super) fn add(&mut self, other: Self) {
        self.changed += other.changed;
        self.refused.extend(other.refused);
    }
}

const DEVICES: Upsert = Upsert {
    table: "devices",
    columns: &[
        ("key", Kind::Text),
        ("id", Kind::Text),
        ("alias", Kind::Text),
        ("site", Kind::Text),
        ("cores", Kind::Text),
        ("revision", Kind::Int),
    ],
    keys: 1,
    marks: 1,
};

impl Write<'_> {
    /// Adds devices, or changes those of the same DEVICEID; of several with one DEVICEID the last counts.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn import_devices(&mut self, devices: &[Device]) -> Result<Imported> {
        let mut imported = Imported::default();
        for (place, _) in devices.iter().enumerate().filter(|(_, device)| device.id.is_empty()) {
            imported.refuse(place, StoreError::Invalid("a device has no DEVICEID".into()));
        }
        for chunk in devices.chunks(CHUNK) {
            imported.changed += self.upsert_devices(chunk).await?;
        }
        self.note_many(imported.changed, "devices");
        Ok(imported)
    }

    pub(super) async fn upsert_devices(&mut self, devices: &[Device]) -> Result<u64> {
        let devices =
            last_of(devices.iter().filter(|device| !device.id.is_empty()), |device| folded(&device.id));
        let columns = [
            Column::texts(devices.iter().map(|(key, _)| key.as_str())),
            Column::texts(devices.iter().map(|(_, device)| device.id.as_str())),
            Column::texts(devices.iter().map(|(_, device)| device.alias.as_str())),
            Column::texts(devices.iter().map(|(_, device)| device.site.as_str())),
            Column::texts(devices.iter().map(|(_, device)| write_cores(&device.cores))),
            Column::Ints(vec![self.revision; devices.len()]),
        ];
        self.session.upsert(&DEVICES, &columns).await
    }

    pub(super) fn note_many(&mut self, count: u64, what: &str) {
        if count > 0 {
            self.note(format!("{count} {what} imported"));
        }
    }
}

/// Each row with its key; of several with one key the last.
fn last_of<'a, T>(
    rows: impl DoubleEndedIterator<Item = &'a T>,
    key: impl Fn(&T) -> String,
) -> Vec<(String, &'a T)> {
    let mut seen = HashSet::new();
    let mut last: Vec<_> =
        rows.rev().map(|row| (key(row), row)).filter(|(key, _)| seen.insert(key.clone())).collect();
    last.reverse();
    last
}

const fn no_user() -> StoreError {
    StoreError::NotFound(Subject::User)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_rows_with_one_key_the_last_counts() {
        let rows = ["a1", "b1", "a2"];
        let last = last_of(rows.iter(), |row| row[..1].into());
        assert_eq!(last, [("b".to_owned(), &"b1"), ("a".to_owned(), &"a2")]);
    }
}
