//! Series that each core has.

use std::collections::BTreeMap;
use std::sync::Arc;

use arc_swap::ArcSwap;

use crate::model::CoreId;

/// What is counted of each core, by core. Cores may come meanwhile; their series stay, as counters must.
#[derive(Debug)]
pub struct PerCore<T>(ArcSwap<BTreeMap<CoreId, Arc<T>>>);

impl<T> Default for PerCore<T> {
    fn default() -> Self {
        Self(ArcSwap::default())
    }
}

impl<T> PerCore<T> {
    /// The core has series from now on.
    pub fn meet(&self, core: CoreId, series: impl FnOnce() -> T) {
        let series = Arc::new(series());
        self.0.rcu(|all| {
            let mut all = BTreeMap::clone(all);
            all.entry(core).or_insert_with(|| series.clone());
            all
        });
    }

    /// The series of a core; nothing of one that was never met.
    #[must_use]
    pub fn get(&self, core: CoreId) -> Option<Arc<T>> {
        self.0.load().get(&core).cloned()
    }

    /// The series of all cores.
    #[must_use]
    pub fn all(&self) -> Arc<BTreeMap<CoreId, Arc<T>>> {
        self.0.load_full()
    }
}
