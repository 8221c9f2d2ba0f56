//! What call records cost: filling the table, its size, and every shape of CALLLIST.
//!
//! `cargo bench --bench records -- 10000000` writes that many recordings, a million unless it is told otherwise, into a
//! temporary SQLite file, into the one that `CORECAST_BENCH_SQLITE` names, or into the PostgreSQL database that
//! `CORECAST_BENCH_POSTGRES` names. What is filled already is used as it is. Each figure stands beside the bound that it
//! must keep: the median of repeated searches, each for another value, and the worst.

#![allow(
    clippy::print_stdout,
    clippy::expect_used,
    clippy::panic,
    clippy::cast_precision_loss,
    reason = "a bench prints, and one that is surprised stops"
)]

use std::collections::BTreeMap;
use std::fmt::Display;
use std::time::{Duration, Instant};

use corecast::database::{Database, StoreError};
use corecast::model::CoreId;
use corecast::protocol::param::Param;
use corecast::records::{Filter, Record, RecordKind, Records, UniqueField};
use jiff::{SignedDuration, Timestamp};

/// Rows of one transaction while the table is filled.
const BATCH: usize = 10_000;
/// How often a search is repeated.
const REPEATS: usize = 40;
const BOUND: &str = "< 50 ms";
/// A recording begins every 3 seconds: ten million are a year of a site with 2,000 devices.
const EVERY: SignedDuration = SignedDuration::from_secs(3);
const FIRST: i64 = 1_760_000_000;

fn report(what: &str, figure: impl Display, bound: &str) {
    println!("{what:<66} {figure:>22}   {bound}");
}

/// A number that looks random, the same for each `n`.
fn mixed(n: u64, salt: u64) -> u64 {
    let mut x = n.wrapping_add(salt.wrapping_mul(0x9E37_79B9_7F4A_7C15)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    x ^= x >> 29;
    x = x.wrapping_mul(0x94D0_49BB_1331_11EB);
    x ^ (x >> 32)
}

fn begin(n: u64) -> Timestamp {
    let n = i32::try_from(n).expect("fewer than two thousand million");
    Timestamp::from_second(FIRST).expect("a time") + EVERY * n
}

fn device(n: u64) -> String {
    (20_000 + mixed(n, 1) % 2000).to_string()
}

/// What a busy site's requests say: an agent with a device, a caller, a line, and six fields of the application.
fn said(n: u64) -> BTreeMap<Param, String> {
    let agent = mixed(n, 1) % 2000;
    let mut said = BTreeMap::from([
        (Param::DeviceId, device(n)),
        (Param::DeviceAlias, format!("{}", 4000 + agent)),
        (Param::SysUser, format!("agent{agent}.last")),
        (Param::CrmUser, format!("crm-{agent}")),
        (Param::Group, format!("Group {}", agent % 20)),
        (Param::Gate, format!("gate-{}", mixed(n, 2) % 100)),
        (Param::Ani, format!("1614{:07}", mixed(n, 3) % 3_000_000)),
        (Param::Dnis, format!("1888{:03}", mixed(n, 4) % 50)),
        (Param::User1, ["Gold", "Silver", "Bronze"][usize::try_from(mixed(n, 5) % 3).expect("small")].into()),
        (Param::User2, format!("Customer {}", mixed(n, 6) % 1_000_000)),
        (Param::User3, format!("T{n:012}")),
        (Param::CallId, format!("{:016x}", mixed(n, 7))),
        (Param::CallDirection, if mixed(n, 8).is_multiple_of(3) { "O" } else { "I" }.into()),
    ]);
    if n.is_multiple_of(100) {
        said.insert(Param::User15, format!("case {}", n % 5000));
    }
    // Groups of which no caller is Gold.
    if n % 20 < 2 && said.get(&Param::User1).is_some_and(|level| level != "Gold") {
        said.insert(Param::Group, format!("Ghosts {}", n % 20));
    }
    said
}

fn record(n: u64) -> Record {
    let started = begin(n);
    let id = format!("{:x}-{n:x}", n % 4);
    Record {
        ident: 0,
        core: CoreId(u16::try_from(n % 4).expect("small") + 1),
        kind: RecordKind::Call,
        started,
        stopped: Some(
            started + SignedDuration::from_secs(20 + i64::try_from(mixed(n, 9) % 600).expect("small")),
        ),
        file: format!("2026/{id}.wav"),
        bytes: 1 + mixed(n, 10) % 10_000_000,
        blackouts: if n.is_multiple_of(10) { vec![(started, started + EVERY)] } else { vec![] },
        said: said(n),
        agent: Default::default(),
        global_id: id,
    }
}

/// Fills the table as fast as it can be: without its indexes, which are then made at once. Row by row, ten million
/// would be hours of writing the same pages again and again.
async fn fill(records: &Records, url: &str, rows: u64) {
    let began = Instant::now();
    let indexes = indexes(url).await;
    assert!(indexes.len() > 25, "{indexes:?}");
    run(url, indexes.iter().map(|(name, _)| format!("DROP INDEX {name}")).collect()).await;
    let (mut from, mut told) = (0, 0);
    while from < rows {
        let to = (from + BATCH as u64).min(rows);
        records.put((from..to).map(record).collect()).await.expect("written");
        from = to;
        if from * 10 / rows > told {
            told = from * 10 / rows;
            eprintln!("{from} rows after {:.0?}", began.elapsed());
        }
    }
    run(url, indexes.into_iter().map(|(_, sql)| sql).collect()).await;
    run(url, vec!["ANALYZE records".into()]).await;
    eprintln!("filled after {:.0?}", began.elapsed());
}

/// The names of the indexes, and how each is made.
async fn indexes(url: &str) -> Vec<(String, String)> {
    if let Some(path) = url.strip_prefix("sqlite://") {
        let connection = rusqlite::Connection::open(path).expect("the file");
        let sql = "SELECT name, sql FROM sqlite_schema WHERE name LIKE 'records\\_%' ESCAPE '\\' AND type = 'index'";
        let mut statement = connection.prepare(sql).expect("a statement");
        let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).expect("asked");
        return rows.map(|row| row.expect("a row")).collect();
    }
    let sql = "SELECT indexname::text, indexdef FROM pg_indexes WHERE tablename = 'records' AND indexdef NOT LIKE \
               'CREATE UNIQUE%'";
    let rows = postgres(url).await.query(sql, &[]).await.expect("asked");
    rows.iter().map(|row| (row.get(0), row.get(1))).collect()
}

