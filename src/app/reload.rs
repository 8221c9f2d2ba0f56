//! The configuration read anew, while calls go on: what can change changes, the rest is named and stays.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use futures::future::FutureExt;
use metrics::Gauge;
use serde_json::json;
use tokio::sync::{Mutex, Notify};
use tokio::task::spawn_blocking;
use tokio::time::interval;

use super::Proxy;
use super::muster::{Muster, Routes};
use crate::access::Gate;
use crate::config::Settings;
use crate::fanout::Compat;
use crate::metrics::{CONFIG_LOADED, CONFIG_RELOAD_FAILED};
use crate::names::{Found, Names};
use crate::ops;
use crate::upstream::Cores;

/// What a reload has come to. Both name sections of the configuration, or keys.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reloaded {
    /// In force now.
    pub changed: Vec<&'static str>,
    /// Written otherwise than what is in force, which stays until a restart.
    pub needs_restart: Vec<&'static str>,
}

/// What is in force.
pub(super) struct InForce {
    pub settings: Arc<Settings>,
    /// What is known of names.
    pub found: Found,
    /// What is at fault with names, as was said last.
    pub faults: BTreeSet<String>,
}

/// What is exchanged. Whoever uses it shares it.
pub(super) struct Reload {
    path: Option<PathBuf>,
    pub(super) in_force: Mutex<InForce>,
    pub(super) names: Names,
    /// There may be names that were not looked up yet.
    pub(super) new_names: Notify,
    gate: Arc<Gate>,
    compat: Arc<ArcSwap<Compat>>,
    pub(super) muster: Muster,
    failed: Gauge,
    loaded: Gauge,
}

impl Reload {
    pub fn new(
        settings: &Arc<Settings>,
        muster: Muster,
        gate: &Arc<Gate>,
        compat: &Arc<ArcSwap<Compat>>,
    ) -> Arc<Self> {
        let reload = Self {
            path: settings.path.clone(),
            in_force: Mutex::new(InForce {
                settings: settings.clone(),
                found: Found::default(),
                faults: BTreeSet::new(),
            }),
            names: Names::new(&settings.dns.servers),
            new_names: Notify::new(),
            gate: gate.clone(),
            compat: compat.clone(),
            failed: muster.view.metrics.gauge(&CONFIG_RELOAD_FAILED, &[]),
            loaded: muster.view.metrics.gauge(&CONFIG_LOADED, &[]),
            muster,
        };
        reload.publish(true);
        Arc::new(reload)
    }

    /// Reads the file once more. `why` says in the log who wants it.
    ///
    /// # Errors
    /// What is wrong with the file. Then nothing has changed.
    pub async fn reload(&self, why: &str) -> Result<Reloaded, String> {
        let mut in_force = self.in_force.lock().await;
        let read = self.read(&mut in_force).await;
        self.publish(read.is_ok());
        let (next, cores, reloaded) = read.inspect_err(|faults| {
            tracing::error!(why, %faults, "the configuration is at fault: nothing has changed");
        })?;
        self.put(&in_force.settings, &next, cores).await;
        in_force.settings = Arc::new(next);
        self.new_names.notify_one();
        let (changed, left) = (reloaded.changed.join(", "), reloaded.needs_restart.join(", "));
        tracing::info!(why, changed, "the configuration was read anew");
        let what = if changed.is_empty() {
            "nothing has changed".into()
        } else {
            format!("now in force: {changed}")
        };
        self.muster.view.changes.note(format!("configuration read anew; {what}"), why.into());
        if !left.is_empty() {
            tracing::warn!(sections = left, "these need a restart: what was before stays in force");
        }
        Ok(reloaded)
    }

    /// What is to be in force.
    async fn read(&self, in_force: &mut InForce) -> Result<(Settings, Cores, Reloaded), String> {
        let path = self.path.clone().ok_or("the configuration did not come from a file")?;
        let read = spawn_blocking(move || Settings::load(&path).map_err(|faults| faults.to_string()));
        let (next, reloaded) = merge(&in_force.settings, read.await.map_err(|lost| lost.to_string())??);
        // Who owns what is not known before that of all names is.
        let new = next.core_srv.iter().filter(|srv| !in_force.found.knows(srv));
        let answers = self.names.look_up(&new.map(|srv| srv.name.clone()).collect::<Vec<_>>(), &[]).await;
        let heard = in_force.found.hear(&next.core_srv, answers, next.dns.forget);
        heard.map_err(|faults| faults.join("; "))?;
        let cores = in_force.found.cores(&next.cores, &next.core_srv);
        let cores = self.muster.draw_up(&cores).map_err(|fault| fault.to_string())?;
        Ok((next, cores, reloaded))
    }

    async fn put(&self, old: &Settings, new: &Settings, cores: Cores) {
        self.muster.exchange(cores, Routes::of(new)).await;
        if old.access != new.access {
            self.gate.exchange(&new.access);
        }
        self.compat.store(Arc::new(new.compat.clone()));
        self.muster.view.config.store(Arc::new(new.shown()));
    }

