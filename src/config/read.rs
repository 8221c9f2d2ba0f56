//! The second stage: each table of the configuration, key by key, with its bounds and what must hold
//! between keys.

use std::collections::BTreeSet;
use std::time::Duration;

use super::access::{access, listen, tls};
use super::cores::{Known, core_srv, cores, dns, rules, unknown_device};
use super::kinds::{
    ANY_TIME, SOME_TIME, choice, database_url, duration, flag, log_filter, playback_link, share, text,
    unique, whole,
};
use super::mail::mail;
use super::media::media;
use super::safety::safety;
use super::section::Section;
use super::traces::traces;
use super::{Compat, DirectorySettings, Limits, Log, LogFormat, Settings};
use crate::fanout::Detail;
use crate::owed::LateDelivery;
use crate::protocol::codes::{Codes, ResultType};
use crate::records::{ArchiveAction, RecordsSettings, Retention, Then};
use crate::trail::AccessSettings;
use crate::upstream::BreakerSettings;

/// A hundred years at most; 0 is for ever.
const KEEP_DAYS: std::ops::RangeInclusive<i64> = 0..=36_500;
/// From 64 KiB to a TiB.
const BYTES_AT_ONCE: std::ops::RangeInclusive<i64> = 65_536..=1 << 40;

/// Everything.
pub(super) fn settings(root: &mut Section<'_>) -> Settings {
    let (cores, core_srv) = (cores(root), core_srv(root));
    let known = Known::of(&cores, &core_srv);
    let (unknown_device, rules) =
        root.section("route", |route| (unknown_device(route), rules(route, &known)));
    let directory = root.section("directory", directory);
    let (tls, has_tls) = root.section("tls", tls);
    let late_delivery = root.section("late_delivery", late_delivery);
    Settings {
        listen: root.section("listen", |s| listen(s, has_tls)),
        tls,
        access: root.section("access", access),
        limits: root.section("limits", limits),
        threads: root.section("runtime", threads),
        cores,
        core_srv,
        dns: root.section("dns", dns),
        repeat_window: root.section("repeat", |s| repeat_window(s, &directory)),
        directory,
        records: root.section("records", records),
        rules,
        unknown_device,
        breaker: root.section("breaker", breaker),
        safety: root.section("safety", |s| safety(s, &late_delivery)),
        late_delivery,
        media: root.section("media", media),
        mail: root.section("mail", mail),
        compat: root.section("compat", compat),
        codes: root.section("codes", codes),
        log: root.section("log", log),
        traces: root.section("traces", traces),
        watch: root.section("reload", |s| s.or("watch", false, flag)),
        path: None,
    }
}

fn limits(s: &mut Section<'_>) -> Limits {
    let d = Limits::default();
    let limits = Limits {
        deadline: s.or("deadline", d.deadline, duration(SOME_TIME)),
        leg_timeout: s.or("leg_timeout", d.leg_timeout, duration(SOME_TIME)),
        connect_timeout: s.or("connect_timeout", d.connect_timeout, duration(SOME_TIME)),
        max_request_bytes: s.or("max_request_bytes", d.max_request_bytes, whole(64..=64 << 20)),
        max_depth: s.or("max_depth", d.max_depth, whole(2..=128)),
        max_fields: s.or("max_fields", d.max_fields, whole(1..=65_536)),
        max_connections: s.or("max_connections", d.max_connections, whole(1..=1_000_000)),
        max_pipelined: s.or("max_pipelined", d.max_pipelined, whole(1..=65_536)),
        max_in_flight: s.or("max_in_flight", d.max_in_flight, whole(1..=10_000_000)),
        max_in_flight_bytes: s.or("max_in_flight_bytes", d.max_in_flight_bytes, whole(BYTES_AT_ONCE)),
        max_buffered_bytes: s.or("max_buffered_bytes", d.max_buffered_bytes, whole(BYTES_AT_ONCE)),
        idle_timeout: s.or("idle_timeout", d.idle_timeout, duration(SOME_TIME)),
        drain_timeout: s.or("drain_timeout", d.drain_timeout, duration(ANY_TIME)),
        max_reply_bytes: s.or("max_reply_bytes", d.max_reply_bytes, whole(1024..=1 << 30)),
    };
    let Limits { deadline, leg_timeout, .. } = limits;
    if leg_timeout > deadline {
        s.clash(["leg_timeout", "deadline"], &format!("is {leg_timeout:?}, longer than the {deadline:?} of"));
    }
    limits
}

