use tokio::time::advance;

use super::*;
use crate::command::check;
use crate::directory::snapshot::Snapshot;
use crate::fanout::late::Deferred;
use crate::fanout::policy::{Terms, Verdict};
use crate::model::{Core, Unsent};
use crate::protocol::codes::ResultType;
use crate::protocol::url;
use crate::protocol::xml::Bounds;
use crate::route::rule::{Owners, Rule, UnknownDevice};
use crate::route::{Destination, Router};
use crate::upstream::{BreakerSettings, CoreShared, Cores};

const WINDOW: Duration = Duration::from_secs(5);
const START: &str = "type=BLACKOUTSTART&requestid=1&deviceid=7001";
const STOP: &str = "type=BLACKOUTSTOP&requestid=1&deviceid=7001";

/// No core was left out.
const NOBODY: [u16; 0] = [];

/// Cores 1, 2 and 3, which own all devices that begin with 7, and what is remembered of them.
struct Bench {
    cores: Arc<Cores>,
    router: Router,
    repeats: Arc<Repeats>,
}

/// A command under way.
struct Begun {
    call: Call,
    plan: Plan,
    note: Option<Note>,
    known: Vec<Ended>,
}

impl Begun {
    fn known(&self) -> Vec<u16> {
        self.known.iter().map(|leg| leg.core.0).collect()
    }
}

impl Bench {
    fn new() -> Self {
        Self::remembering(WINDOW)
    }

    fn remembering(window: Duration) -> Self {
        let cores: Vec<Core> = (1..=3).map(core).collect();
        let owners = Owners::Cores(vec![CoreId(1), CoreId(2), CoreId(3)]);
        let rule = Rule { devices: "7*".parse().expect("a pattern"), owners };
        let router = Router::new(&cores, &[rule], UnknownDevice::Broadcast);
        let metrics = Metrics::default();
        let in_force = Arc::<Roster>::default();
        let shared = |core: Core| {
            let place = in_force.place(core.id);
            Arc::new(CoreShared::new(core, place, BreakerSettings::default(), &metrics))
        };
        let shared: Arc<Cores> = Arc::new(cores.into_iter().map(shared).collect());
        in_force.exchange(shared.clone());
        let repeats = Repeats::new(window, in_force, &metrics);
        Self { cores: shared, router, repeats }
    }

    fn begin(&self, query: &str) -> Begun {
        self.begin_from(query, None)
    }

    fn begin_from(&self, query: &str, from: Option<IpAddr>) -> Begun {
        let bounds = Bounds { max_fields: 500, max_depth: 4 };
        let request = url::read(query, "", bounds).expect("a readable request");
        let function = check(&request).expect("a good request");
        let call = Call::new(function, request, Instant::now());
        let Ok(Destination::Cores(plan)) = self.router.plan(&call, &Snapshot::default()) else {
            panic!("{query} goes to no core")
        };
        let (note, known) = self.repeats.begin(&call, &plan, from);
        Begun { call, plan, note, known }
    }

    /// The cores outside of `missing` confirm, if they are asked.
    fn end(&self, begun: Begun, missing: &[u16]) {
        let Begun { call, plan, note, known } = begun;
        let end = |core: CoreId| {
            let is_missing = missing.contains(&core.0) && !known.iter().any(|leg| leg.core == core);
            let outcome = if is_missing { Outcome::NotSent(Unsent::Connect) } else { Outcome::Ok };
            let end = LegEnd { outcome, reply: None, elapsed: Duration::ZERO, sent: None };
            Ended { core, device: None, chain: 0, is_earlier: false, end }
        };
        let ended: Vec<_> = plan.cores().into_iter().map(end).collect();
        let terms = Terms::default();
        let answer =
            Verdict { call: &call, plan: &plan, ended: &ended, terms: &terms, deferred: &Deferred::Nothing }
                .reply()
                .result;
        let Some(note) = note else { return };
        self.repeats.end(&note);
        if answer == Some(ResultType::PartialCoreResponse) {
            self.repeats.keep(note, (call, None), (plan, ended));
        }
    }

