//! What the process takes of its machine, under the names that every process has in Prometheus. On a system without
//! /proc nothing is told.

use std::fs;
use std::sync::OnceLock;
use std::time::Duration;

use jiff::Timestamp;
use rustix::param::{clock_ticks_per_second, page_size};
use rustix::process::{Resource, getrlimit};
use rustix::time::{ClockId, clock_gettime};

use crate::metrics::{
    Metric, Metrics, PROCESS_CPU, PROCESS_MAX_FDS, PROCESS_MEMORY, PROCESS_OPEN_FDS, PROCESS_START,
    PROCESS_THREADS,
};

/// Brings the gauges up to date: before each scrape.
pub(super) fn publish(metrics: &Metrics) {
    let set = |metric: &'static Metric, value: Option<f64>| {
        value.into_iter().for_each(|value| metrics.gauge(metric, &[]).set(value));
    };
    let stat = fs::read_to_string("/proc/self/stat").ok().and_then(|text| Stat::read(&text));
    set(&PROCESS_CPU, stat.map(|stat| seconds(stat.cpu)));
    set(&PROCESS_MEMORY, stat.map(|stat| number(stat.pages) * number(page_size() as u64)));
    set(&PROCESS_THREADS, stat.map(|stat| number(stat.threads)));
    set(&PROCESS_START, stat.map(started));
    set(&PROCESS_OPEN_FDS, open_files().map(number));
    set(&PROCESS_MAX_FDS, getrlimit(Resource::Nofile).current.map(number));
}

/// What the system counts, in its own units.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Stat {
    /// Ticks of all threads, in the program and in the system.
    cpu: u64,
    threads: u64,
    /// Ticks from the machine's start to this process'.
    started: u64,
    /// Pages in memory.
    pages: u64,
}

impl Stat {
    /// Reads /proc/self/stat, as proc(5) has it. The name stands in parentheses and may have any in it.
    fn read(text: &str) -> Option<Self> {
        let (_, behind_name) = text.rsplit_once(')')?;
        let fields: Vec<&str> = behind_name.split_whitespace().collect();
        // The first of these is the third of all.
        let field = |number: usize| fields.get(number - 3)?.parse::<u64>().ok();
        Some(Self {
            cpu: field(14)? + field(15)?,
            threads: field(20)?,
            started: field(22)?,
            pages: field(24)?,
        })
    }
}

/// In seconds since 1970. It is reckoned once, since the two clocks drift apart.
fn started(stat: Stat) -> f64 {
    static STARTED: OnceLock<f64> = OnceLock::new();
    *STARTED.get_or_init(|| {
        let since_boot = clock_gettime(ClockId::Boottime);
        let since_boot = Duration::try_from(since_boot).unwrap_or_default().as_secs_f64();
        Timestamp::now().as_duration().as_secs_f64() - since_boot + seconds(stat.started)
    })
}

/// Without the one by which they are counted.
fn open_files() -> Option<u64> {
    fs::read_dir("/proc/self/fd").ok().map(|files| (files.count() as u64).saturating_sub(1))
}

fn seconds(ticks: u64) -> f64 {
    number(ticks) / number(clock_ticks_per_second())
}

#[allow(clippy::cast_precision_loss, reason = "what is lost is far below what anybody looks at")]
const fn number(count: u64) -> f64 {
    count as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_may_look_like_what_stands_behind_it() {
        let text =
            "7 (a) R 1 (b) S 1 7 7 0 -1 4194560 900 0 0 0 150 50 0 0 20 0 5 0 1000 8000000 2000 184467";
        let stat = Stat { cpu: 200, threads: 5, started: 1000, pages: 2000 };
        assert_eq!(Stat::read(text), Some(stat));
        assert_eq!(Stat::read("7 (a) S 1"), None);
    }

    #[test]
    fn what_is_told_is_this_process() {
        let metrics = Metrics::default();
        let value = |name: &str| {
            publish(&metrics);
            let text = metrics.render();
            let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
            line.unwrap_or_else(|| panic!("{name}\n{text}")).parse::<f64>().unwrap()
        };
        let now = Timestamp::now().as_duration().as_secs_f64();
        let age = now - value("process_start_time_seconds");
        assert!((-2.0..86_400.0).contains(&age), "{age}");
        assert!(value("process_resident_memory_bytes") > 1e6 && value("process_threads") >= 1.0);
        let files: Vec<_> = (0..2000).map(|_| fs::File::open("/dev/null")).map_while(Result::ok).collect();
        let held = number(files.len() as u64);
        assert!(value("process_open_fds") >= held && value("process_max_fds") >= value("process_open_fds"));
        let before = value("process_cpu_seconds_total");
        while value("process_cpu_seconds_total") <= before {}
    }
}
