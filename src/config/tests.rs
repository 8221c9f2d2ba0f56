//! Whole configurations: what they become, and every fault with its line or variable.

use super::*;
use crate::fanout::Detail;
use crate::model::CoreId;
use crate::protocol::codes::ResultType;
use crate::records::{ArchiveAction, Retention, Then};
use crate::route::rule::Owners;
use crate::secret::Secret;
use crate::trail::Share;

const FULL: &str = include_str!("../../config/corecast.toml");
const LAB: &str = include_str!("../../config/lab.toml");
const CORE: &str = "[[core]]\nid = 1\naddress = \"127.0.0.1:6620\"\n";

fn parse(text: &str) -> Result<Settings, Faults> {
    parse_with(text, &[])
}

fn parse_with(text: &str, variables: &[(&str, &str)]) -> Result<Settings, Faults> {
    let owned = |(name, value): &(&str, &str)| ((*name).into(), (*value).into());
    Settings::parse(text, "test.toml", variables.iter().map(owned))
}

/// Lines and messages of what is wrong, lines counted in `text`.
fn faults(text: &str) -> Vec<(Option<usize>, String)> {
    let faults = parse(text).expect_err(text);
    faults.iter().map(|fault| (fault.line(), fault.message().to_owned())).collect()
}

/// The one fault of `text`, which begins with line 1, a sound core standing behind it.
fn only_fault(text: &str) -> (Option<usize>, String) {
    let mut faults = faults(&format!("{text}\n{CORE}"));
    assert_eq!(faults.len(), 1, "{text}: {faults:?}");
    faults.remove(0)
}

mod access;
mod files;

#[test]
fn defaults_are_those_of_the_documentation() {
    let settings = parse(CORE).unwrap();
    assert_eq!(settings.listen.api.unwrap().to_string(), "127.0.0.1:5620");
    assert_eq!(settings.listen.webapi.unwrap().to_string(), "127.0.0.1:2012");
    assert_eq!(settings.listen.admin.unwrap().to_string(), "127.0.0.1:9620");
    let millis = |time: Duration| time.as_millis();
    let Limits { deadline, leg_timeout, connect_timeout, idle_timeout, drain_timeout, .. } = settings.limits;
    assert_eq!(
        [deadline, leg_timeout, connect_timeout, idle_timeout, drain_timeout].map(millis),
        [2000, 1500, 500, 600_000, 10_000]
    );
    assert_eq!(settings.limits.max_request_bytes, 65_536);
    assert_eq!(settings.repeat_window, Duration::from_secs(5));
    let shared = format!("[directory]\nurl = \"postgres://db.example/corecast\"\n{CORE}");
    assert_eq!(parse(&shared).unwrap().repeat_window, Duration::ZERO, "no proxy sees what the others send");
    assert_eq!(settings.limits.max_connections, 10_000);
    let core = &settings.cores[0];
    assert_eq!((&*core.name, &*core.site), ("core-1", "default"));
    assert_eq!((core.connections, core.pipeline, core.queue), (4, 1, 1024));
    assert!(settings.threads >= 1 && settings.rules.is_empty() && !settings.compat.blackout_partial_ok);
    assert_eq!(settings.codes, Codes::default());
}

#[test]
fn what_is_written_is_what_counts() {
    let text = r#"
        listen.api = "[::1]:0"
        [limits]
        deadline = "1h"
        leg_timeout = "10m"
        drain_timeout = "0s"
        [runtime]
        threads = 3
        [route]
        unknown_device = "reject"
        [[core]]
        id = 20
        address = "recorder-2.example:5620"
        site = "b"
        [[core]]
        id = 3
        address = "[fd00::7]:5620"
        site = "b"
        queue = 7
        [[route.rule]]
        devices = "1*"
        site = "b"
        [[route.rule]]
        devices = "2*"
        cores = [20]
        [breaker]
        failures = 9
        [compat]
        blackout_partial = "ok"
        detail = "always"
        [codes]
        API_OK = 32
        API_PARTIAL_CORE_RESPONSE = 20
        [log]
        format = "json"
        level = "warn,corecast=trace"
        access_share = 0.25
        access_failures = false
        [media]
        url = "s3://recordings/2026"
        s3_endpoint = "http://objects.example:9000"
        s3_addressing = "host"
        s3_access_key = "corecast"
        s3_secret_key = "very secret"
        mp3_command = ["lame", "-", "-"]
        pcm_command = []
        max_exports = 3
        timeout = "7s"
    "#;
    let settings = parse(text).unwrap();
    assert_eq!(settings.listen.api.unwrap().to_string(), "[::1]:0");
    assert_eq!(settings.limits.deadline, Duration::from_hours(1));
    assert_eq!(settings.limits.leg_timeout, Duration::from_mins(10));
    assert_eq!(settings.limits.drain_timeout, Duration::ZERO);
    assert_eq!((settings.threads, settings.breaker.failures), (3, 9));
    assert_eq!(settings.unknown_device, UnknownDevice::Reject);
    let cores: Vec<_> = settings.cores.iter().map(|core| (core.id, core.queue)).collect();
    assert_eq!(cores, [(CoreId(3), 7), (CoreId(20), 1024)], "sorted by id");
    assert_eq!(settings.rules[0].owners, Owners::Site("b".into()));
    assert_eq!(settings.rules[1].owners, Owners::Cores(vec![CoreId(20)]));
    assert_eq!(settings.compat, Compat { blackout_partial_ok: true, detail: Detail::Always });
    assert_eq!(settings.codes.of(ResultType::Ok), 32, "numbers may be swapped");
    let access = AccessSettings { share: Share::of(0.25).unwrap(), failures: false };
    assert_eq!(settings.log, Log { format: LogFormat::Json, level: "warn,corecast=trace".into(), access });
    let MediaSettings { vault, mp3_command, pcm_command, max_exports, .. } = settings.media;
    assert_eq!((mp3_command.len(), pcm_command.len(), max_exports), (3, 0, 3));
    assert_eq!((&*vault.url, vault.timeout), ("s3://recordings/2026", Duration::from_secs(7)));
    assert_eq!(vault.s3.endpoint.as_deref(), Some("http://objects.example:9000"));
    assert_eq!((vault.s3.path_style, vault.s3.session_token), (Some(false), None));
    assert_eq!(vault.s3.access_key, Some(Secret::new("corecast")));
    assert_eq!(vault.s3.secret_key, Some(Secret::new("very secret")));
}

#[test]
fn archive_actions_are_what_is_written() {
    let text = "[records]\nmax_rows = 7\nplayback_link = \"http://p/{recordid}/false\"\nkeep_days = 90\n\
        [[records.archive_action]]\nid = 0\n[[records.archive_action]]\nid = 3\nname = \"a year\"\n\
        keep_days = 365\nthen = \"keep\"\n";
    let records = parse(&format!("{text}{CORE}")).unwrap().records;
    assert_eq!((records.max_rows, records.playback_link.as_deref()), (7, Some("http://p/{recordid}/false")));
    let action = |id, name: &str, keep_days, then| ArchiveAction { id, name: name.into(), keep_days, then };
    let actions = vec![action(0, "action-0", 0, Then::Delete), action(3, "a year", 365, Then::Keep)];
    assert_eq!(records.retention, Retention { keep_days: 90, actions });
    assert_eq!(parse(CORE).unwrap().records, RecordsSettings::default());
}

mod faulty;

mod environment;

mod mail;
mod safety;
mod traces;