    /// Sends a command that these cores miss; the cores that it was not sent to.
    fn send(&self, query: &str, missing: &[u16]) -> Vec<u16> {
        let begun = self.begin(query);
        let known = begun.known();
        self.end(begun, missing);
        known
    }
}

fn core(id: u16) -> Core {
    Core {
        id: CoreId(id),
        name: String::new(),
        site: String::new(),
        address: String::new(),
        at: Vec::new(),
        connections: 1,
        pipeline: 1,
        queue: 1,
        tls: None,
    }
}

#[test]
fn a_repeat_goes_to_the_missing_until_none_is() {
    let bench = Bench::new();
    assert_eq!(bench.send(START, &[2, 3]), NOBODY, "the first try");
    assert_eq!(bench.send(START, &[2]), [1], "core 3 has it now");
    assert_eq!(bench.send(START, &[]), [1, 3], "and now all have");
    assert_eq!(bench.send(START, &[]), NOBODY, "what was answered API_OK is asked of all again");
    assert_eq!(bench.send(START, &[1, 2, 3]), NOBODY);
    assert_eq!(bench.send(START, &[]), NOBODY, "nobody had confirmed");
}

#[test]
fn what_differs_in_anything_is_another_command() {
    let call = "type=CALLSTART&requestid=1&deviceid=7001&user1=a";
    for other in [
        "type=CALLSTART&requestid=2&deviceid=7001&user1=a",
        "type=CALLSTART&requestid=1&deviceid=7001&user1=b",
        "type=CALLSTART&requestid=1&deviceid=7001&user1=a&user2=",
        "type=CALLSTART&requestid=1&deviceid=7001&user1=a&detail=Y",
        "type=CALLUPDATE&requestid=1&deviceid=7001&user1=a",
        "type=CALLSTART&requestid=1&user1=a&deviceid=7001",
    ] {
        let bench = Bench::new();
        bench.send(call, &[2]);
        assert_eq!(bench.send(other, &[2]), NOBODY, "{other}");
        assert_eq!(bench.send(call, &[2]), NOBODY, "{other} came between");
    }
}

#[test]
fn whatever_may_have_changed_the_device_in_between_makes_it_a_new_command() {
    for (between, is_known) in [
        (STOP, false),
        ("type=BLACKOUTSTOP&requestid=1&deviceid=7001&timeoffset=-1", false),
        ("type=CALLUPDATE&requestid=9&deviceid=7001&callinstance=3", false),
        // Only the core knows which device that is.
        ("type=BLACKOUTSTOP&requestid=1&sys_user=alice", false),
        ("type=BLACKOUTSTOP&requestid=1&deviceid=7002", true),
        ("type=DEVICESTATUS&requestid=1&deviceid=7001", true),
        ("type=CHATSTOP&requestid=1&sessionid=7001", true),
    ] {
        let bench = Bench::new();
        bench.send(START, &[2]);
        bench.send(between, &[]);
        assert_eq!(!bench.send(START, &[]).is_empty(), is_known, "{between}");
    }
    let bench = Bench::new();
    bench.send("type=CALLSTOP&requestid=1&deviceid=7a", &[2]);
    bench.send("type=CALLSTART&requestid=1&deviceid=7A", &[]);
    assert_eq!(bench.send("type=CALLSTOP&requestid=1&deviceid=7a", &[]), NOBODY, "capitals");
}

