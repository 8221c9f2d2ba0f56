//! Whatever is asked for, in whatever order and with whatever restarts: what is silent in the files is what the state
//! says, to the sample.

use std::collections::BTreeMap;
use std::ops::Range;
use std::time::Duration;

use corecast::records::Record;
use jiff::Timestamp;
use proptest::prelude::*;

use super::Desk;

/// One thing that happens.
#[derive(Clone, Debug)]
enum Step {
    Wait(u64),
    Ask(&'static str, Option<i64>),
    Crash(u64),
}

fn step() -> impl Strategy<Value = Step> {
    const BLACKOUTS: &[&str] = &["BLACKOUTSTART", "BLACKOUTSTOP", "AGENTBLACKOUTSTART", "AGENTBLACKOUTSTOP"];
    let blackout = (prop::sample::select(BLACKOUTS), -9_000_i64..5_000)
        .prop_map(|(kind, milliseconds)| Step::Ask(kind, Some(milliseconds)));
    let recording =
        prop::sample::select(&["RECORDSTART", "RECORDSTOP"][..]).prop_map(|kind| Step::Ask(kind, None));
    // Up to twice the pump's interval, and times that fall between two samples.
    let wait = (1_u64..4_000_000).prop_map(Step::Wait);
    let crash = (0_u64..2_000_000).prop_map(Step::Crash);
    prop_oneof![6 => blackout, 2 => recording, 5 => wait, 1 => crash]
}

/// The samples of a recording that lie in a time, by their own moments.
fn numbers(record: &Record, from: Timestamp, to: Timestamp) -> Range<u64> {
    let after = |at: Timestamp| {
        let nanoseconds = (at.as_nanosecond() - record.started.as_nanosecond()).max(0);
        u64::try_from(nanoseconds.div_euclid(125_000) + i128::from(nanoseconds % 125_000 != 0))
            .expect("a number")
    };
    after(from)..after(to)
}

/// Which samples are to be silent.
fn expected(length: u64, silent: &[Range<u64>]) -> Vec<bool> {
    let mut samples = vec![false; usize::try_from(length).expect("a length")];
    for range in silent {
        let range = range.start.min(length) as usize..range.end.min(length) as usize;
        samples[range.clone()].fill(true);
    }
    samples
}

async fn play(steps: Vec<Step>) {
    let mut desk = Desk::with(|settings| settings.max_blackout = Duration::from_secs(12)).await;
    let mut gaps: BTreeMap<String, Vec<Range<u64>>> = BTreeMap::new();
    desk.does(["CALLSTART"]).await;
    for step in steps {
        match step {
            Step::Wait(microseconds) => desk.clock.advance(Duration::from_micros(microseconds)),
            Step::Ask(kind, offset) => {
                let offset = offset.map(|ms| ms as f64 / 1000.0).map(|s| format!("{kind} {s}"));
                desk.does([offset.as_deref().unwrap_or(kind)]).await;
            }
            Step::Crash(microseconds) => {
                desk.crash().await;
                let heard: Vec<_> =
                    desk.recordings().into_iter().map(|(id, (r, s))| (id, r, s.length)).collect();
                desk.clock.advance(Duration::from_micros(microseconds));
                for (id, record, length) in heard {
                    let missed = length..numbers(&record, record.started, desk.clock.now()).end;
                    gaps.entry(id).or_default().push(missed);
                }
                desk.start().await;
            }
        }
    }
    desk.does(["CALLSTOP"]).await;
    let state = desk.core().state();
    let call = state.call("7001", None).expect("the call");
    for (id, (record, sound)) in desk.recordings() {
        let mut silent: Vec<_> = call.blackouts.iter().map(|b| numbers(&record, b.start, b.end)).collect();
        let length = numbers(&record, record.started, record.stopped.expect("it has ended")).end;
        let blackouts = expected(length, &silent);
        silent.extend(gaps.get(&id).cloned().unwrap_or_default());
        assert_eq!(sound.length, length, "{id}");
        assert!(
            expected(length, &sound.silent) == expected(length, &silent),
            "{id}: {silent:?} {:?}",
            sound.silent
        );
        let told: Vec<_> = record.blackouts.iter().map(|(from, to)| numbers(&record, *from, *to)).collect();
        assert!(expected(length, &told) == blackouts, "{id}: the record tells of {told:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 32, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_silent_samples_are_those_of_the_blackouts(steps in prop::collection::vec(step(), 1..24)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(play(steps));
    }
}
