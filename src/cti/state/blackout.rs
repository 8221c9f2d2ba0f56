//! Blackouts: the times of which nothing may be heard or seen.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::cti::recorder::Span;
use crate::cti::spans::Spans;

/// How many blackouts one list holds before the oldest two become one.
const MOST: usize = 512;

/// What a blackout was asked for. Each kind is ended by its own STOP only.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Reach {
    /// One call: BLACKOUTSTART.
    Call,
    /// An agent's calls and screens: AGENTBLACKOUTSTART.
    Agent,
}

/// One blackout: from `start` up to, and without, its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Blackout {
    /// What it was asked for.
    pub reach: Reach,
    /// When it began.
    pub start: Timestamp,
    /// When it was stopped, if it was.
    pub stop: Option<Timestamp>,
    /// When it ends if no stop arrives: the safeguard against a lost one.
    pub limit: Timestamp,
}

impl Blackout {
    /// When it ends, or will if no stop arrives.
    #[must_use]
    pub fn end(&self) -> Timestamp {
        self.stop.unwrap_or(self.limit)
    }

    /// Whether it is on at this moment.
    #[must_use]
    pub fn is_on(&self, at: Timestamp) -> bool {
        self.start <= at && at < self.end()
    }

    fn is_open(&self, reach: Reach) -> bool {
        self.reach == reach && self.stop.is_none()
    }

    fn stop_at(&mut self, at: Timestamp) {
        self.stop = Some(at.clamp(self.start, self.limit));
    }
}

/// When a blackout ends that begins at `start` and is never stopped.
#[must_use]
pub fn limit(start: Timestamp, longest: SignedDuration) -> Timestamp {
    start.checked_add(longest).unwrap_or(Timestamp::MAX)
}

/// The blackouts of one call, one chat or one agent.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Blackouts(Vec<Blackout>);

impl Blackouts {
    /// Starts one. A start while one of its kind is on at that moment only makes it last: nobody needs to
    /// look first whether it is on.
    pub fn start(&mut self, reach: Reach, at: Timestamp, longest: SignedDuration) {
        let limit = limit(at, longest);
        if let Some(on) = self.0.iter_mut().find(|b| b.is_open(reach) && b.is_on(at)) {
            on.limit = on.limit.max(limit);
            return;
        }
        self.add(Blackout { reach, start: at, stop: None, limit });
    }

    /// Takes over a blackout that was started elsewhere.
    pub fn add(&mut self, blackout: Blackout) {
        if self.0.contains(&blackout) {
            return;
        }
        if self.0.len() == MOST {
            self.join_oldest();
        }
        self.0.push(blackout);
    }

    /// Stops every one of its kind that had begun by then, no later than its limit. If all began later,
    /// their stop is their start: the reference's rule for a stop before its start.
    ///
    /// A stop whose offset lies before a newer blackout thus leaves that one on: it was meant for an older.
    pub fn stop(&mut self, reach: Reach, at: Timestamp) {
        let has_begun = |b: &Blackout| b.start <= at;
        let any_begun = self.0.iter().any(|b| b.is_open(reach) && has_begun(b));
        for blackout in self.0.iter_mut().filter(|b| b.is_open(reach)) {
            if has_begun(blackout) || !any_begun {
                blackout.stop_at(at);
            }
        }
    }

    /// Whether any is on at this moment.
    #[must_use]
    pub fn is_on(&self, at: Timestamp) -> bool {
        self.0.iter().any(|b| b.is_on(at))
    }

    /// Those that end after this moment.
    pub fn ending_after(&self, at: Timestamp) -> impl Iterator<Item = &Blackout> {
        self.0.iter().filter(move |b| b.end() > at)
    }

    /// All of them, in the order in which they were started.
    pub fn iter(&self) -> impl Iterator<Item = &Blackout> {
        self.0.iter()
    }

    /// The times of which nothing may be heard or seen: any blackout's, and ones not yet stopped reach to their limit.
    #[must_use]
    pub fn silence(&self) -> Spans {
        Spans::union(self.0.iter().map(|b| Span { from: b.start, to: b.end() }))
    }

