//! The work of late delivery, and of compensation where that fails.

use std::sync::Arc;

use super::{Proxy, link_settings};
use crate::config::Settings;
use crate::ledger::Ledger;
use crate::ops::View;
use crate::owed::{Alarms, Books, Compensation, Courier, Debts, Owed, Store};

impl Proxy {
    /// What desks know of late delivery; the work of it is done in the background.
    pub(super) fn spawn_late_delivery(&self, settings: &Settings, view: &View, ledger: &Ledger) -> Owed {
        if !settings.late_delivery.enabled {
            return Owed::off(&view.metrics);
        }
        let debts = Arc::<Debts>::default();
        let (owed, entries) = Owed::open(&debts, &view.metrics);
        let database = view.directory.store().database();
        let Settings { late_delivery, codes, cores, safety, .. } = settings;
        let compensation = Compensation::new(safety, database.clone(), cores, ledger, &debts, &view.metrics);
        let store = Store::of(database.clone());
        let books = Books::new(store, &debts, late_delivery, codes, cores, ledger, &view.metrics);
        self.spawn(books.clone().keep_writing(entries));
        self.spawn(books.clone().keep_looking());
        for core in &*view.cores {
            let links = link_settings(settings);
            let courier = Courier::new(books.clone(), core.clone(), links, compensation.clone());
            self.spawn(courier.keep_delivering());
        }
        if let Some(alarms) = Alarms::of(&compensation, view.cores.clone()) {
            self.spawn(alarms.keep_telling());
        }
        owed.with_refusals(compensation.is_on())
    }
}
