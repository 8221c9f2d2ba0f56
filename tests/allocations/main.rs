//! What a request costs the thread that carries it, in allocations: unlike seconds, they are the same on any machine
//! and however much else it does. A change that makes the way of a call dearer fails here.
//!
//! `cargo test --test allocations -- --nocapture` prints the table; with `CORECAST_ALLOCATION_SITES=1` in the
//! environment also where the allocations come from.

#![allow(clippy::expect_used, clippy::panic, clippy::print_stdout, reason = "a test that is surprised stops")]

mod counting;
mod lab;

use counting::Spent;
use lab::{Lab, Speech};

/// Requests before counting begins: links are up, and buffers have grown to what they need.
const WARM_UP: usize = 500;
/// Requests that are counted. What is done once in a while (timers, a buffer that is used up) is spread over them.
const COUNTED: usize = 2_000;
/// Requests whose allocations are looked at one by one.
const SAMPLED: usize = 200;

/// What is measured, and what it may come to.
struct Case {
    name: &'static str,
    speech: Speech,
    kinds: &'static [&'static str],
    /// Requests of the one connection that are under way together.
    at_once: usize,
    /// The most allocations per request, three cores asked.
    allocations: f64,
    /// The most bytes per request.
    bytes: f64,
}

const UPDATE: &[&str] = &["CALLUPDATE"];
const BLACKOUTS: &[&str] = &["BLACKOUTSTART", "BLACKOUTSTOP"];

/// The bounds are what was counted when they were written, and a little more: they are to be lowered with every
/// allocation that is saved, and raised only for something that is worth it.
const CASES: [Case; 5] = [
    Case {
        name: "CALLUPDATE over TCP",
        speech: Speech::Xml,
        kinds: UPDATE,
        at_once: 1,
        allocations: 11.0,
        bytes: 4_300.0,
    },
    Case {
        name: "CALLUPDATE over TCP, 16 at once",
        speech: Speech::Xml,
        kinds: UPDATE,
        at_once: 16,
        allocations: 11.0,
        bytes: 4_300.0,
    },
    Case {
        name: "BLACKOUTSTART and -STOP over TCP",
        speech: Speech::Xml,
        kinds: BLACKOUTS,
        at_once: 1,
        allocations: 36.5,
        bytes: 7_100.0,
    },
    Case {
        name: "CALLUPDATE over HTTP",
        speech: Speech::Http,
        kinds: UPDATE,
        at_once: 1,
        allocations: 22.0,
        bytes: 13_600.0,
    },
    Case {
        name: "BLACKOUTSTART and -STOP over HTTP",
        speech: Speech::Http,
        kinds: BLACKOUTS,
        at_once: 1,
        allocations: 47.5,
        bytes: 16_200.0,
    },
];

#[test]
fn a_request_allocates_no_more_than_it_did() {
    let lab = Lab::start();
    println!("{:<36} {:>12} {:>10} {:>17}", "per request", "allocations", "bytes", "bounds");
    let over: Vec<String> = CASES.iter().filter_map(|case| over_bounds(&lab, case)).collect();
    assert!(over.is_empty(), "the way of a call has become dearer:\n{}", over.join("\n"));
}

/// Counts one case and prints it; what is wrong with it, if anything.
fn over_bounds(lab: &Lab, case: &Case) -> Option<String> {
    let Case { name, allocations, bytes, .. } = *case;
    let mut client = lab.client(case.speech);
    client.ask(case.kinds, WARM_UP, case.at_once);
    let (spent, ()) = counting::during(|| client.ask(case.kinds, COUNTED, case.at_once));
    let (made, size) = (per_request(spent.allocations), per_request(spent.bytes));
    println!("{name:<36} {made:>12.2} {size:>10.0} {allocations:>8.0} {bytes:>8.0}");
    if std::env::var_os("CORECAST_ALLOCATION_SITES").is_some() {
        let (sites, ()) = counting::sites_during(|| client.ask(case.kinds, SAMPLED, case.at_once));
        sites.iter().for_each(|(site, spent)| print_site(site, *spent));
    }
    let is_over = made > allocations || size > bytes;
    let least = if made < 1.0 { " (is the worker's thread still called corecast-0?)" } else { "" };
    (is_over || made < 1.0).then(|| {
        format!("{name}: {made:.2} allocations of {size:.0} bytes, bounds {allocations} and {bytes}{least}")
    })
}

#[allow(clippy::cast_precision_loss, reason = "counts of a short run")]
fn per_request(count: u64) -> f64 {
    count as f64 / COUNTED as f64
}

#[allow(clippy::cast_precision_loss, reason = "counts of a short run")]
fn print_site(site: &str, spent: Spent) {
    let [made, bytes] = [spent.allocations, spent.bytes].map(|count| count as f64 / SAMPLED as f64);
    if made >= 0.01 {
        println!("    {made:>6.2} {bytes:>7.0}  {site}");
    }
}
