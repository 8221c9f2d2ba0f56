//! From one snapshot to the next.

use std::sync::Arc;

use super::builder::Builder;
use super::layer::Layer;
use super::{By, Hidden, Snapshot, SnapshotFull, fold};

/// What changed from one revision to another. A change from nothing is a whole directory.
#[derive(Debug, Default)]
pub struct Delta {
    /// Rows that are new or different.
    pub rows: Builder,
    /// What there is no more; what also stands in `rows` is there again.
    pub gone: Gone,
    /// Locations that are new or different: LOCATIONID and the name of its site.
    pub locations: Vec<(i64, String)>,
    /// The revision that this leads to.
    pub revision: i64,
}

/// Keys of rows that there are no more.
#[derive(Debug, Default)]
pub struct Gone {
    /// DEVICEIDs.
    pub devices: Vec<String>,
    /// STATIONNAMEs.
    pub stations: Vec<String>,
    /// USERIDs.
    pub agents: Vec<i64>,
}

/// Rows in the small layer, and rows of the large one hidden by it, from which on merging pays: a change copies
/// the small layer, and these are copied in some milliseconds.
const MERGE_AT: usize = 8192;

impl Snapshot {
    /// The snapshot after a change. Costs as much as this change and those since the last merge, not as much as
    /// the directory.
    ///
    /// # Errors
    /// [`SnapshotFull`].
    pub fn apply(&self, delta: Delta) -> Result<Self, SnapshotFull> {
        let layer = delta.rows.layer();
        let mut next = self.clone();
        next.revision = delta.revision;
        if !delta.locations.is_empty() {
            let sites = Arc::make_mut(&mut next.sites);
            sites.extend(delta.locations.into_iter().map(|(id, site)| (id, site.into())));
        }
        if self.base.len() == 0 && self.top.len() == 0 {
            next.base = Arc::new(layer);
            return Ok(next);
        }
        Arc::make_mut(&mut next.hidden).extend(stale(&self.base, &layer, &delta.gone));
        let stale = stale(&self.top, &layer, &delta.gone);
        next.top = Arc::new(joined(&self.top, &stale, &layer)?);
        Ok(next)
    }

    /// Whether [`Snapshot::merged`] pays.
    #[must_use]
    pub fn is_merge_due(&self) -> bool {
        self.top.len() + self.hidden.len() > MERGE_AT
    }

    /// The same snapshot in one layer. Costs as much as loading it did, less the reading.
    ///
    /// # Errors
    /// [`SnapshotFull`].
    pub fn merged(&self) -> Result<Self, SnapshotFull> {
        let base = Arc::new(joined(&self.base, &self.hidden, &self.top)?);
        Ok(Self { base, hidden: Arc::default(), top: Arc::default(), ..self.clone() })
    }
}

fn joined(old: &Layer, hidden: &Hidden, new: &Layer) -> Result<Layer, SnapshotFull> {
    let mut builder = Builder::default();
    old.copy_into(&mut builder, hidden)?;
    new.copy_into(&mut builder, &Hidden::default())?;
    Ok(builder.layer())
}

/// The rows of `old` that `new` has anew or that are gone.
fn stale(old: &Layer, new: &Layer, gone: &Gone) -> Hidden {
    let devices =
        new.devices().iter().map(|row| new.name(&row.id)).chain(gone.devices.iter().map(String::as_str));
    let stations =
        new.stations().iter().map(|row| new.text(row.name)).chain(gone.stations.iter().map(String::as_str));
    let agents = new.agents().iter().map(|row| row.id).chain(gone.agents.iter().copied());
    let named = |by, name| old.named(by, name, fold::hash(name));
    Hidden {
        devices: devices.flat_map(|id| named(By::Device, id)).collect(),
        stations: stations.flat_map(|name| named(By::Station, name)).collect(),
        agents: agents.flat_map(|id| old.numbered(id)).collect(),
    }
}

impl Hidden {
    fn extend(&mut self, more: Self) {
        self.devices.extend(more.devices);
        self.stations.extend(more.stations);
        self.agents.extend(more.agents);
    }
}