    /// Makes room. Joining covers the time between the two as well: too much silence is the lesser harm.
    fn join_oldest(&mut self) {
        let first = self.0.remove(0);
        let second = &mut self.0[0];
        let end = first.end().max(second.end());
        *second = Blackout { start: first.start.min(second.start), stop: Some(end), limit: end, ..*second };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LONGEST: SignedDuration = SignedDuration::from_secs(900);

    fn t(second: i64) -> Timestamp {
        Timestamp::from_second(1_700_000_000 + second).expect("a time in range")
    }

    /// What it is about, the steps, and the intervals that come of them.
    type Case = (&'static str, &'static [(char, i64)], &'static [(i64, i64)]);

    /// Starts `+s` and stops `-s` of one call's blackouts; gives the intervals that come of it.
    fn run(steps: &[(char, i64)]) -> Vec<(i64, i64)> {
        let mut blackouts = Blackouts::default();
        for (step, at) in steps {
            match step {
                '+' => blackouts.start(Reach::Call, t(*at), LONGEST),
                _ => blackouts.stop(Reach::Call, t(*at)),
            }
        }
        let second = |t: Timestamp| t.as_second() - 1_700_000_000;
        blackouts.iter().map(|b| (second(b.start), second(b.end()))).collect()
    }

    #[test]
    fn starts_and_stops_become_intervals() {
        let cases: [Case; 11] = [
            ("a pair", &[('+', 0), ('-', 30)], &[(0, 30)]),
            ("two pairs", &[('+', 0), ('-', 30), ('+', 60), ('-', 70)], &[(0, 30), (60, 70)]),
            ("no stop: the maximum", &[('+', 0)], &[(0, 900)]),
            ("a stop after the maximum", &[('+', 0), ('-', 1000)], &[(0, 900)]),
            ("a stop before its start", &[('+', 30), ('-', 0)], &[(30, 30)]),
            ("a second start while it is on", &[('+', 0), ('+', 10), ('-', 20)], &[(0, 20)]),
            ("a second start makes it last", &[('+', 0), ('+', 600)], &[(0, 1500)]),
            ("a start after the maximum is another one", &[('+', 0), ('+', 901)], &[(0, 900), (901, 1801)]),
            ("a stop with nothing on", &[('-', 5)], &[]),
            ("a second stop", &[('+', 0), ('-', 30), ('-', 60)], &[(0, 30)]),
            (
                "an older pair that comes late leaves the newer one on",
                &[('+', 290), ('+', 0), ('-', 100)],
                &[(290, 1190), (0, 100)],
            ),
        ];
        for (name, steps, expected) in cases {
            assert_eq!(run(steps), expected, "{name}");
        }
    }

    #[test]
    fn a_kind_is_stopped_by_its_own_stop_only() {
        let mut blackouts = Blackouts::default();
        blackouts.start(Reach::Agent, t(0), LONGEST);
        blackouts.start(Reach::Call, t(0), LONGEST);
        blackouts.stop(Reach::Call, t(10));
        assert!(blackouts.is_on(t(20)));
        blackouts.stop(Reach::Agent, t(30));
        assert!(blackouts.is_on(t(29)) && !blackouts.is_on(t(30)));
    }

    #[test]
    fn it_is_on_from_its_start_up_to_its_end() {
        let mut blackouts = Blackouts::default();
        blackouts.start(Reach::Call, t(10), LONGEST);
        let on: Vec<_> = [9, 10, 909, 910].map(|s| blackouts.is_on(t(s))).into();
        assert_eq!(on, [false, true, true, false]);
    }

    #[test]
    fn very_many_blackouts_cover_too_much_rather_than_too_little() {
        let mut blackouts = Blackouts::default();
        for n in 0..600 {
            blackouts.start(Reach::Call, t(n * 10), LONGEST);
            blackouts.stop(Reach::Call, t(n * 10 + 5));
        }
        assert_eq!(blackouts.iter().count(), MOST);
        assert!((0..600).all(|n| blackouts.is_on(t(n * 10 + 4))));
        assert!(!blackouts.is_on(t(5998)));
    }

    #[test]
    fn the_end_of_time_is_an_end_too() {
        assert_eq!(limit(Timestamp::MAX, LONGEST), Timestamp::MAX);
    }
}