#[test]
fn what_was_under_way_beside_the_first_try_may_go_out_behind_it() {
    for other in [STOP, "type=BLACKOUTSTOP&requestid=1&sys_user=alice"] {
        for (ends_before, what) in [(true, "it ended before the repeat"), (false, "it is under way still")] {
            let bench = Bench::new();
            let stop = bench.begin(other);
            bench.send(START, &[2]);
            if ends_before {
                bench.end(stop, &[]);
            }
            assert_eq!(bench.send(START, &[]), NOBODY, "{other}: {what}");
        }
    }
    let bench = Bench::new();
    let start = bench.begin(START);
    bench.send(STOP, &[]);
    bench.end(start, &[2]);
    assert_eq!(bench.send(START, &[]), NOBODY, "it came while the first try was under way");
}

#[test]
fn two_repeats_at_once_do_not_share_what_is_known() {
    let bench = Bench::new();
    bench.send(START, &[2]);
    let (one, other) = (bench.begin(START), bench.begin(START));
    assert_eq!((one.known(), other.known()), (vec![1, 3], vec![]));
}

#[test]
fn an_offset_counts_from_receipt_and_so_means_another_moment_each_time() {
    for (offset, known) in [("-5", vec![]), ("3.5", vec![]), ("0", vec![1, 3]), ("", vec![1, 3])] {
        let (bench, start) = (Bench::new(), format!("{START}&timeoffset={offset}"));
        bench.send(&start, &[2]);
        assert_eq!(bench.send(&start, &[]), known, "{offset}");
    }
}

#[test]
fn a_core_that_was_lost_since_is_asked_again() {
    let bench = Bench::new();
    bench.send(START, &[2]);
    bench.cores[2].lose();
    assert_eq!(bench.send(START, &[2]), [1]);
    let first = bench.begin(STOP);
    bench.cores[0].lose();
    bench.end(first, &[2]);
    assert_eq!(bench.send(STOP, &[]), [3], "it was lost while the others were waited for");
}

#[test]
fn another_client_is_not_told_what_this_one_did() {
    let bench = Bench::new();
    bench.send(START, &[2]);
    assert!(bench.begin_from(START, Some([10, 0, 0, 7].into())).known.is_empty());
}

#[tokio::test(start_paused = true)]
async fn the_window_closes() {
    for (window, later, known) in [
        (WINDOW, WINDOW, vec![1, 3]),
        (WINDOW, WINDOW + Duration::from_millis(1), vec![]),
        (Duration::ZERO, Duration::ZERO, vec![]),
    ] {
        let bench = Bench::remembering(window);
        bench.send(START, &[2]);
        advance(later).await;
        assert_eq!(bench.send(START, &[]), known, "{window:?}, {later:?}");
    }
}

#[test]
fn other_owners_make_it_a_new_command() {
    let mut bench = Bench::new();
    bench.send(START, &[2]);
    let cores: Vec<Core> = (1..=3).map(core).collect();
    let owners = Owners::Cores(vec![CoreId(1), CoreId(2)]);
    let rule = Rule { devices: "7*".parse().expect("a pattern"), owners };
    bench.router = Router::new(&cores, &[rule], UnknownDevice::Broadcast);
    assert_eq!(bench.send(START, &[]), NOBODY);
}

#[test]
fn memory_is_bounded_and_the_newer_one_stays() {
    let bench = Bench::new();
    let start = |n: u64| format!("type=BLACKOUTSTART&requestid=1&deviceid=7{n:05}");
    let many = 3 * PLACES;
    (0..many).for_each(|n| drop(bench.send(&start(n), &[2])));
    let kept = bench.repeats.places.iter().filter(|place| place.kept.lock().expect("no panic").is_some());
    assert!(kept.count() as u64 <= PLACES);
    assert_eq!(bench.send(&start(many - 1), &[]), [1, 3], "the newest");
    let known = (0..many - 1).filter(|n| !bench.send(&start(*n), &[]).is_empty()).count() as u64;
    assert!((PLACES / 4..PLACES).contains(&known), "most places are in use: {known}");

    let long = format!("{START}&user1={}", "x".repeat(MAX_WEIGHT));
    bench.send(&long, &[2]);
    assert_eq!(bench.send(&long, &[]), NOBODY, "too heavy to be remembered");
}
