//! Stations: sections "STATIONS" and "IMPORTWORKSTATION".

use super::{Read, Result, Write};
use crate::database::Row;
use crate::database::error::{StoreError, Subject};
use crate::directory::entity::Station;
use crate::directory::fold::folded;

fn station(row: &Row<'_>) -> Result<Station> {
    Ok(Station { name: row.string(0)?, device: row.string(1)?, location: row.int(2)? })
}

impl Read<'_> {
    /// All stations, by name.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn stations(&mut self) -> Result<Vec<Station>> {
        let mut stations = self.rows("SELECT name, device, location FROM stations", &[], station).await?;
        stations.sort_by_cached_key(|station| folded(&station.name));
        Ok(stations)
    }

    /// The station of this name.
    ///
    /// # Errors
    /// [`StoreError::NotFound`], and those of the database.
    pub async fn station(&mut self, name: &str) -> Result<Station> {
        let sql = "SELECT name, device, location FROM stations WHERE name_key = $1";
        let found = self.row(sql, &[folded(name).into()], station).await?;
        found.ok_or(StoreError::NotFound(Subject::Station))
    }
}

impl Write<'_> {
    /// Ties a station to a device. What either of them was tied to before is deleted first, so that the new entry
    /// is unique. Gives what is stored, which is what the result of IMPORTWORKSTATION shows.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn replace_station(&mut self, new: &Station) -> Result<Station> {
        self.delete_stations(&folded(&new.name), &folded(&new.device)).await?;
        let sql = "INSERT INTO stations (name_key, name, device_key, device, location, revision) \
                   VALUES ($1, $2, $3, $4, $5, $6)";
        let values = [
            folded(&new.name).into(),
            (&new.name).into(),
            folded(&new.device).into(),
            (&new.device).into(),
            new.location.into(),
            self.revision.into(),
        ];
        self.execute(sql, &values).await?;
        self.note(format!("station {} is at device {}, location {}", new.name, new.device, new.location));
        self.station(&new.name).await
    }

    async fn delete_stations(&mut self, name: &str, device: &str) -> Result<()> {
        let sql = "DELETE FROM stations WHERE name_key = $1 OR device_key = $2 RETURNING name_key";
        let deleted = self.rows(sql, &[name.into(), device.into()], |row| row.string(0)).await?;
        for other in deleted.iter().filter(|deleted| *deleted != name) {
            self.bury("station", other).await?;
        }
        Ok(())
    }

    /// Deletes a station.
    ///
    /// # Errors
    /// [`StoreError::NotFound`], and those of the database.
    pub async fn delete_station(&mut self, name: &str) -> Result<()> {
        let key = folded(name);
        if self.execute("DELETE FROM stations WHERE name_key = $1", &[(&key).into()]).await? == 0 {
            return Err(StoreError::NotFound(Subject::Station));
        }
        self.bury("station", &key).await?;
        self.note(format!("station {name} deleted"));
        Ok(())
    }
}
