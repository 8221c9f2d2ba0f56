//! What each step of a call costs in instructions and allocations.
//!
//! `cargo bench --bench hot_path` runs each step a thousand times and eleven thousand times under valgrind, which counts
//! instructions: the difference is that of ten thousand, and the same on any machine of a kind. Without valgrind it counts
//! allocations alone. `cargo bench --bench hot_path -- route fold` counts these steps only.

#![allow(
    unsafe_code,
    clippy::print_stdout,
    clippy::expect_used,
    clippy::panic,
    clippy::cast_precision_loss,
    missing_docs,
    reason = "an allocator that counts cannot be written otherwise, and a bench that is surprised stops"
)]

use std::alloc::{GlobalAlloc, Layout, System};
use std::hint::black_box;
use std::process::Command;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::BytesMut;
use corecast::command::{Call, check};
use corecast::directory::snapshot::{Delta, Key, Snapshot};
use corecast::fanout::{Deferred, Ended, Terms, Verdict};
use corecast::model::{Core, CoreId, LegEnd, Outcome};
use corecast::protocol::codes::{Codes, ResultType};
use corecast::protocol::frame::FrameDecoder;
use corecast::protocol::refrain::Refrain;
use corecast::protocol::request::Request;
use corecast::protocol::result::{Reply, ReplyHead};
use corecast::protocol::url;
use corecast::protocol::xml::Bounds;
use corecast::route::rule::{Owners, Rule, UnknownDevice};
use corecast::route::{Destination, Plan, Router};
use tokio::time::Instant;
use tokio_util::codec::Decoder;

/// How often a step is done in the two runs.
const FEW: u64 = 1_000;
const MANY: u64 = 11_000;

/// Devices in the directory.
const DEVICES: usize = 1_000;

const BOUNDS: Bounds = Bounds { max_fields: 256, max_depth: 16 };

const REQUEST: &[u8] = b"<REQUEST>\r\n<TYPE>CALLUPDATE</TYPE>\r\n<REQUESTID>4711</REQUESTID>\r\n\
    <DEVICEID>2004711</DEVICEID>\r\n<ANI>6145551212</ANI>\r\n<USER1>Smith &amp; Sons</USER1>\r\n</REQUEST>\r\n";

/// The same without anything that stands for something else, as nearly all are.
const USUAL: &[u8] = b"<REQUEST>\r\n<TYPE>CALLUPDATE</TYPE>\r\n<REQUESTID>4711</REQUESTID>\r\n\
    <DEVICEID>2004711</DEVICEID>\r\n<ANI>6145551212</ANI>\r\n<USER1>Smith and Sons</USER1>\r\n</REQUEST>\r\n";

const QUERY: &str = "type=callupdate&requestid=4711&deviceid=2004711&ani=6145551212&user1=Smith+%26+Sons";

const REPLY: &[u8] = b"<RESULT><REQUESTTYPE>CALLUPDATE</REQUESTTYPE><REQUESTID>815</REQUESTID>\
    <RESULTTYPE>API_OK</RESULTTYPE><RESULTCODE>20</RESULTCODE><RESULTMSG>done</RESULTMSG></RESULT>\r\n";

/// The system's allocator, with a count.
struct Counting;

static MADE: AtomicU64 = AtomicU64::new(0);

