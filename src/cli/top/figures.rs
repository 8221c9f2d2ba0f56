//! What is shown: the copies, and the cores as all copies together see them.

use std::collections::BTreeMap;

use serde::Serialize;

use super::copy::{Core, Sample};
use super::exposition::Exposition;
use crate::metrics::exposition::Buckets;
use crate::metrics::*;
use crate::protocol::codes::ResultType;

/// Two samples of a copy, one after the other; or why there are none. Its URL is beside it.
pub(super) type Pair = Result<(Sample, Sample), String>;

/// A copy of the proxy.
#[derive(Debug, Serialize)]
pub(super) struct CopyFigures {
    pub url: String,
    /// Why it does not tell.
    pub error: Option<String>,
    pub version: String,
    /// Clients connected.
    pub clients: f64,
    /// Commands answered a second.
    pub rate: f64,
    /// Of them, those that not every owner confirmed: API_PARTIAL_CORE_RESPONSE, API_ERROR_RECORDER_NOT_RUNNING.
    pub missed: f64,
    /// Refused a second for want of room.
    pub shed: f64,
    pub p50_ms: Option<f64>,
    pub p99_ms: Option<f64>,
}

/// A core. What every copy counts for itself is added up; what is owed is the same for all.
#[derive(Debug, Serialize)]
pub(super) struct CoreFigures {
    pub id: u16,
    pub name: String,
    pub site: String,
    pub address: String,
    /// The worst state that a copy has it in: pass, probe or shut.
    pub state: String,
    /// How many copies have it in that state, of those that tell of it.
    pub copies_in_state: usize,
    pub copies: usize,
    /// Legs ended a second.
    pub rate: f64,
    /// Of them, those that it neither confirmed nor refused.
    pub missed: f64,
    pub p50_ms: Option<f64>,
    pub p99_ms: Option<f64>,
    pub in_flight: u64,
    pub queued: u64,
    pub connections: u64,
    pub owed: f64,
    pub owed_oldest_seconds: f64,
    pub last_error: String,
}

/// All that is shown.
#[derive(Debug, Serialize)]
pub(super) struct Figures {
    pub copies: Vec<CopyFigures>,
    pub cores: Vec<CoreFigures>,
}

impl Figures {
    /// What the samples of all copies come to.
    pub fn of(pairs: &[(String, Pair)]) -> Self {
        let copies = pairs.iter().map(|(url, pair)| copy(url, pair)).collect();
        let told: Vec<_> = pairs.iter().filter_map(|(_, pair)| pair.as_ref().ok()).collect();
        let mut views: BTreeMap<u16, Vec<View<'_>>> = BTreeMap::new();
        for (before, now) in told {
            let view = |core| View { core, before, now };
            now.cores.iter().map(view).for_each(|view| views.entry(view.core.id).or_default().push(view));
        }
        Self { copies, cores: views.values().filter_map(|views| core(views)).collect() }
    }
}

fn milliseconds(buckets: &Buckets, part: f64) -> Option<f64> {
    buckets.quantile(part).map(|seconds| seconds * 1000.0)
}

fn copy(url: &str, pair: &Pair) -> CopyFigures {
    let silent = CopyFigures {
        url: url.into(),
        error: None,
        version: String::new(),
        clients: 0.0,
        rate: 0.0,
        missed: 0.0,
        shed: 0.0,
        p50_ms: None,
        p99_ms: None,
    };
    let (before, now) = match pair {
        Ok(pair) => pair,
        Err(error) => return CopyFigures { error: Some(error.clone()), ..silent },
    };
    let rate = |metric: &Metric, labels: &[(&str, &str)]| rate(before, now, metric, labels);
    let missed = [ResultType::PartialCoreResponse, ResultType::RecorderNotRunning];
    let mut buckets = Buckets::default();
    now.metrics.count_into(&mut buckets, &before.metrics, &REQUEST_SECONDS, &[]);
    CopyFigures {
        version: now.metrics.label(&BUILD_INFO, "version").unwrap_or_default().into(),
        clients: now.metrics.sum(&CONNECTIONS, &[]),
        rate: rate(&REQUESTS, &[]),
        missed: missed.iter().map(|result| rate(&REQUESTS, &[("result", result.label())])).sum(),
        shed: rate(&SHED, &[]),
        p50_ms: milliseconds(&buckets, 0.5),
        p99_ms: milliseconds(&buckets, 0.99),
        ..silent
    }
}

/// By how much a counter grows a second.
fn rate(before: &Sample, now: &Sample, metric: &Metric, labels: &[(&str, &str)]) -> f64 {
    let seconds = (now.at - before.at).as_secs_f64().max(0.001);
    now.metrics.grown(&before.metrics, metric, labels) / seconds
}

/// A core as one copy sees it.
#[derive(Clone, Copy)]
struct View<'a> {
    core: &'a Core,
    before: &'a Sample,
    now: &'a Sample,
}

/// States, the worst behind.
const STATES: [&str; 3] = ["pass", "probe", "shut"];

fn core(views: &[View<'_>]) -> Option<CoreFigures> {
    let Core { id, name, site, address, .. } = views.first()?.core;
    let number = id.to_string();
    let own = [("core", &*number)];
    let rank = |view: &View<'_>| STATES.iter().position(|state| view.core.state == *state);
    let worst = views.iter().max_by_key(|view| rank(view))?.core;
    let sum = |figure: &dyn Fn(&Core) -> u64| views.iter().map(|view| figure(view.core)).sum();
    let rate = |labels: &[(&str, &str)]| -> f64 {
        views.iter().map(|view| rate(view.before, view.now, &LEGS, labels)).sum()
    };
    let answered: f64 = ["ok", "rejected"].map(|outcome| rate(&[own[0], ("outcome", outcome)])).iter().sum();
    let most = |figure: &dyn Fn(&Exposition) -> f64| {
        views.iter().map(|view| figure(&view.now.metrics)).fold(0.0, f64::max)
    };
    let mut buckets = Buckets::default();
    for view in views {
        view.now.metrics.count_into(&mut buckets, &view.before.metrics, &LEG_SECONDS, &own);
    }
    Some(CoreFigures {
        id: *id,
        name: name.clone(),
        site: site.clone(),
        address: address.clone(),
        state: worst.state.clone(),
        copies_in_state: views.iter().filter(|view| view.core.state == worst.state).count(),
        copies: views.len(),
        rate: rate(&own),
        missed: (rate(&own) - answered).max(0.0),
        p50_ms: milliseconds(&buckets, 0.5),
        p99_ms: milliseconds(&buckets, 0.99),
        in_flight: sum(&|core| core.in_flight),
        queued: sum(&|core| core.queued),
        connections: sum(&|core| core.connections),
        owed: most(&|metrics| metrics.sum(&OBLIGATIONS, &[own[0], ("state", "pending")])),
        owed_oldest_seconds: most(&|metrics| metrics.sum(&OBLIGATIONS_OLDEST, &own)),
        last_error: if worst.state == STATES[0] { String::new() } else { worst.last_error.clone() },
    })
}
