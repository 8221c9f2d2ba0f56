//! One look a second at all there is to see, for everybody who watches: read once, written once, handed to each.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::body::Body;
use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, RETRY_AFTER};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures::{StreamExt, stream};
use serde_json::{Value, json};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::time::{MissedTickBehavior, interval, timeout};

use super::View;
use super::reading::{Counts, Pace, Reading};
use super::snapshot::{owed, snapshot};
use crate::model::CoreId;
use crate::owed::Store;

/// How often it is looked.
const BEAT: Duration = Duration::from_secs(1);

/// Looks that are remembered, for the curves of somebody who begins to watch: three minutes.
const REMEMBERED: usize = 180;

/// Looks that rates and quantiles are reckoned over.
const WINDOW: usize = 5;

/// Who may watch at once; more are told to come back.
const MAX_LISTENERS: usize = 32;

/// What is owed that is shown one by one.
const OLDEST: u32 = 8;

/// How long the database may take to tell it; it is shown as it was if it takes longer.
const PATIENCE: Duration = Duration::from_millis(500);

/// The looks, and who watches.
#[derive(Debug)]
pub struct Pulse {
    beats: watch::Sender<Bytes>,
    past: Mutex<Past>,
    room: Arc<Semaphore>,
}

/// What was seen before.
#[derive(Debug, Default)]
struct Past {
    readings: VecDeque<Reading>,
    points: VecDeque<Point>,
    owed: Vec<Value>,
}

impl Default for Pulse {
    fn default() -> Self {
        let room = Arc::new(Semaphore::new(MAX_LISTENERS));
        Self { beats: watch::Sender::new(Bytes::new()), past: Mutex::default(), room }
    }
}

impl Pulse {
    fn past(&self) -> MutexGuard<'_, Past> {
        self.past.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Looks once a second, for ever.
    pub async fn keep_beating(view: View) {
        let mut ticks = interval(BEAT);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            view.pulse.beat(&view).await;
        }
    }

    async fn beat(&self, view: &View) {
        let reading = Reading::of(&view.metrics);
        self.past().take(&reading, view.in_flight.now());
        if self.beats.receiver_count() > 0 {
            self.look_at_debts(view, &reading).await;
            let shown = self.past().show(view, &reading);
            self.beats.send_replace(event("snapshot", &shown));
        }
    }

    /// The oldest of what is owed, from the database that all copies share; nothing is asked while nothing is owed.
    async fn look_at_debts(&self, view: &View, reading: &Reading) {
        if reading.owed.values().all(|(pending, _)| *pending == 0.0) {
            self.past().owed.clear();
            return;
        }
        let store = Store::of(view.directory.store().database().clone());
        if let Ok(Ok(oldest)) = timeout(PATIENCE, store.oldest(OLDEST)).await {
            self.past().owed = oldest.iter().map(owed).collect();
        }
    }
}

impl Past {
    fn show(&self, view: &View, reading: &Reading) -> Value {
        snapshot(view, reading, &self.owed, self.points.back().map(Point::shown).as_ref())
    }

    fn shown(&self) -> Vec<Value> {
        self.points.iter().map(Point::shown).collect()
    }

    fn take(&mut self, reading: &Reading, in_flight: usize) {
        let earlier = self.readings.front().unwrap_or(reading);
        self.points.push_back(Point::new(reading, earlier, in_flight));
        self.readings.push_back(reading.clone());
        if self.readings.len() > WINDOW {
            self.readings.pop_front();
        }
        if self.points.len() > REMEMBERED {
            self.points.pop_front();
        }
    }
}

/// One point of each curve. It is JSON only once somebody watches: with a thousand cores three minutes of that would take
/// ten times the memory.
#[derive(Debug)]
struct Point {
    /// In UNIX milliseconds.
    at: i64,
    in_flight: usize,
    owed: f64,
    all: Pace,
    cores: Vec<(CoreId, Pace)>,
}

impl Point {
    fn new(reading: &Reading, earlier: &Reading, in_flight: usize) -> Self {
        let (time, nothing) = (reading.since(earlier), Counts::default());
        let before = |id: &CoreId| earlier.cores.get(id).unwrap_or(&nothing);
        Self {
            at: jiff::Timestamp::now().as_millisecond(),
            in_flight,
            owed: reading.owed.values().map(|(pending, _)| pending).sum(),
            all: reading.all.pace(&earlier.all, time),
            cores: reading.cores.iter().map(|(id, counts)| (*id, counts.pace(before(id), time))).collect(),
        }
    }

    fn shown(&self) -> Value {
        let core = |(id, pace): &(CoreId, Pace)| (id.to_string(), pace_of(*pace));
        json!({
            "at": self.at,
            "in_flight": self.in_flight,
            "owed": self.owed,
            "all": pace_of(self.all),
            "cores": self.cores.iter().map(core).collect::<serde_json::Map<_, _>>(),
        })
    }
}

/// Per second: all, missed; in milliseconds: median, 99th percentile.
fn pace_of(pace: Pace) -> Value {
    let short = |number: f64| (number * 100.0).round() / 100.0;
    let milliseconds = |seconds: Option<f64>| seconds.map(|seconds| short(seconds * 1000.0));
    json!([short(pace.rate), short(pace.missed), milliseconds(pace.p50), milliseconds(pace.p99)])
}

/// An event as `text/event-stream` has it. JSON has no line break in it.
fn event(name: &str, data: &Value) -> Bytes {
    format!("event: {name}\ndata: {data}\n\n").into()
}

/// Whoever watches: the past first, then a snapshot a second. Somebody who does not read on misses some; the door cuts off
/// who reads nothing at all.
pub(super) async fn events(State(view): State<View>) -> Response {
    let Ok(place) = view.pulse.room.clone().try_acquire_owned() else { return crowded() };
    let past = event("history", &json!({ "points": view.pulse.past().shown() }));
    let beats = view.pulse.beats.subscribe();
    let next = |(mut beats, place): (watch::Receiver<Bytes>, OwnedSemaphorePermit)| async move {
        beats.changed().await.ok()?;
        let beat = beats.borrow_and_update().clone();
        Some((beat, (beats, place)))
    };
    let all = stream::iter([past]).chain(stream::unfold((beats, place), next));
    let headers = [(CONTENT_TYPE, "text/event-stream"), (CACHE_CONTROL, "no-store")];
    (headers, Body::from_stream(all.map(Ok::<_, Infallible>))).into_response()
}

fn crowded() -> Response {
    let text = format!("{MAX_LISTENERS} pages watch already, which is the limit\n");
    (StatusCode::SERVICE_UNAVAILABLE, [(RETRY_AFTER, "5")], text).into_response()
}
