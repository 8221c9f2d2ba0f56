//! The cores in force, which come and go while calls are under way.

use std::ops::Deref;
use std::sync::{Arc, Mutex, PoisonError};

use arc_swap::ArcSwap;

use super::shared::CoreShared;
use crate::model::{CoreId, CoreIndex};

/// The cores in force, and the places that they have.
#[derive(Debug, Default)]
pub struct Roster {
    in_force: ArcSwap<Cores>,
    /// Who has which place, for good: a number that comes back finds its own.
    places: Mutex<Vec<CoreId>>,
}

/// The cores of one moment, sorted by number.
#[derive(Debug, Default)]
pub struct Cores {
    sorted: Vec<Arc<CoreShared>>,
    placed: Vec<Option<Arc<CoreShared>>>,
}

impl Roster {
    /// The place of a core, whether it is in force or not.
    #[must_use]
    pub fn place(&self, core: CoreId) -> CoreIndex {
        let mut places = self.places.lock().unwrap_or_else(PoisonError::into_inner);
        let at = places.iter().position(|id| *id == core).unwrap_or_else(|| {
            places.push(core);
            places.len() - 1
        });
        // There are as many numbers as places.
        CoreIndex(u16::try_from(at).unwrap_or(u16::MAX))
    }

    /// The cores that are in force now.
    #[must_use]
    pub fn now(&self) -> Arc<Cores> {
        self.in_force.load_full()
    }

    /// How often a connection to the core at this place was lost; nothing of one that is not in force.
    #[must_use]
    pub fn losses(&self, at: CoreIndex) -> Option<u64> {
        self.in_force.load().placed.get(at.at())?.as_ref().map(|core| core.losses())
    }

    /// Others are in force from now on.
    pub fn exchange(&self, cores: Arc<Cores>) {
        self.in_force.store(cores);
    }
}

impl Cores {
    /// The core of this number.
    #[must_use]
    pub fn of(&self, id: CoreId) -> Option<&Arc<CoreShared>> {
        self.binary_search_by_key(&id, |core| core.core.id).ok().map(|at| &self[at])
    }
}

impl FromIterator<Arc<CoreShared>> for Cores {
    fn from_iter<I: IntoIterator<Item = Arc<CoreShared>>>(cores: I) -> Self {
        let mut sorted: Vec<_> = cores.into_iter().collect();
        sorted.sort_by_key(|core| core.core.id);
        let mut placed = Vec::new();
        for core in &sorted {
            placed.resize(placed.len().max(core.place.at() + 1), None);
            placed[core.place.at()] = Some(core.clone());
        }
        Self { sorted, placed }
    }
}

impl Deref for Cores {
    type Target = [Arc<CoreShared>];

    fn deref(&self) -> &Self::Target {
        &self.sorted
    }
}
