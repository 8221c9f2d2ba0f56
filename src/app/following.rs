//! Cores that are found by name, followed to wherever they go.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::timeout;

use super::muster::Routes;
use super::reload::{InForce, Reload};
use crate::config::Settings;
use crate::metrics::DNS_FAILED;
use crate::model::Core;
use crate::names::{Answers, split};
use crate::upstream::Cores;

/// How often what was never known is looked up.
const IMPATIENCE: Duration = Duration::from_secs(1);

impl Reload {
    /// Looks all names up again and again, for ever.
    pub async fn keep_following(self: Arc<Self>, refresh: Duration) {
        loop {
            self.follow().await;
            let is_known = self.muster.view.known.is_cancelled();
            let pause = if is_known { refresh } else { refresh.min(IMPATIENCE) };
            // Either may be what wakes it.
            let _ = timeout(pause, self.new_names.notified()).await;
        }
    }

    /// Looks all names up once, and has in force what they stand for now. Nothing is held up meanwhile.
    async fn follow(&self) {
        let lists = lists(&self.in_force.lock().await.settings);
        let targets = self.names.look_up(&lists, &[]).await;
        let mut in_force = self.in_force.lock().await;
        let mut faults = in_force.hear(targets);
        let hosts = in_force.hosts();
        drop(in_force);
        let addresses = self.names.look_up(&[], &hosts).await;
        let mut in_force = self.in_force.lock().await;
        let before = self.muster.view.cores.now();
        faults.extend(in_force.hear_addresses(addresses, &before));
        let InForce { settings, found, .. } = &mut *in_force;
        found.keep_only(&settings.cores, &settings.core_srv);
        self.tell(&mut in_force, faults);
        let cores = in_force.cores();
        let differs = before.iter().map(|core| &core.core).ne(&cores);
        let is_in_force = !differs || self.move_to(&cores, &before, &in_force.settings).await;
        if is_in_force && in_force.settings.core_srv.iter().all(|srv| in_force.found.knows(srv)) {
            self.muster.view.known.cancel();
        }
    }

    /// Has these in force; whether they can be.
    async fn move_to(&self, cores: &[Core], before: &Cores, settings: &Settings) -> bool {
        match self.muster.draw_up(cores) {
            Ok(next) => {
                let what = difference(before, &next);
                tracing::info!(cores = what, "cores were found by name");
                self.muster.exchange(next, Routes::of(settings)).await;
                self.muster.view.changes.note(format!("cores found by name: {what}"), "DNS".into());
                true
            }
            Err(fault) => {
                tracing::error!(%fault, "cores were found by name, and cannot be used");
                false
            }
        }
    }

    /// Says what is at fault now and was not before.
    fn tell(&self, in_force: &mut InForce, faults: BTreeSet<String>) {
        for fault in faults.difference(&in_force.faults) {
            tracing::error!("{fault}; what was known stays in force");
        }
        if faults.is_empty() && !in_force.faults.is_empty() {
            tracing::info!("all names of cores can be looked up again");
        }
        #[allow(clippy::cast_precision_loss, reason = "there are at most some thousand names")]
        self.muster.view.metrics.gauge(&DNS_FAILED, &[]).set(faults.len() as f64);
        in_force.faults = faults;
    }
}

/// The names that list cores.
fn lists(settings: &Settings) -> Vec<String> {
    settings.core_srv.iter().map(|srv| srv.name.clone()).collect()
}

impl InForce {
    /// All cores, as far as names are known.
    pub fn cores(&self) -> Vec<Core> {
        self.found.cores(&self.settings.cores, &self.settings.core_srv)
    }

    fn hosts(&self) -> Vec<String> {
        self.cores().into_iter().map(|core| core.address).filter(|address| split(address).is_some()).collect()
    }

    /// Takes what names list; what is at fault comes back.
    fn hear(&mut self, answers: Answers) -> BTreeSet<String> {
        let Self { settings, found, .. } = self;
        let heard = found.hear(&settings.core_srv, answers, settings.dns.forget);
        heard.err().into_iter().flatten().collect()
    }

    /// Takes where cores are; what is at fault comes back.
    fn hear_addresses(&mut self, answers: Answers, links: &Cores) -> BTreeSet<String> {
        let mut faults = BTreeSet::new();
        let cores = self.cores();
        for (address, answer) in answers.addresses {
            let core = cores.iter().find(|core| core.address == address);
            match (core, answer) {
                (Some(core), Ok(answer)) => {
                    let reached = links.of(core.id).and_then(|core| core.reached());
                    self.found.hear_addresses(&address, &answer, reached);
                }
                (Some(core), Err(error)) => {
                    let id = core.id;
                    faults.insert(format!("core {id}: its name cannot be looked up: {address}: {error}"));
                }
                (None, _) => {}
            }
        }
        faults
    }
}

/// What has changed: `+5, -3, 2 is at 10.0.0.2:5620`.
fn difference(before: &Cores, next: &Cores) -> String {
    let gone = before.iter().filter(|core| next.of(core.core.id).is_none());
    let gone = gone.map(|core| format!("-{}", core.core.id));
    let new = next.iter().filter_map(|core| match before.of(core.core.id) {
        None => Some(format!("+{} at {}", core.core.id, core.core.address)),
        Some(old) if old.core == core.core => None,
        Some(_) => {
            let at: Vec<_> = core.core.at.iter().map(ToString::to_string).collect();
            Some(format!("{} is at {} {}", core.core.id, core.core.address, at.join(" ")))
        }
    });
    gone.chain(new).collect::<Vec<_>>().join(", ")
}
