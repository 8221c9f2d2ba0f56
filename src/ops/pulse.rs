//! One look a second at all there is to see, for everybody who watches: read once, written once, handed to each. It takes
//! some milliseconds of a CPU that a call may be waiting for, so while nobody watches there is one in five seconds.

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

/// Points that are remembered, one a beat, for the curves of somebody who begins to watch: three minutes.
const REMEMBERED: usize = 180;

/// Beats that rates and quantiles are reckoned over, and between two looks while nobody watches.
const WINDOW: u32 = 5;

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
    points: VecDeque<Value>,
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

    /// Looks for ever.
    pub async fn keep_beating(view: View) {
        let mut ticks = interval(BEAT);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut beats = 0;
        loop {
            ticks.tick().await;
            beats += 1;
            if view.pulse.is_due(beats) {
                view.pulse.look(&view, beats).await;
                beats = 0;
            }
        }
    }

    fn is_watched(&self) -> bool {
        self.beats.receiver_count() > 0
    }

    /// Whether to look, after so many beats.
    fn is_due(&self, beats: u32) -> bool {
        beats >= WINDOW || self.is_watched() || self.past().readings.is_empty()
    }

    async fn look(&self, view: &View, beats: u32) {
        view.publish();
        let reading = Reading::of(&view.metrics.render());
        self.past().take(&reading, view.in_flight.now(), beats);
        if self.is_watched() {
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
        snapshot(view, reading, &self.owed, self.points.back())
    }

    /// What is seen after so many beats counts for each of them.
    fn take(&mut self, reading: &Reading, in_flight: usize, beats: u32) {
        let is_long_ago = |then: &Reading| reading.since(then) + BEAT / 2 > BEAT * WINDOW;
        while self.readings.get(1).is_some_and(is_long_ago) {
            self.readings.pop_front();
        }
        let earlier = self.readings.front().unwrap_or(reading);
        let point = point(reading, earlier, in_flight);
        self.readings.push_back(reading.clone());
        (0..beats).for_each(|_| self.points.push_back(point.clone()));
        self.points.drain(..self.points.len().saturating_sub(REMEMBERED));
    }
}

/// One point of each curve.
fn point(reading: &Reading, earlier: &Reading, in_flight: usize) -> Value {
    let time = reading.since(earlier);
    let nothing = Counts::default();
    let core = |(id, counts): (&CoreId, &Counts)| {
        let pace = counts.pace(earlier.cores.get(id).unwrap_or(&nothing), time);
        (id.to_string(), pace_of(pace))
    };
    json!({
        "at": jiff::Timestamp::now().as_millisecond(),
        "in_flight": in_flight,
        "owed": reading.owed.values().map(|(pending, _)| pending).sum::<f64>(),
        "all": pace_of(reading.all.pace(&earlier.all, time)),
        "cores": reading.cores.iter().map(core).collect::<serde_json::Map<_, _>>(),
    })
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
    let past = event("history", &json!({ "points": view.pulse.past().points }));
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::{LEGS, Metrics};

    #[tokio::test(start_paused = true)]
    async fn a_point_stands_for_each_beat_however_seldom_it_is_looked() {
        let (metrics, mut past) = (Metrics::default(), Past::default());
        let legs = metrics.counter(&LEGS, &["1", "ok"]);
        for beats in [1, 5, 5, 1, 1, 1, 1, 1] {
            tokio::time::advance(BEAT * beats).await;
            legs.increment(10 * u64::from(beats));
            past.take(&Reading::of(&metrics.render()), 0, beats);
        }
        assert_eq!(past.points.len(), 16);
        for point in past.points.iter().skip(1) {
            assert_eq!(point["cores"]["1"][0], 10.0, "each rate is that of the last seconds: {point}");
        }
        past.take(&Reading::of(&metrics.render()), 0, 1000);
        assert_eq!(past.points.len(), REMEMBERED);
    }
}
