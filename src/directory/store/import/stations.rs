//! Many stations at once.

use std::collections::{HashMap, HashSet};

use super::super::{Read, Result, Write};
use super::{CHUNK, Imported, last_of};
use crate::database::error::StoreError;
use crate::database::{Column, Kind, Row, Upsert};
use crate::directory::entity::Station;
use crate::directory::fold::folded;

const STATIONS: Upsert = Upsert {
    table: "stations",
    columns: &[
        ("name_key", Kind::Text),
        ("name", Kind::Text),
        ("device_key", Kind::Text),
        ("device", Kind::Text),
        ("location", Kind::Int),
        ("revision", Kind::Int),
    ],
    keys: 1,
    marks: 1,
};

const TOMBSTONES: Upsert = Upsert {
    table: "tombstones",
    columns: &[("kind", Kind::Text), ("key", Kind::Text), ("revision", Kind::Int), ("at", Kind::Int)],
    keys: 2,
    marks: 2,
};

impl Read<'_> {
    /// Stations whose `column` is one of `keys`, by the key of their names.
    async fn stations_by(&mut self, column: &str, keys: &Column<'_>) -> Result<HashMap<String, Station>> {
        let sql = format!("SELECT name_key, name, device, location FROM stations WHERE {column} = ANY($1)");
        let station = |row: &Row<'_>| {
            let station = Station { name: row.string(1)?, device: row.string(2)?, location: row.int(3)? };
            Ok((row.string(0)?, station))
        };
        Ok(self.rows_for(&sql, keys, station).await?.into_iter().collect())
    }
}

impl Write<'_> {
    /// Ties stations to devices, as [`Write::replace_station`] does for one; of several lines for one station or
    /// one device the last counts.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn import_stations(&mut self, stations: &[Station]) -> Result<Imported> {
        let mut imported = Imported::default();
        let is_usable = |station: &Station| !station.name.is_empty() && !station.device.is_empty();
        for (place, _) in stations.iter().enumerate().filter(|(_, station)| !is_usable(station)) {
            imported.refuse(place, StoreError::Invalid("a station has no STATIONNAME or no DEVICEID".into()));
        }
        let by_name = last_of(stations.iter().filter(|s| is_usable(s)), |station| folded(&station.name));
        let last = last_of(by_name.iter().map(|(_, station)| *station), |station| folded(&station.device));
        for chunk in last.chunks(CHUNK) {
            imported.changed += self.replace_stations(chunk).await?;
        }
        self.note_many(imported.changed, "stations");
        Ok(imported)
    }

    /// Takes stations with the keys of their devices.
    async fn replace_stations(&mut self, stations: &[(String, &Station)]) -> Result<u64> {
        let names = Column::texts(stations.iter().map(|(_, station)| folded(&station.name)));
        let devices = Column::texts(stations.iter().map(|(device, _)| device.as_str()));
        let mut old = self.stations_by("name_key", &names).await?;
        old.extend(self.stations_by("device_key", &devices).await?);
        let is_new = |station: &Station| old.get(&folded(&station.name)) != Some(station);
        let new: Vec<_> = stations.iter().filter(|(_, station)| is_new(station)).collect();
        let kept: HashSet<_> =
            stations.iter().filter(|(_, s)| !is_new(s)).map(|(_, s)| folded(&s.name)).collect();
        let replaced: Vec<_> = old.keys().filter(|name| !kept.contains(*name)).cloned().collect();
        let coming: HashSet<_> = new.iter().map(|(_, station)| folded(&station.name)).collect();
        let gone = replaced.iter().filter(|name| !coming.contains(*name)).cloned().collect();
        let sql = "DELETE FROM stations WHERE name_key = ANY($1)";
        self.session.execute_for(sql, &Column::texts(replaced), &[]).await?;
        self.bury_all("station", gone).await?;
        let columns = [
            Column::texts(new.iter().map(|(_, station)| folded(&station.name))),
            Column::texts(new.iter().map(|(_, station)| station.name.as_str())),
            Column::texts(new.iter().map(|(device, _)| device.as_str())),
            Column::texts(new.iter().map(|(_, station)| station.device.as_str())),
            Column::Ints(new.iter().map(|(_, station)| station.location).collect()),
            Column::Ints(vec![self.revision; new.len()]),
        ];
        self.session.upsert(&STATIONS, &columns).await
    }

    async fn bury_all(&mut self, kind: &'static str, keys: Vec<String>) -> Result<()> {
        let now = jiff::Timestamp::now().as_second();
        let count = keys.len();
        let columns = [
            Column::texts(vec![kind; count]),
            Column::texts(keys),
            Column::Ints(vec![self.revision; count]),
            Column::Ints(vec![now; count]),
        ];
        self.session.upsert(&TOMBSTONES, &columns).await.map(drop)
    }
}