async fn run(url: &str, statements: Vec<String>) {
    if let Some(path) = url.strip_prefix("sqlite://") {
        let connection = rusqlite::Connection::open(path).expect("the file");
        connection.execute_batch("PRAGMA cache_size = -1000000; PRAGMA synchronous = OFF").expect("settings");
        statements.iter().for_each(|sql| connection.execute_batch(sql).expect("a statement"));
    } else {
        let client = postgres(url).await;
        for sql in statements {
            client.batch_execute(&sql).await.expect("a statement");
        }
    }
}

async fn postgres(url: &str) -> tokio_postgres::Client {
    let (client, connection) = tokio_postgres::connect(url, tokio_postgres::NoTls).await.expect("the server");
    tokio::spawn(connection);
    client
}

/// Many rows at once, as a core that catches up after an outage writes them.
async fn write_many(records: &Records, rows: u64) {
    let began = Instant::now();
    let many = 5000;
    for from in (rows..rows + many).step_by(1000) {
        records.put((from..from + 1000).map(record).collect()).await.expect("written");
    }
    let each = began.elapsed() / u32::try_from(many).expect("small");
    report("writing a row, 1,000 to a transaction", format!("{:.2} ms", millis(each)), "");
}

/// One row, as a core writes it at the beginning of a call and again at its end.
async fn write_singly(records: &Records, rows: u64) {
    let mut times = Vec::new();
    for n in rows..rows + 100 {
        for stopped in [None, record(n).stopped] {
            let began = Instant::now();
            records.put(vec![Record { stopped, ..record(n) }]).await.expect("written");
            times.push(began.elapsed());
        }
    }
    tell("writing a row alone, begun and ended", &mut times, "");
}

fn tell(what: &str, times: &mut [Duration], bound: &str) {
    times.sort_unstable();
    let (median, worst) = (times[times.len() / 2], times[times.len() - 1]);
    report(what, format!("{:.1} ms ({:.1})", millis(median), millis(worst)), bound);
}

fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1000.0
}

/// Times searches, each made for another `n`.
async fn time(
    records: &Records,
    what: &str,
    bound: &str,
    filter: impl Fn(u64) -> Result<Filter, StoreError>,
) {
    let (mut times, mut found, mut given_up) = (Vec::new(), 0, 0);
    for n in 0..REPEATS as u64 {
        let filter = filter(n).expect("a filter of CALLLIST");
        let began = Instant::now();
        match records.search(filter).await {
            Ok(some) => found += some.records.len(),
            Err(StoreError::TooLong) => given_up += 1,
            Err(error) => panic!("{what}: {error}"),
        }
        times.push(began.elapsed());
    }
    let given_up = if given_up > 0 { format!(", {given_up} of {REPEATS} given up") } else { String::new() };
    tell(&format!("{what}: {} rows{given_up}", found / REPEATS), &mut times, bound);
}

const LIMIT: usize = 1000;

