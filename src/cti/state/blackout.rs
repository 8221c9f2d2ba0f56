//! Blackouts: the times of which nothing may be heard or seen.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::cti::recorder::Span;
use crate::cti::spans::Spans;

/// How many blackouts one list holds before the oldest two become one.
const MOST: usize = 512;

/// How many that are on one list keeps apart; of more, the last one lasts longer.
const MOST_OPEN: usize = 16;

/// What a blackout was asked for. Each kind is ended by its own STOP only.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Reach {
    /// One call: BLACKOUTSTART.
    Call,
    /// An agent's calls and screens: AGENTBLACKOUTSTART.
    Agent,
}

/// One command about blackouts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Said {
    /// What it is asked for.
    pub reach: Reach,
    /// The moment that it means.
    pub at: Timestamp,
    /// ASKEDAT: when it was asked for, in UNIX microseconds, where whoever brings it says so.
    pub asked: Option<i64>,
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
    /// [`Said::asked`] of its start.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub asked: Option<i64>,
    /// [`Said::asked`] of its stop.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stopped_by: Option<i64>,
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

    /// A stop that says when it was asked for ends it, unless one that was asked for earlier did.
    fn heed(&mut self, stop: &Stop) {
        let is_meant = self.reach == stop.reach && self.asked.is_some_and(|asked| asked <= stop.asked);
        let is_first = self.stop.is_none() || self.stopped_by.is_some_and(|by| by >= stop.asked);
        if is_meant && is_first {
            self.stop_at(stop.at);
            self.stopped_by = Some(stop.asked);
        }
    }
}

/// A stop that says when it was asked for. It is remembered for a start that was asked for before it and comes later.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Stop {
    reach: Reach,
    asked: i64,
    at: Timestamp,
}

/// When a blackout ends that begins at `start` and is never stopped.
#[must_use]
pub fn limit(start: Timestamp, longest: SignedDuration) -> Timestamp {
    start.checked_add(longest).unwrap_or(Timestamp::MAX)
}

/// The blackouts of one call, one chat or one agent.
///
/// A command that says when it was asked for has its place by that, in whatever order, and however often, commands
/// arrive: a core that hung works off its old input after what was delivered late.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Saved")]
pub struct Blackouts {
    list: Vec<Blackout>,
    stops: Vec<Stop>,
}

/// As a snapshot has them: one that was written before stops were remembered has the list alone.
#[derive(Deserialize)]
#[serde(untagged)]
enum Saved {
    List(Vec<Blackout>),
    Whole { list: Vec<Blackout>, stops: Vec<Stop> },
}

impl From<Saved> for Blackouts {
    fn from(saved: Saved) -> Self {
        match saved {
            Saved::List(list) => Self { list, stops: Vec::new() },
            Saved::Whole { list, stops } => Self { list, stops },
        }
    }
}

impl Blackouts {
    /// Starts one, which is given back as it is then: it may have been stopped already.
    pub fn start(&mut self, said: Said, longest: SignedDuration) -> Blackout {
        let Said { reach, at, asked } = said;
        let blackout =
            Blackout { reach, start: at, stop: None, limit: limit(at, longest), asked, stopped_by: None };
        if asked.is_some() { self.join(blackout) } else { self.last(blackout) }
    }

    /// A start while one of its kind is on at that moment only makes it last: nobody needs to look first whether it is
    /// on.
    fn last(&mut self, blackout: Blackout) -> Blackout {
        let (reach, at) = (blackout.reach, blackout.start);
        if let Some(on) = self.list.iter_mut().find(|b| b.is_open(reach) && b.is_on(at)) {
            on.limit = on.limit.max(blackout.limit);
            return *on;
        }
        self.add(blackout);
        blackout
    }

    /// Takes one in that says when it was asked for. What is known already then began with the earliest moment that it
    /// was told to.
    pub fn join(&mut self, mut blackout: Blackout) -> Blackout {
        let is_same = |b: &&mut Blackout| b.asked == blackout.asked && b.reach == blackout.reach;
        if let Some(known) = self.list.iter_mut().find(is_same) {
            known.start = known.start.min(blackout.start);
            known.limit = known.limit.max(blackout.limit);
            self.stops.iter().for_each(|stop| known.heed(stop));
            return *known;
        }
        self.stops.iter().for_each(|stop| blackout.heed(stop));
        self.add_or_absorb(blackout);
        blackout
    }

    /// Whoever asks again and again makes the last one longer, and only what is asked for behind all of these ends it.
    fn add_or_absorb(&mut self, blackout: Blackout) {
        let open = |b: &&mut Blackout| b.is_open(blackout.reach) && b.asked.is_some();
        let mut open: Vec<_> = self.list.iter_mut().filter(open).collect();
        match open.pop() {
            Some(last)
                if open.len() >= MOST_OPEN && last.asked < blackout.asked && blackout.stop.is_none() =>
            {
                last.asked = blackout.asked;
                last.start = last.start.min(blackout.start);
                last.limit = last.limit.max(blackout.limit);
            }
            _ => self.add(blackout),
        }
    }

