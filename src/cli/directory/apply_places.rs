//! Locations, and stations at them → the database.

use std::collections::{BTreeSet, HashMap, HashSet};

use super::apply::Import;
use super::rows::{Line, LocationRow, StationRow};
use crate::directory::StoreError;
use crate::directory::entity::{Location, Station};
use crate::directory::fold::folded;
use crate::directory::store::Write;

type Result<T, E = StoreError> = std::result::Result<T, E>;

/// The stations and locations of the directory, read when the first row of a file needs them.
#[derive(Debug, Default)]
pub(super) struct Places {
    locations: Option<HashMap<i64, Location>>,
    /// Stations by name.
    stations: Option<HashMap<String, Station>>,
    /// Names of stations by device.
    seats: HashMap<String, String>,
    known: HashSet<i64>,
    /// Stations at locations that nobody knows yet: the file may name those later.
    waiting: Vec<(Line, i64)>,
}

impl Places {
    async fn load_locations(&mut self, tx: &mut Write<'_>) -> Result<&HashMap<i64, Location>> {
        if self.locations.is_none() {
            let locations = tx.locations().await?;
            self.known.extend(locations.iter().map(|location| location.id));
            self.locations = Some(locations.into_iter().map(|location| (location.id, location)).collect());
        }
        Ok(self.locations.get_or_insert_default())
    }

    async fn load_stations(&mut self, tx: &mut Write<'_>) -> Result<()> {
        if self.stations.is_none() {
            let stations = tx.stations().await?;
            self.seats = stations.iter().map(|s| (folded(&s.device), s.name.clone())).collect();
            self.stations = Some(stations.into_iter().map(|s| (folded(&s.name), s)).collect());
        }
        Ok(())
    }

    /// Writes locations.
    pub async fn put_locations(
        &mut self,
        import: &mut Import,
        tx: &mut Write<'_>,
        rows: Vec<(Line, LocationRow)>,
    ) -> Result<()> {
        for (_, row) in rows {
            self.known.insert(row.id);
            let old = self.load_locations(tx).await?.get(&row.id);
            let new = row.onto(old);
            if import.outcome.tally.judge("locations", old, &new) && import.is_good() {
                tx.put_location(&new).await?;
            }
        }
        Ok(())
    }

    /// Writes stations.
    pub async fn put_stations(
        &mut self,
        import: &mut Import,
        tx: &mut Write<'_>,
        rows: Vec<(Line, StationRow)>,
    ) -> Result<()> {
        if rows.is_empty() {
            return Ok(());
        }
        self.load_locations(tx).await?;
        self.load_stations(tx).await?;
        let (mut lines, mut changed) = (Vec::new(), Vec::new());
        for (line, row) in rows {
            if !self.known.contains(&row.location) {
                self.waiting.push((line, row.location));
            }
            let new = Station::from(row);
            if self.judge(import, &new) {
                lines.push(line);
                changed.push(new);
            }
        }
        if import.is_good() {
            let imported = tx.import_stations(&changed).await?;
            import.refused(&imported, |place| lines.get(place).copied());
        }
        Ok(())
    }

    fn judge(&self, import: &mut Import, new: &Station) -> bool {
        let old = self.stations.as_ref().and_then(|stations| stations.get(&folded(&new.name)));
        let is_changed = import.outcome.tally.judge("stations", old, new);
        let seat = self.seats.get(&folded(&new.device)).filter(|name| folded(name) != folded(&new.name));
        if let Some(other) = seat.filter(|_| is_changed) {
            import.outcome.tally.tell(|| format!("device {} leaves station {other}", new.device));
        }
        is_changed
    }

    /// Judges stations at locations that have not been named up to the end of the file.
    pub fn end(&mut self, import: &mut Import) {
        self.waiting.retain(|(_, location)| !self.known.contains(location));
        if import.any_location {
            let unknown: BTreeSet<_> =
                self.waiting.iter().map(|(_, location)| location.to_string()).collect();
            if !unknown.is_empty() {
                let unknown = unknown.into_iter().collect::<Vec<_>>().join(", ");
                let note =
                    format!("stations stand at locations that nobody knows, and so at no site: {unknown}");
                import.outcome.notes.push(note);
            }
            return;
        }
        for (line, location) in self.waiting.drain(..) {
            let fault = format!("nobody knows the location {location}: import locations first");
            import.outcome.faults.add(line, fault);
        }
    }
}