async fn shapes(records: &Records, rows: u64) {
    use Param::*;
    let newest = || Filter::newest(LIMIT);
    let any = move |n: u64, salt: u64| mixed(n, salt) % rows;
    time(records, "nothing but CALLCOUNT 5", BOUND, |_| Ok(Filter::newest(5))).await;
    time(records, "nothing at all", BOUND, |_| Ok(newest())).await;
    time(records, "a day", BOUND, move |n| {
        let from = begin(any(n, 20));
        Ok(newest().from(from).before(from + SignedDuration::from_hours(24)))
    })
    .await;
    for param in
        [DeviceId, DeviceAlias, SysUser, CrmUser, Group, Gate, Ani, Dnis, User1, User2, User3, User15]
    {
        let value = move |n| said(any(n, 21) / 100 * 100).remove(&param).unwrap_or_default();
        time(records, param.name(), BOUND, move |n| newest().with(param, value(n))).await;
        time(records, &format!("{} that is nobody's", param.name()), BOUND, move |n| {
            newest().with(param, format!("nobody {n}"))
        })
        .await;
    }
    for param in [DeviceId, Group, Ani, User1] {
        time(records, &format!("{} and a day", param.name()), BOUND, move |n| {
            let at = any(n, 22);
            let filter = newest().with(param, said(at).remove(&param).unwrap_or_default())?;
            Ok(filter
                .from(begin(at) - SignedDuration::from_hours(12))
                .before(begin(at) + SignedDuration::from_hours(12)))
        })
        .await;
    }
    ands(records, rows).await;
}

async fn ands(records: &Records, rows: u64) {
    use Param::*;
    let pairs: [(&str, &[Param]); 6] = [
        ("DEVICEID and USER3", &[DeviceId, User3]),
        ("DEVICEID and GATE", &[DeviceId, Gate]),
        ("GROUP and ANI", &[Group, Ani]),
        ("SYS_USER, DNIS and USER1", &[SysUser, Dnis, User1]),
        ("GROUP and USER1", &[Group, User1]),
        ("GROUP, GATE and DNIS", &[Group, Gate, Dnis]),
    ];
    for (what, params) in pairs {
        time(records, what, BOUND, move |n| {
            let mut said = said(mixed(n, 23) % rows);
            let with =
                |filter: Filter, param: &Param| filter.with(*param, said.remove(param).unwrap_or_default());
            params.iter().try_fold(Filter::newest(LIMIT), with)
        })
        .await;
    }
    time(records, "USER1 and a GATE, in a week", BOUND, move |n| {
        let at = mixed(n, 25) % rows;
        let filter =
            Filter::newest(LIMIT).with(User1, "Gold")?.with(Gate, format!("gate-{}", mixed(at, 2) % 100))?;
        Ok(filter.from(begin(at)).before(begin(at) + SignedDuration::from_hours(24 * 7)))
    })
    .await;
}

/// Values without a row in common.
async fn disjoint(records: &Records) {
    time(records, "GROUP and a CRM_USER of another group", BOUND, move |n| {
        let agent = mixed(n, 24) % 2000;
        let filter = Filter::newest(LIMIT).with(Param::CrmUser, format!("crm-{agent}"))?;
        filter.with(Param::Group, format!("Group {}", (agent + 1) % 20))
    })
    .await;
    time(records, "USER1 and GROUP, each frequent, no row in common", "no bound is kept", move |n| {
        Filter::newest(LIMIT).with(Param::User1, "Gold")?.with(Param::Group, format!("Ghosts {}", n % 2))
    })
    .await;
}

async fn latest(records: &Records, rows: u64) {
    let fields: [(&str, Param); 3] =
        [("callid", Param::CallId), ("user3", Param::User3), ("device_id", Param::DeviceId)];
    for (name, param) in fields {
        let field = UniqueField::from_name(name).expect("a column");
        let mut times = Vec::new();
        for n in 0..REPEATS as u64 {
            let value = said(mixed(n, 26) % rows).remove(&param).unwrap_or_default();
            let began = Instant::now();
            assert!(records.latest_by(field, &value).await.expect("asked").is_some(), "{name} {value}");
            times.push(began.elapsed());
        }
        tell(&format!("the latest by {name}"), &mut times, BOUND);
    }
}

#[tokio::main]
async fn main() {
    let rows = std::env::args().filter_map(|arg| arg.parse().ok()).next_back().unwrap_or(1_000_000);
    let folder = std::env::temp_dir().join(format!("corecast-bench-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("a folder");
    let file = std::env::var("CORECAST_BENCH_SQLITE")
        .unwrap_or_else(|_| folder.join("records.db").display().to_string());
    let url = std::env::var("CORECAST_BENCH_POSTGRES").unwrap_or_else(|_| format!("sqlite://{file}"));
    let records = Records::of(Database::open(&url).expect("a good URL"));
    println!("{rows} recordings");
    let found = records.search(Filter::newest(1)).await.expect("the tables are made").records;
    if found.is_empty() {
        fill(&records, &url, rows).await;
    }
    if let Ok(file) = std::fs::metadata(&file) {
        report("bytes per row, indexes included", format!("{}", file.len() / rows), "");
    }
    // Beyond any number that an earlier run has used.
    let new = found.first().map_or(rows, |record| record.ident.unsigned_abs().max(rows) + 1);
    write_singly(&records, new).await;
    write_many(&records, new + 100).await;
    shapes(&records, rows).await;
    latest(&records, rows).await;
    disjoint(&records).await;
    std::fs::remove_dir_all(&folder).expect("the folder can be removed");
}
