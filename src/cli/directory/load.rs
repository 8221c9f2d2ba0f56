//! The directory's snapshot, loaded once.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use super::place::Place;
use super::trouble::Trouble;
use crate::config::Settings;
use crate::directory::snapshot::Snapshot;
use crate::directory::{Directory, Status};

/// How long a database has to answer.
const PATIENCE: Duration = Duration::from_secs(10);

/// The directory as it is now, as a proxy with these settings would see it. A SQLite file that is not there yet is
/// an empty directory, as it is to a proxy; it is not made.
///
/// # Errors
/// [`Trouble`] when the database cannot be reached or read within ten seconds.
pub(in crate::cli) async fn snapshot(settings: &Settings) -> Result<Arc<Snapshot>, Trouble> {
    let settings = &settings.directory;
    let place = Place::of(&settings.url);
    if place.is_missing() {
        return Ok(Arc::default());
    }
    let stop = CancellationToken::new();
    let _stops = stop.clone().drop_guard();
    let directory =
        Directory::open(&settings.url, settings.refresh, stop).map_err(|error| Trouble::no_url(&error))?;
    let mut reports = directory.reports();
    let first = reports.wait_for(|status: &Status| status.is_loaded || status.error.is_some());
    let status = match timeout(PATIENCE, first).await {
        Ok(Ok(status)) => status.clone(),
        Ok(Err(_)) => return Err(Trouble::unavailable(&place, "whoever reads it has stopped")),
        Err(_) => return Err(Trouble::unavailable(&place, "no answer within 10 seconds")),
    };
    match status.error {
        Some(error) => Err(Trouble::of_store(&error, &place)),
        None => Ok(directory.snapshot()),
    }
}
