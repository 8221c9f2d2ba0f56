//! Whole proxies, simulated: see `docs/simulation.md`.

use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

#[path = "../sim/lib.rs"]
#[allow(clippy::pedantic, reason = "shared with the program that runs more of it")]
mod sim;

use sim::{Ran, play_seed};

/// Seeds of every run of the tests.
const SEEDS: u64 = 2000;

fn explain(seed: u64, ran: &Ran) -> String {
    let tail = ran.trace.len().saturating_sub(60);
    let trace = ran.trace[tail..].join("\n");
    let again = format!("cargo run --release --example simulate -- --seed {seed}");
    format!("{trace}\n\nseed {seed}: {}\nto see it again: {again}", ran.broken.join("\n"))
}

/// Each seed is on one thread; several threads do not disturb each other.
#[test]
fn nothing_that_is_promised_is_broken_in_thousands_of_runs() {
    let (next, requests, overtaken) = (AtomicU64::new(0), AtomicU64::new(0), AtomicU64::new(0));
    let work = || {
        let seeds = std::iter::from_fn(|| Some(next.fetch_add(1, Ordering::Relaxed)));
        for seed in seeds.take_while(|seed| *seed < SEEDS) {
            let ran = play_seed(seed);
            assert!(ran.broken.is_empty(), "{}", explain(seed, &ran));
            requests.fetch_add(ran.requests as u64, Ordering::Relaxed);
            overtaken.fetch_add(u64::from(ran.is_replayed || !ran.overtaken.is_empty()), Ordering::Relaxed);
        }
    };
    let threads = thread::available_parallelism().map_or(1, usize::from);
    thread::scope(|scope| (0..threads).for_each(|_| drop(scope.spawn(work))));
    let (requests, overtaken) = (requests.into_inner(), overtaken.into_inner());
    eprintln!(
        "{SEEDS} seeds, {requests} requests; {overtaken} runs were out of order in a way that is known"
    );
    assert!(requests > 5 * SEEDS, "clients asked {requests} requests only");
}

#[test]
fn a_seed_is_the_same_run_every_time() {
    for seed in 0..20 {
        let (first, again) = (play_seed(seed), play_seed(seed));
        assert_eq!(first.trace, again.trace, "seed {seed}");
        assert!(first.trace.len() > 3, "seed {seed} did nothing");
    }
}