// SAFETY: everything is passed on to the system's allocator as it came.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        MADE.fetch_add(1, Ordering::Relaxed);
        unsafe { System.alloc(layout) }
    }

    unsafe fn realloc(&self, memory: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        MADE.fetch_add(1, Ordering::Relaxed);
        unsafe { System.realloc(memory, layout, size) }
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        unsafe { System.dealloc(memory, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// What steps work on.
struct Lab {
    decoder: FrameDecoder,
    input: BytesMut,
    snapshot: Snapshot,
    router: Router,
    call: Call,
    plan: Plan,
    ended: Vec<Ended>,
    terms: Terms,
    reply: Reply,
    refrain: Refrain,
}

/// A step of the way of a call, its name and what it does.
struct Step(&'static str, &'static str, fn(&mut Lab));

const STEPS: [Step; 13] = [
    Step("frame", "bytes → one message", |lab| {
        lab.input.extend_from_slice(REQUEST);
        drop(black_box(lab.decoder.decode(&mut lab.input)));
    }),
    Step("parse", "message → request, over TCP", |_| drop(black_box(Request::read(REQUEST, BOUNDS)))),
    Step("cut", "bytes → request, of the usual form", |_| drop(black_box(Request::cut(USUAL, BOUNDS)))),
    Step("url", "query → request, over HTTP", |_| drop(black_box(url::read(QUERY, "", BOUNDS)))),
    Step("check", "request → function", |lab| drop(black_box(check(&lab.call.request)))),
    Step("resolve", "DEVICEID → device in the directory", |lab| {
        black_box(lab.snapshot.resolve(Key::DeviceId, "2004711"));
    }),
    Step("route", "call → plan", |lab| drop(black_box(lab.router.plan(&lab.call, &lab.snapshot)))),
    Step("wire", "call → bytes for the cores", |lab| drop(black_box(lab.call.wire(None)))),
    Step("head", "a core's reply → its head", |_| drop(black_box(ReplyHead::read(REPLY)))),
    Step("reply", "a core's reply of the usual form → its head", |_| {
        drop(black_box(ReplyHead::cut(REPLY)))
    }),
    Step("again", "a confirmation like the last → its number", |lab| {
        black_box(lab.refrain.again(REPLY));
    }),
    Step("fold", "three outcomes → verdict", |lab| {
        let Lab { call, plan, ended, terms, .. } = lab;
        drop(black_box(Verdict { call, plan, ended, terms, deferred: &Deferred::Nothing }.reply()));
    }),
    Step("write", "verdict → bytes for the client", |lab| {
        drop(black_box(lab.reply.write("CALLUPDATE", "4711")))
    }),
];

impl Lab {
    fn new() -> Self {
        let cores = [1, 2, 3].map(core);
        let owners = Owners::Cores([1, 2, 3].map(CoreId).into());
        let rule = Rule { devices: "7000-7999".parse().expect("a range"), owners };
        let router = Router::new(&cores, &[rule], UnknownDevice::Broadcast);
        let snapshot = directory();
        let request = Request::read(REQUEST, BOUNDS).expect("a readable request");
        let function = check(&request).expect("a good request");
        let call = Call::new(function, request, Instant::now() + Duration::from_hours(1));
        let Ok(Destination::Cores(plan)) = router.plan(&call, &snapshot) else { panic!("it goes to cores") };
        let (ended, terms) = (plan.cores().into_iter().map(confirmed).collect(), Terms::default());
        let text = "CALLUPDATE sent to all of the following cores: 1,2,3";
        let reply = Reply::new(&Codes::default(), ResultType::Ok, text);
        let decoder = FrameDecoder::new(64 * 1024);
        let mut refrain = Refrain::default();
        let (head, len) = ReplyHead::cut(REPLY).expect("a reply");
        refrain.learn(&head, &REPLY[..len]);
        Self { decoder, input: BytesMut::new(), snapshot, router, call, plan, ended, terms, reply, refrain }
    }
}

fn core(id: u16) -> Core {
    Core {
        id: CoreId(id),
        name: String::new(),
        site: "hq".into(),
        address: String::new(),
        at: Vec::new(),
        connections: 1,
        pipeline: 1,
        queue: 1,
        tls: None,
    }
}

/// Devices that belong to all cores.
fn directory() -> Snapshot {
    let mut delta = Delta { revision: 1, ..Delta::default() };
    for number in 0..DEVICES {
        let id = (2_004_000 + number).to_string();
        delta.rows.device(&id, "", "hq", &[1, 2, 3].map(CoreId)).expect("there is room");
    }
    Snapshot::default().apply(delta).expect("there is room")
}

fn confirmed(core: CoreId) -> Ended {
    let end = LegEnd { outcome: Outcome::Ok, reply: None, elapsed: Duration::from_micros(100), sent: None };
    Ended { core, device: None, chain: 0, is_earlier: false, end }
}

/// Allocations of a step, on the average of so many.
fn allocations(step: &Step, times: u64) -> f64 {
    let mut lab = Lab::new();
    let before = MADE.load(Ordering::Relaxed);
    (0..times).for_each(|_| (step.2)(&mut lab));
    (MADE.load(Ordering::Relaxed) - before) as f64 / times as f64
}

/// Instructions of a run of this program that does a step so often; `None` without valgrind.
fn instructions(step: &Step, times: u64) -> Option<u64> {
    let this = std::env::current_exe().expect("the path of this program");
    let run = Command::new("valgrind")
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
        .arg(this)
        .args(["--times", &times.to_string(), step.0])
        .output()
        .ok()?;
    let said = String::from_utf8_lossy(&run.stderr);
    said.lines().find_map(|line| line.split_once("Collected : ")?.1.trim().parse().ok())
}

fn count(step: &Step) {
    let made = allocations(step, MANY);
    let instructions = instructions(step, FEW).zip(instructions(step, MANY));
    let each = instructions.map(|(few, many)| many.saturating_sub(few) as f64 / (MANY - FEW) as f64);
    let each = each.map_or_else(|| "no valgrind".into(), |each| format!("{each:.0}"));
    println!("{:<8} {each:>12} {made:>12.2}   {}", step.0, step.1);
}

fn main() {
    // `cargo bench` adds one of its own.
    let arguments: Vec<_> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    if let [flag, times, name] = &arguments[..]
        && flag == "--times"
    {
        let step = STEPS.iter().find(|step| step.0 == name).expect("a step");
        allocations(step, times.parse().expect("a number"));
        return;
    }
    println!("{:<8} {:>12} {:>12}", "step", "instructions", "allocations");
    let is_wanted = |step: &&Step| arguments.is_empty() || arguments.iter().any(|name| name == step.0);
    STEPS.iter().filter(is_wanted).for_each(count);
}