fn threads(s: &mut Section<'_>) -> usize {
    match s.or("threads", 0, whole(0..=1024)) {
        0 => std::thread::available_parallelism().map_or(1, std::num::NonZero::get),
        threads => threads,
    }
}

fn directory(s: &mut Section<'_>) -> DirectorySettings {
    let d = DirectorySettings::default();
    DirectorySettings {
        url: s.or("url", d.url, database_url),
        refresh: s.or("refresh", d.refresh, duration(SOME_TIME)),
    }
}

/// Only a proxy that sees all that is said to a core can leave it out of a repeat; one of several does not.
fn repeat_window(s: &mut Section<'_>, directory: &DirectorySettings) -> Duration {
    let default = if directory.is_shared() { Duration::ZERO } else { Duration::from_secs(5) };
    s.or("window", default, duration(Duration::ZERO..=Duration::from_mins(1)))
}

fn records(s: &mut Section<'_>) -> RecordsSettings {
    let d = RecordsSettings::default();
    let retention =
        Retention { keep_days: s.or("keep_days", 0, whole(KEEP_DAYS)), actions: archive_actions(s) };
    let link = s.or("playback_link", String::new(), playback_link);
    RecordsSettings {
        max_rows: s.or("max_rows", d.max_rows, whole(1..=100_000)),
        playback_link: Some(link).filter(|link| !link.is_empty()),
        retention,
    }
}

fn archive_actions(records: &mut Section<'_>) -> Vec<ArchiveAction> {
    let mut ids = BTreeSet::new();
    let then = [("delete", Then::Delete), ("keep", Then::Keep)];
    records.sections("archive_action", |s| {
        let id = s.required("id", "id = 3", unique(&mut ids, whole(0..=u32::MAX.into()))).unwrap_or(0);
        ArchiveAction {
            id,
            name: s.or("name", format!("action-{id}"), text),
            keep_days: s.or("keep_days", 0, whole(KEEP_DAYS)),
            then: s.or("then", Then::default(), choice(&then)),
        }
    })
}

fn breaker(s: &mut Section<'_>) -> BreakerSettings {
    let d = BreakerSettings::default();
    let breaker = BreakerSettings {
        failures: s.or("failures", d.failures, whole(1..=1000)),
        probe_min: s.or("probe_min", d.probe_min, duration(SOME_TIME)),
        probe_max: s.or("probe_max", d.probe_max, duration(SOME_TIME)),
    };
    let BreakerSettings { probe_min, probe_max, .. } = breaker;
    if probe_min > probe_max {
        s.clash(["probe_min", "probe_max"], &format!("is {probe_min:?}, longer than the {probe_max:?} of"));
    }
    breaker
}

fn late_delivery(s: &mut Section<'_>) -> LateDelivery {
    let d = LateDelivery::default();
    LateDelivery {
        enabled: s.or("enabled", d.enabled, flag),
        retry: s.or("retry", d.retry, duration(SOME_TIME)),
        poll: s.or("poll", d.poll, duration(SOME_TIME)),
        expire: s.or("expire", d.expire, duration(SOME_TIME)),
    }
}

fn compat(s: &mut Section<'_>) -> Compat {
    let details = [("never", Detail::Never), ("on-request", Detail::OnRequest), ("always", Detail::Always)];
    Compat {
        blackout_partial_ok: s.or("blackout_partial", false, choice(&[("partial", false), ("ok", true)])),
        detail: s.or("detail", Detail::default(), choice(&details)),
    }
}

fn log(s: &mut Section<'_>) -> Log {
    let d = Log::default();
    let formats = [("text", LogFormat::Text), ("json", LogFormat::Json)];
    Log {
        format: s.or("format", d.format, choice(&formats)),
        level: s.or("level", d.level, log_filter),
        access: AccessSettings {
            share: s.or("access_share", d.access.share, share),
            failures: s.or("access_failures", d.access.failures, flag),
        },
    }
}

fn codes(s: &mut Section<'_>) -> Codes {
    let mut codes = Codes::default();
    for t in ResultType::ALL {
        let code = s.or(t.label(), t.default_code(), whole(0..=i32::MAX.into()));
        codes.set(*t, code);
    }
    for (i, t) in ResultType::ALL.iter().enumerate() {
        let code = codes.of(*t);
        for earlier in ResultType::ALL[..i].iter().filter(|other| codes.of(**other) == code) {
            s.clash([t.label(), earlier.label()], &format!("is {code}, and so is"));
        }
    }
    codes
}
