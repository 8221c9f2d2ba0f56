//! Checked rows → the database, in one transaction. Rows that need the database to be judged are judged here;
//! after the first fault rows are only judged, so that all faults are found, and nothing is written.

use std::collections::HashMap;
use std::sync::mpsc::Receiver;

use super::apply_places::Places;
use super::apply_rest::Rest;
use super::apply_users::Users;
use super::faults::Faults;
use super::progress::Progress;
use super::reader::Batch;
use super::rows::{DeviceRow, Line, Rows};
use super::tally::Tally;
use crate::directory::StoreError;
use crate::directory::entity::Device;
use crate::directory::fold::folded;
use crate::directory::store::{Imported, Write};

type Result<T, E = StoreError> = std::result::Result<T, E>;

/// What became of a file.
#[derive(Debug, Default)]
pub(super) struct Outcome {
    pub faults: Faults,
    pub tally: Tally,
    /// What is odd and stops nothing.
    pub notes: Vec<String>,
    /// Rows of the file.
    pub rows: u64,
}

/// One import under way.
pub(super) struct Import {
    batches: Receiver<Batch>,
    progress: Progress,
    /// Whether a station may stand at a location that nobody knows: what was exported so is taken back so.
    pub(super) any_location: bool,
    pub(super) outcome: Outcome,
}

impl Import {
    pub fn new(batches: Receiver<Batch>, progress: Progress, any_location: bool) -> Self {
        Self { batches, progress, any_location, outcome: Outcome::default() }
    }

    /// Imports the file, as far as it has no faults.
    ///
    /// # Errors
    /// Those of the database. Faults of the file are in the outcome.
    pub async fn run(mut self, tx: &mut Write<'_>) -> Result<Outcome> {
        let (mut users, mut places, mut rest) = (Users::default(), Places::default(), Rest::default());
        loop {
            // It blocks a thread that has nothing else to do.
            let batch = tokio::task::block_in_place(|| self.batches.recv());
            let Batch { rows, faults, read, bytes, is_last } =
                batch.map_err(|_| StoreError::Failed("the file was not read to its end".into()))?;
            self.outcome.faults.append(faults);
            self.outcome.rows = read;
            self.progress.at(read, bytes);
            let Rows { devices, users: user_rows, phones, stations, locations, rest: rest_rows } = rows;
            self.devices(tx, devices).await?;
            users.put(&mut self, tx, user_rows).await?;
            users.hold_phones(phones);
            places.put_locations(&mut self, tx, locations).await?;
            places.put_stations(&mut self, tx, stations).await?;
            rest.hold(rest_rows);
            if is_last {
                break;
            }
        }
        users.put_phones(&mut self, tx).await?;
        places.end(&mut self);
        rest.put(&mut self, tx).await?;
        self.progress.end();
        Ok(self.outcome)
    }

    /// Whether rows are still written.
    pub(super) const fn is_good(&self) -> bool {
        self.outcome.faults.is_empty()
    }

    /// Takes note of rows that the store did not take, whose lines these are.
    pub(super) fn refused(&mut self, imported: &Imported, line: impl Fn(usize) -> Option<Line>) {
        for (place, why) in &imported.refused {
            self.outcome.faults.add(line(*place).unwrap_or_default(), why.to_string());
        }
    }

    async fn devices(&mut self, tx: &mut Write<'_>, rows: Vec<(Line, DeviceRow)>) -> Result<()> {
        if rows.is_empty() {
            return Ok(());
        }
        let ids: Vec<_> = rows.iter().map(|(_, row)| row.id.clone()).collect();
        let found = tx.devices_of(&ids).await?.into_iter();
        let old: HashMap<_, _> = found.map(|device| (folded(&device.id), device)).collect();
        let (mut lines, mut changed) = (Vec::new(), Vec::<Device>::new());
        for (line, row) in rows {
            let old = old.get(&folded(&row.id));
            let new = row.onto(old);
            if self.outcome.tally.judge("devices", old, &new) {
                lines.push(line);
                changed.push(new);
            }
        }
        if self.is_good() {
            let imported = tx.import_devices(&changed).await?;
            self.refused(&imported, |place| lines.get(place).copied());
        }
        Ok(())
    }
}