    /// Starts what an agent's blackout began: one that says when it was asked for may have its stop already.
    pub fn take_over(&mut self, begun: Blackout, said: Said, longest: SignedDuration) {
        if said.asked.is_some() {
            self.join(begun);
        } else {
            self.start(said, longest);
        }
    }

    /// Takes over a blackout that was started elsewhere.
    pub fn add(&mut self, blackout: Blackout) {
        if self.list.contains(&blackout) {
            return;
        }
        if self.list.len() == MOST {
            self.join_oldest();
        }
        self.list.push(blackout);
    }

    /// Stops every one of its kind that had begun by then, no later than its limit; where it says when it was asked
    /// for, every one that was asked for before that.
    pub fn stop(&mut self, said: Said) {
        let Said { reach, at, asked } = said;
        let Some(asked) = asked else { return self.stop_begun(reach, at, |_| true) };
        let stop = self.remember(Stop { reach, asked, at });
        self.list.iter_mut().for_each(|blackout| blackout.heed(&stop));
        self.stop_begun(reach, at, |blackout| blackout.asked.is_none());
    }

    /// A stop that comes twice meant the earlier of both moments.
    fn remember(&mut self, stop: Stop) -> Stop {
        let same = self.stops.iter_mut().find(|known| known.reach == stop.reach && known.asked == stop.asked);
        if let Some(known) = same {
            known.at = known.at.min(stop.at);
            return *known;
        }
        if self.stops.len() == MOST {
            self.stops.remove(0);
        }
        self.stops.push(stop);
        stop
    }

    /// If all began later, their stop is their start: the reference's rule for a stop before its start.
    ///
    /// A stop whose offset lies before a newer blackout thus leaves that one on: it was meant for an older.
    fn stop_begun(&mut self, reach: Reach, at: Timestamp, which: impl Fn(&Blackout) -> bool) {
        let has_begun = |b: &Blackout| b.start <= at;
        let any_begun = self.list.iter().any(|b| b.is_open(reach) && which(b) && has_begun(b));
        for blackout in self.list.iter_mut().filter(|b| b.is_open(reach) && which(b)) {
            if has_begun(blackout) || !any_begun {
                blackout.stop_at(at);
            }
        }
    }

    /// Whether any is on at this moment.
    #[must_use]
    pub fn is_on(&self, at: Timestamp) -> bool {
        self.list.iter().any(|b| b.is_on(at))
    }

    /// Those that end after this moment.
    pub fn ending_after(&self, at: Timestamp) -> impl Iterator<Item = &Blackout> {
        self.list.iter().filter(move |b| b.end() > at)
    }

    /// All of them, in the order in which they were started.
    pub fn iter(&self) -> impl Iterator<Item = &Blackout> {
        self.list.iter()
    }

    /// The times of which nothing may be heard or seen: any blackout's, and ones not yet stopped reach to their limit.
    #[must_use]
    pub fn silence(&self) -> Spans {
        Spans::union(self.list.iter().map(|b| Span { from: b.start, to: b.end() }))
    }

