//! What a directory of a million devices and 200,000 agents costs: loading, memory, look-ups, changes.
//!
//! `cargo bench --bench directory` makes one in a temporary SQLite file, or in the empty PostgreSQL database that
//! `CORECAST_BENCH_POSTGRES` names. Each figure stands beside the bound that it must keep.

#![allow(
    unsafe_code,
    clippy::print_stdout,
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::panic,
    clippy::cast_precision_loss,
    reason = "an allocator that counts cannot be written otherwise, and a bench that is surprised stops"
)]

use std::alloc::{GlobalAlloc, Layout, System};
use std::fmt::Display;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::hint::black_box;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::time::{Duration, Instant};

use corecast::directory::entity::{Device, Location, Station, User, UserFields, UserKey};
use corecast::directory::snapshot::{Key, Match, Snapshot};
use corecast::directory::{By, Directory, Store};
use corecast::model::CoreId;
use hdrhistogram::Histogram;
use tokio_util::sync::CancellationToken;

const DEVICES: usize = 1_000_000;
const AGENTS: usize = 200_000;
const STATIONS: usize = 100_000;
const LOOKUPS: usize = 500_000;
/// Look-ups that are timed together.
const BATCH: usize = 25_000;

/// The system's allocator, with a count of what is in use.
struct Counting;

static IN_USE: AtomicI64 = AtomicI64::new(0);
static MADE: AtomicI64 = AtomicI64::new(0);