    fn publish(&self, is_loaded: bool) {
        self.failed.set(f64::from(u8::from(!is_loaded)));
        if is_loaded {
            #[allow(clippy::cast_precision_loss, reason = "seconds since 1970 are far below 2^52")]
            self.loaded.set(jiff::Timestamp::now().as_second() as f64);
        }
    }

    /// Looks at the file for ever, and reads it anew when it has changed: once it was the same at two looks, since
    /// somebody may still be writing it.
    pub async fn keep_looking(self: Arc<Self>, every: Duration) {
        let Some(path) = self.path.clone() else { return };
        let mut ticks = interval(every);
        let mut used = text(&path).await;
        let mut before = used.clone();
        loop {
            ticks.tick().await;
            let now = text(&path).await;
            if now.is_some() && now == before && now != used {
                used.clone_from(&now);
                // It has said what is wrong.
                drop(self.reload("the file has changed").await);
            }
            before = now;
        }
    }
}

/// What the admin address does when it is told to reload.
pub(super) fn reloading(reload: &Arc<Reload>) -> ops::reload::Reload {
    let reload = reload.clone();
    let once = |reload: Arc<Reload>| async move {
        let Reloaded { changed, needs_restart } = reload.reload("the admin address").await?;
        Ok(json!({ "changed": changed, "needs_restart": needs_restart }))
    };
    Arc::new(move || once(reload.clone()).boxed())
}

impl Proxy {
    /// Reads the configuration anew. `why` says in the log who wants it.
    ///
    /// # Errors
    /// What is wrong with it. Then nothing has changed.
    pub async fn reload(&self, why: &str) -> Result<Reloaded, String> {
        self.reload.reload(why).await
    }
}

async fn text(path: &Path) -> Option<Vec<u8>> {
    tokio::fs::read(path).await.ok()
}

/// What is in force next: the old, with what can change as the new has it.
fn merge(old: &Settings, new: Settings) -> (Settings, Reloaded) {
    // All by name: a key that is added must be put on one list or the other.
    let Settings {
        path: _,
        listen,
        tls,
        access,
        limits,
        threads,
        cores,
        core_srv,
        dns,
        directory,
        records,
        rules,
        unknown_device,
        repeat_window,
        breaker,
        late_delivery,
        safety,
        media,
        mail,
        compat,
        codes,
        log,
        traces,
        watch,
    } = new;
    let route_differs = (&rules, unknown_device) != (&old.rules, old.unknown_device);
    let access = crate::access::Settings { token: old.access.token.clone(), ..access };
    let named =
        |list: &[(&'static str, bool)]| list.iter().filter(|(_, is)| *is).map(|(name, _)| *name).collect();
    let reloaded = Reloaded {
        changed: named(&[
            ("core", cores != old.cores),
            ("core_srv", core_srv != old.core_srv),
            ("route", route_differs),
            ("access", access != old.access),
            ("compat", compat != old.compat),
        ]),
        needs_restart: named(&[
            ("listen", listen != old.listen),
            ("tls", tls != old.tls),
            ("limits", limits != old.limits),
            ("runtime.threads", threads != old.threads),
            ("dns", dns != old.dns),
            ("directory", directory != old.directory),
            ("records", records != old.records),
            ("repeat", repeat_window != old.repeat_window),
            ("breaker", breaker != old.breaker),
            ("late_delivery", late_delivery != old.late_delivery),
            ("safety", safety != old.safety),
            ("media", media != old.media),
            ("mail", mail != old.mail),
            ("codes", codes != old.codes),
            ("log", log != old.log),
            ("traces", traces != old.traces),
            ("reload", watch != old.watch),
        ]),
    };
    (Settings { access, cores, core_srv, rules, unknown_device, compat, ..old.clone() }, reloaded)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(text: &str) -> Settings {
        let core = "[[core]]\nid = 1\naddress = \"127.0.0.1:1\"\n";
        Settings::parse(&format!("{text}\n{core}"), "a test", std::iter::empty()).unwrap()
    }

    #[test]
    fn what_can_change_changes_and_the_rest_is_named() {
        let old = settings("");
        for (text, changed, needs_restart) in [
            ("", &[][..], &[][..]),
            ("[route]\nunknown_device = \"reject\"", &["route"], &[]),
            ("[compat]\ndetail = \"always\"\n[access]\ndefault = \"deny\"", &["access", "compat"], &[]),
            ("[listen]\napi = \"127.0.0.1:9\"\n[limits]\ndeadline = \"9s\"", &[], &["listen", "limits"]),
            (
                "[[core]]\nid = 2\naddress = \"127.0.0.1:2\"\n[[route.rule]]\ndevices = \"1\"\ncores = [2]",
                &["core", "route"],
                &[],
            ),
        ] {
            let new = settings(text);
            let (next, reloaded) = merge(&old, new.clone());
            assert_eq!(
                reloaded,
                Reloaded { changed: changed.into(), needs_restart: needs_restart.into() },
                "{text}"
            );
            let (again, reloaded) = merge(&next, new);
            assert_eq!(
                (again, reloaded.needs_restart),
                (next, needs_restart.into()),
                "still to come: {text}"
            );
            assert!(reloaded.changed.is_empty(), "{text}");
        }
    }
}
