//! Devices, and the locations of their stations.

use super::{Read, Result, Write};
use crate::database::error::{StoreError, Subject};
use crate::database::{Column, Row};
use crate::directory::entity::{Device, Location};
use crate::directory::fold::folded;
use crate::model::CoreId;

const COLUMNS: &str = "id, alias, site, cores";

fn device(row: &Row<'_>) -> Result<Device> {
    Ok(Device {
        id: row.string(0)?,
        alias: row.string(1)?,
        site: row.string(2)?,
        cores: parse_cores(row.text(3)?),
    })
}

/// Cores as their column holds them; what is no number of a core is passed over.
pub(super) fn parse_cores(text: &str) -> Vec<CoreId> {
    text.split(',').filter_map(|core| core.trim().parse().ok().map(CoreId)).collect()
}

/// Cores for their column: sorted, each once.
pub(super) fn write_cores(cores: &[CoreId]) -> String {
    let mut cores = cores.to_vec();
    cores.sort_unstable();
    cores.dedup();
    cores.iter().map(CoreId::to_string).collect::<Vec<_>>().join(",")
}

impl Read<'_> {
    /// The device of this DEVICEID, without regard to case.
    ///
    /// # Errors
    /// [`StoreError::NotFound`], and those of the database.
    pub async fn device(&mut self, id: &str) -> Result<Device> {
        let sql = format!("SELECT {COLUMNS} FROM devices WHERE key = $1");
        let found = self.row(&sql, &[folded(id).into()], device).await?;
        found.ok_or(StoreError::NotFound(Subject::Device))
    }

    /// Those of these DEVICEIDs that there are, in no order.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn devices_of(&mut self, ids: &[String]) -> Result<Vec<Device>> {
        let sql = format!("SELECT {COLUMNS} FROM devices WHERE key = ANY($1)");
        self.rows_for(&sql, &Column::texts(ids.iter().map(|id| folded(id))), device).await
    }

    /// The next devices after this DEVICEID in the database's order, `limit` at most. Begin with an empty one and
    /// go on from the last, until none come.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn devices_after(&mut self, id: &str, limit: u32) -> Result<Vec<Device>> {
        let sql = format!("SELECT {COLUMNS} FROM devices WHERE key > $1 ORDER BY key LIMIT $2");
        self.rows(&sql, &[folded(id).into(), i64::from(limit).into()], device).await
    }

    /// All locations, by LOCATIONID.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn locations(&mut self) -> Result<Vec<Location>> {
        let sql = "SELECT id, name, site FROM locations ORDER BY id";
        let location =
            |row: &Row<'_>| Ok(Location { id: row.int(0)?, name: row.string(1)?, site: row.string(2)? });
        self.rows(sql, &[], location).await
    }
}

impl Write<'_> {
    /// Adds a device, or changes the one of this DEVICEID.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn put_device(&mut self, device: &Device) -> Result<()> {
        if self.upsert_devices(std::slice::from_ref(device)).await? > 0 {
            let Device { id, alias, site, cores } = device;
            self.note(format!(
                "device {id} has alias {alias:?}, site {site:?}, cores {}",
                write_cores(cores)
            ));
        }
        Ok(())
    }

    /// Deletes a device. Stations and phones of its DEVICEID stay.
    ///
    /// # Errors
    /// [`StoreError::NotFound`], and those of the database.
    pub async fn delete_device(&mut self, id: &str) -> Result<()> {
        let key = folded(id);
        if self.execute("DELETE FROM devices WHERE key = $1", &[(&key).into()]).await? == 0 {
            return Err(StoreError::NotFound(Subject::Device));
        }
        self.bury("device", &key).await?;
        self.note(format!("device {id} deleted"));
        Ok(())
    }

    /// Adds a location, or changes the one of this LOCATIONID.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn put_location(&mut self, location: &Location) -> Result<()> {
        let sql = "INSERT INTO locations (id, name, site, revision) VALUES ($1, $2, $3, $4) ON CONFLICT (id) \
                   DO UPDATE SET name = excluded.name, site = excluded.site, revision = excluded.revision";
        let Location { id, name, site } = location;
        self.execute(sql, &[(*id).into(), name.into(), site.into(), self.revision.into()]).await?;
        self.note(format!("location {id} is {name} at site {site}"));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cores_are_kept_sorted_and_once() {
        assert_eq!(write_cores(&[CoreId(9), CoreId(1), CoreId(9)]), "1,9");
        assert_eq!(parse_cores("1,9"), [CoreId(1), CoreId(9)]);
        assert_eq!((write_cores(&[]), parse_cores("")), (String::new(), vec![]));
    }
}
