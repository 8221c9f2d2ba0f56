//! The work of late delivery, and of compensation where that fails.

use std::sync::Arc;

use super::background::Background;
use crate::config::Settings;
use crate::ledger::Ledger;
use crate::metrics::Metrics;
use crate::ops::View;
use crate::owed::{Alarms, Books, Compensation, Courier, Debts, Owed, Store};
use crate::upstream::{CoreShared, LinkSettings};

/// What the couriers of all cores work with.
pub(super) struct Lateness {
    books: Arc<Books>,
    compensation: Arc<Compensation>,
}

impl Lateness {
    /// Who delivers to this core.
    pub fn courier(&self, core: &Arc<CoreShared>, links: LinkSettings, metrics: &Metrics) -> Courier {
        Courier::new(self.books.clone(), core.clone(), links, self.compensation.clone(), metrics)
    }
}

/// What desks know of late delivery; the work of it is done in the background.
pub(super) fn begin(
    settings: &Settings,
    view: &View,
    ledger: &Ledger,
    background: &Background,
) -> (Owed, Option<Lateness>) {
    if !settings.late_delivery.enabled {
        return (Owed::off(&view.metrics), None);
    }
    let debts = Arc::<Debts>::default();
    let (owed, entries) = Owed::open(&debts, &view.metrics);
    let database = view.directory.store().database();
    let Settings { late_delivery, codes, safety, .. } = settings;
    let compensation = Compensation::new(safety, database.clone(), ledger, &debts);
    let books = Books::new(Store::of(database.clone()), &debts, late_delivery, codes, ledger);
    background.spawn(books.clone().keep_writing(entries));
    background.spawn(books.clone().keep_looking());
    if let Some(alarms) = Alarms::of(&compensation, view.cores.clone()) {
        background.spawn(alarms.keep_telling());
    }
    (owed.with_refusals(compensation.is_on()), Some(Lateness { books, compensation }))
}