    /// Makes room. Joining covers the time between the two as well: too much silence is the lesser harm.
    fn join_oldest(&mut self) {
        let first = self.list.remove(0);
        let second = &mut self.list[0];
        let end = first.end().max(second.end());
        let start = first.start.min(second.start);
        *second = Blackout { start, stop: Some(end), limit: end, asked: None, stopped_by: None, ..*second };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LONGEST: SignedDuration = SignedDuration::from_secs(900);

    fn t(second: i64) -> Timestamp {
        Timestamp::from_second(1_700_000_000 + second).expect("a time in range")
    }

    /// A command of this second about a call that does not say when it was asked for.
    fn call(at: i64) -> Said {
        Said { reach: Reach::Call, at: t(at), asked: None }
    }

    /// What it is about, the steps, and the intervals that come of them.
    type Case = (&'static str, &'static [(char, i64)], &'static [(i64, i64)]);

    /// Starts `+s` and stops `-s` of one call's blackouts; gives the intervals that come of it.
    fn run(steps: &[(char, i64)]) -> Vec<(i64, i64)> {
        let mut blackouts = Blackouts::default();
        for (step, at) in steps {
            match step {
                '+' => drop(blackouts.start(call(*at), LONGEST)),
                _ => blackouts.stop(call(*at)),
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
    fn they_come_back_from_a_snapshot_and_from_an_older_one() {
        let mut blackouts = Blackouts::default();
        blackouts.start(Said { asked: Some(1), ..call(0) }, LONGEST);
        blackouts.stop(Said { asked: Some(2), ..call(10) });
        let saved = serde_json::to_string(&blackouts).expect("JSON");
        assert_eq!(serde_json::from_str::<Blackouts>(&saved).expect("read"), blackouts);
        let old =
            r#"[{"reach":"call","start":"2026-11-25T09:00:00Z","stop":null,"limit":"2026-11-25T09:15:00Z"}]"#;
        let old: Blackouts = serde_json::from_str(old).expect("read");
        assert_eq!((old.iter().count(), old.stops.len()), (1, 0));
    }

    #[test]
    fn a_kind_is_stopped_by_its_own_stop_only() {
        let mut blackouts = Blackouts::default();
        blackouts.start(Said { reach: Reach::Agent, ..call(0) }, LONGEST);
        blackouts.start(call(0), LONGEST);
        blackouts.stop(call(10));
        assert!(blackouts.is_on(t(20)));
        blackouts.stop(Said { reach: Reach::Agent, ..call(30) });
        assert!(blackouts.is_on(t(29)) && !blackouts.is_on(t(30)));
    }

    #[test]
    fn it_is_on_from_its_start_up_to_its_end() {
        let mut blackouts = Blackouts::default();
        blackouts.start(call(10), LONGEST);
        let on: Vec<_> = [9, 10, 909, 910].map(|s| blackouts.is_on(t(s))).into();
        assert_eq!(on, [false, true, true, false]);
    }

    #[test]
    fn very_many_blackouts_cover_too_much_rather_than_too_little() {
        let mut blackouts = Blackouts::default();
        for n in 0..600 {
            blackouts.start(call(n * 10), LONGEST);
            blackouts.stop(call(n * 10 + 5));
        }
        assert_eq!(blackouts.iter().count(), MOST);
        assert!((0..600).all(|n| blackouts.is_on(t(n * 10 + 4))));
        assert!(!blackouts.is_on(t(5998)));
    }

    #[test]
    fn the_end_of_time_is_an_end_too() {
        assert_eq!(limit(Timestamp::MAX, LONGEST), Timestamp::MAX);
    }

    /// Starts and stops of a call as they arrive: asked for, meant for, both in seconds.
    fn arrive(steps: &[(char, i64, i64)]) -> Vec<(i64, i64)> {
        let mut blackouts = Blackouts::default();
        for (step, asked, at) in steps {
            let said = Said { asked: Some(*asked), ..call(*at) };
            match step {
                '+' => drop(blackouts.start(said, LONGEST)),
                _ => blackouts.stop(said),
            }
        }
        let second = |t: Timestamp| t.as_second() - 1_700_000_000;
        let spans = blackouts.iter().map(|b| (second(b.start), second(b.end())));
        spans.filter(|(from, to)| from < to).collect()
    }

    /// A pair, and a second one; then the start of the second, which a core that hung did later on its own.
    const TWO: [(char, i64, i64); 5] =
        [('+', 0, 0), ('-', 10, 10), ('+', 20, 20), ('-', 30, 30), ('+', 20, 50)];

    #[test]
    fn what_says_when_it_was_asked_for_may_come_in_any_order_and_twice() {
        let mut orders = vec![vec![]];
        for step in TWO {
            orders = orders
                .iter()
                .flat_map(|order: &Vec<_>| {
                    (0..=order.len()).map(move |at| [&order[..at], &[step], &order[at..]].concat())
                })
                .collect();
        }
        assert_eq!(orders.len(), 120);
        for order in orders {
            let mut spans = arrive(&order);
            spans.sort_unstable();
            assert_eq!(spans, [(0, 10), (20, 30)], "{order:?}");
        }
    }

    #[test]
    fn a_stop_that_is_done_late_ends_nothing_that_was_asked_for_later() {
        // The old stop is worked off at 60, when the second blackout is on.
        assert_eq!(arrive(&[('+', 0, 0), ('+', 20, 20), ('-', 10, 60)]), [(0, 60), (20, 920)]);
        assert_eq!(arrive(&[('+', 0, 0), ('+', 20, 20), ('-', 10, 60), ('-', 10, 10)]), [(0, 10), (20, 920)]);
    }

    #[test]
    fn whoever_asks_again_and_again_has_one_blackout_that_lasts_and_ends() {
        let mut steps: Vec<_> = (0..2000).map(|n| ('+', n, n)).collect();
        assert!(arrive(&steps).len() <= MOST_OPEN + 1);
        steps.push(('-', 1500, 1500));
        assert!(arrive(&steps).iter().any(|(_, to)| *to == 1999 + 900), "the last start is behind this stop");
        steps.push(('-', 2000, 2000));
        assert_eq!(arrive(&steps).iter().map(|(_, to)| *to).max(), Some(2000));
    }
}