// SAFETY: everything is passed on to the system's allocator as it came.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        IN_USE.fetch_add(layout.size().cast_signed() as i64, Ordering::Relaxed);
        MADE.fetch_add(1, Ordering::Relaxed);
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        IN_USE.fetch_sub(layout.size().cast_signed() as i64, Ordering::Relaxed);
        unsafe { System.dealloc(memory, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn device(n: usize) -> Device {
    let cores: &[u16] = [&[][..], &[1, 2], &[3], &[1, 4]][n % 4];
    Device {
        id: format!("{}", 2_000_000 + n),
        alias: format!("DESK-{n}"),
        site: format!("site-{}", n % 20),
        cores: cores.iter().copied().map(CoreId).collect(),
    }
}

fn user(n: usize) -> User {
    User {
        username: format!("First{n} Last{n}"),
        employee_id: format!("E{n:07}"),
        first_name: format!("First{n}"),
        last_name: format!("Last{n}"),
        sys_user: format!("last{n}.first"),
        sys_domain: "EXAMPLE".into(),
        crm_user: format!("crm-{n}"),
        site_id: format!("site-{}", n % 20),
        is_agent: true,
        phones: vec![device(n * 2).id, device(n * 2 + 1).id],
        ..User::default()
    }
}

fn station(n: usize) -> Station {
    Station { name: format!("PC-{n:06}"), device: device(n * 3).id, location: 1 }
}

fn by() -> By {
    By { who: "bench".into(), from: "here".into(), function: "BENCH".into() }
}

fn report(what: &str, figure: impl Display, bound: &str) {
    println!("{what:<58} {figure:>16}   {bound}");
}

async fn fill(store: &Store) {
    let began = Instant::now();
    let filled = store.write_long(by(), |tx| {
        Box::pin(async move {
            let devices: Vec<_> = (0..DEVICES).map(device).collect();
            tx.import_devices(&devices).await?;
            tx.put_location(&Location { id: 1, name: "one".into(), site: "site-1".into() }).await
        })
    });
    filled.await.expect("devices");
    report("import of 1,000,000 devices", format!("{:.2?}", began.elapsed()), "");
    let began = Instant::now();
    let filled = store.write_long(by(), |tx| {
        Box::pin(async move {
            tx.import_users(&(0..AGENTS).map(user).collect::<Vec<_>>()).await?;
            tx.import_stations(&(0..STATIONS).map(station).collect::<Vec<_>>()).await
        })
    });
    filled.await.expect("agents and stations");
    report("import of 200,000 agents, 100,000 stations", format!("{:.2?}", began.elapsed()), "");
    let began = Instant::now();
    let again = store.write_long(by(), |tx| {
        Box::pin(async move { tx.import_devices(&(0..DEVICES).map(device).collect::<Vec<_>>()).await })
    });
    assert_eq!(again.await.expect("devices").changed, 0);
    report("import of the same devices again", format!("{:.2?}", began.elapsed()), "");
}

async fn load(url: &str, cancel: &CancellationToken) -> Directory {
    let before = IN_USE.load(Ordering::Relaxed);
    let began = Instant::now();
    let directory = Directory::open(url, Duration::from_secs(2), cancel.clone()).expect("a good URL");
    directory.reports().wait_for(|status| status.is_loaded).await.expect("it is followed");
    report("load from the database", format!("{:.2?}", began.elapsed()), "< 3 s");
    let bytes = (IN_USE.load(Ordering::Relaxed) - before) as f64;
    report(
        "memory per device, agents and stations included",
        format!("{:.0} bytes", bytes / DEVICES as f64),
        "< 300",
    );
    directory
}

/// Numbers below `bound`, in no order.
fn random(bound: usize) -> impl Iterator<Item = usize> {
    let seed = RandomState::new();
    (0_u64..).map(move |n| {
        let mut hasher = seed.build_hasher();
        hasher.write_u64(n);
        usize::try_from(hasher.finish() % bound as u64).expect("it fits")
    })
}

/// Times `look` on random keys, in batches: the median one, and the fastest.
fn time(what: &str, bound: &str, values: &[String], look: impl Fn(&str) -> bool) {
    let made = MADE.load(Ordering::Relaxed);
    let batch = |values: &[String]| {
        let began = Instant::now();
        assert!(values.iter().all(|value| look(value)), "{what}");
        began.elapsed().as_nanos() as f64 / BATCH as f64
    };
    let mut batches: Vec<_> = values.chunks(BATCH).map(batch).collect();
    // The background looks at the database meanwhile; that it allocates a little is no look-up's doing.
    assert!(MADE.load(Ordering::Relaxed) - made < 10_000, "a look-up allocates nothing");
    batches.sort_by(f64::total_cmp);
    report(what, format!("{:.0} ns ({:.0})", batches[batches.len() / 2], batches[0]), bound);
}

fn time_lookups(snapshot: &Snapshot, what: &str, key: Key, value: impl Fn(usize) -> String, of: usize) {
    let hits: Vec<_> = random(of).take(LOOKUPS).map(&value).collect();
    let misses: Vec<_> = random(of).take(LOOKUPS).map(|n| value(n) + "000000").collect();
    let found = |value: &str| black_box(snapshot.resolve(key, value));
    time(&format!("look-up by {what}, hit"), "< 300 ns", &hits, |value| {
        matches!(found(value), Match::One(_))
    });
    time(&format!("look-up by {what}, miss"), "< 300 ns", &misses, |value| found(value) == Match::None);
    time("  and DEVICEID and cores of all its devices read", "", &hits, |value| {
        let target = found(value).one().expect("a hit");
        target
            .devices()
            .all(|device| !black_box(device.id()).is_empty() && black_box(device.cores()).len() < 3)
    });
}

fn lookups(snapshot: &Snapshot) {
    time_lookups(snapshot, "DEVICEID", Key::DeviceId, |n| device(n).id, DEVICES);
    time_lookups(snapshot, "DEVICEALIAS", Key::DeviceAlias, |n| device(n).alias, DEVICES);
    time_lookups(snapshot, "STATIONNAME", Key::StationName, |n| station(n).name, STATIONS);
    time_lookups(snapshot, "SYS_USER", Key::SysUser, |n| user(n).sys_user, AGENTS);
    time_lookups(snapshot, "CRM_USER", Key::CrmUser, |n| user(n).crm_user, AGENTS);
    time_lookups(snapshot, "USERNAME", Key::UserName, |n| user(n).username, AGENTS);
    time_lookups(snapshot, "EMPLOYEEID", Key::EmployeeId, |n| user(n).employee_id, AGENTS);
    time_lookups(snapshot, "AGENTID", Key::AgentId, |n| (n + 1).to_string(), AGENTS);
}

/// From the beginning of a write to the moment at which another proxy's snapshot shows it.
async fn change(writer: &Store, reader: &Directory) {
    let mut slowest = Duration::ZERO;
    for n in 0..10 {
        let id = format!("new-{n}");
        let began = Instant::now();
        let new = Device { id: id.clone(), ..Device::default() };
        writer
            .write(by(), move |tx| Box::pin(async move { tx.put_device(&new).await }))
            .await
            .expect("written");
        reader.reports().wait_for(|_| reader.snapshot().device(&id).is_some()).await.expect("it is followed");
        slowest = slowest.max(began.elapsed());
    }
    report("one row changed by another proxy, seen (slowest of 10)", format!("{slowest:.2?}"), "< 2 s");
}

/// Calls that look up while the snapshot is swapped, and once rebuilt, under them.
async fn swaps(directory: &Directory) {
    let stop = Arc::new(AtomicBool::new(false));
    let (reader, ended) = (directory.clone(), Arc::clone(&stop));
    let calls = std::thread::spawn(move || {
        let mut times = Histogram::<u64>::new(3).expect("a histogram");
        let ids: Vec<_> = random(DEVICES).take(100_000).map(|n| device(n).id).collect();
        for id in ids.iter().cycle().take_while(|_| !ended.load(Ordering::Relaxed)) {
            let began = Instant::now();
            black_box(reader.snapshot().device(id).is_some());
            times.record(u64::try_from(began.elapsed().as_nanos()).unwrap_or(u64::MAX)).expect("it grows");
        }
        times
    });
    for n in 0..200 {
        let fields = UserFields { email: Some(n.to_string()), ..UserFields::default() };
        let key = UserKey::Id(n + 1);
        let write = directory.store().write(by(), move |tx| {
            Box::pin(async move {
                let id = tx.user_id(&key).await?;
                tx.modify_user(id, &fields).await
            })
        });
        write.await.expect("written");
    }
    let many = directory.store().write_long(by(), |tx| {
        Box::pin(async move {
            let moved = |n| Device { site: "elsewhere".into(), ..device(n) };
            tx.import_devices(&(0..20_000).map(moved).collect::<Vec<_>>()).await
        })
    });
    many.await.expect("written");
    let merged = |_: &_| {
        directory.snapshot().device("2000000").and_then(corecast::directory::snapshot::Device::site)
            == Some("elsewhere")
    };
    directory.reports().wait_for(merged).await.expect("it is followed");
    stop.store(true, Ordering::Relaxed);
    let times = calls.join().expect("no panic");
    let shown = |quantile| format!("{:.1} µs", times.value_at_quantile(quantile) as f64 / 1000.0);
    report("look-up under 200 swaps and a rebuild, p99.9", shown(0.999), "< 1 ms");
    report("look-up under 200 swaps and a rebuild, p99.999", shown(0.99999), "< 1 ms");
    report("look-up under 200 swaps and a rebuild, slowest", shown(1.0), "");
}

fn merge(snapshot: &Snapshot) {
    let began = Instant::now();
    let merged = snapshot.merged().expect("there is room");
    report("rebuilding the large layer, in the background", format!("{:.2?}", began.elapsed()), "");
    let began = Instant::now();
    drop(merged);
    report("letting go of it, in the background", format!("{:.2?}", began.elapsed()), "");
}

#[tokio::main]
async fn main() {
    let folder = std::env::temp_dir().join(format!("corecast-bench-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("a folder");
    let file = format!("sqlite://{}", folder.join("directory.db").display());
    let url = std::env::var("CORECAST_BENCH_POSTGRES").unwrap_or(file);
    let writer = Store::open(&url).expect("a good URL");
    fill(&writer).await;
    let cancel = CancellationToken::new();
    let directory = load(&url, &cancel).await;
    lookups(&directory.snapshot());
    change(&writer, &directory).await;
    merge(&directory.snapshot());
    swaps(&directory).await;
    cancel.cancel();
    std::fs::remove_dir_all(&folder).expect("the folder can be removed");
}
