//! The admin address: metrics with closed label sets, health, and where things go.

use std::collections::BTreeSet;
use std::fs::File;
use std::process::{Command, Stdio};

use corecast::command::FUNCTIONS;
use corecast::cti::Fault;
use corecast::metrics::TABLE;
use corecast::model::Outcome;
use serde_json::Value;

use super::lab::{Answer, Lab, get, receive, request, until, within};
use super::metrics_page::values;
use super::process::{Process, Scratch};

/// A device number that stands nowhere else.
const DEVICE: &str = "700123454321";

async fn scrape(lab: &Lab) -> String {
    let (status, text) = get(lab.proxy.admin, "/metrics").await;
    assert_eq!(status, 200);
    text
}

fn value(metrics: &str, series: &str) -> Option<f64> {
    metrics.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' ')?.parse().ok())
}

async fn json(lab: &Lab, path: &str) -> (u16, Value) {
    let (status, body) = get(lab.proxy.admin, path).await;
    (status, serde_json::from_str(&body).unwrap_or_else(|e| panic!("{path}: {e}: {body}")))
}

/// Good, bad and unknown functions over both listeners; one core confirms, one refuses, one is not there.
async fn traffic(lab: &Lab) {
    let device = format!("<DEVICEID>{DEVICE}</DEVICEID><SYS_USER>{DEVICE}</SYS_USER><USER1>{DEVICE}</USER1>");
    for kind in ["CALLSTART", "CALLSTOP", "TEST", "EXPORT", DEVICE, "NOPE", ""] {
        lab.ask(kind, &device).await;
    }
    let mut client = lab.client().await;
    let number = DEVICE.parse().expect("a number");
    for request in [request("DEVICELIST", number, ""), format!("<REQUEST>{DEVICE}<{DEVICE}/></REQUEST>")] {
        client.send(request.as_bytes()).await.expect("it is sent");
        receive(&mut client).await;
    }
    for query in [format!("type=callstart&requestid=1&deviceid={DEVICE}"), format!("type={DEVICE}")] {
        let (status, body) = get(lab.proxy.webapi, &format!("/webapi.aspx?{query}")).await;
        assert_eq!(status, 200, "{}", Answer::read(body.as_bytes()).text);
    }
}

#[tokio::test]
async fn what_a_rate_is_made_of_is_there_from_the_start_at_zero() {
    let lab = Lab::with_faults(&[Fault::None; 2]).await;
    // A thread makes its series when it begins, and has begun when it answers; this is counted as "other".
    lab.ask("NOPE", "").await;
    let metrics = scrape(&lab).await;
    let mut expected = vec![];
    for function in FUNCTIONS {
        for (result, listener) in ["API_OK", "API_PARTIAL_CORE_RESPONSE", "API_ERROR_RECORDER_NOT_RUNNING"]
            .iter()
            .flat_map(|result| ["api", "webapi"].map(|listener| (result, listener)))
        {
            let name = function.name;
            expected.push(format!(
                "corecast_requests_total{{command=\"{name}\",result=\"{result}\",listener=\"{listener}\"}}"
            ));
        }
    }
    for core in [1, 2] {
        let legs = Outcome::LABELS.map(|o| format!("corecast_legs_total{{core=\"{core}\",outcome=\"{o}\"}}"));
        expected.extend(legs);
        expected.push(format!("corecast_core_late_replies_total{{core=\"{core}\"}}"));
    }
    expected
        .extend(FUNCTIONS.iter().map(|f| format!("corecast_access_denied_total{{command=\"{}\"}}", f.name)));
    let shed = ["connections", "buffered_bytes", "in_flight", "in_flight_bytes", "address", "rate"];
    expected.extend(shed.map(|r| format!("corecast_shed_total{{reason=\"{r}\"}}")));
    for series in expected {
        assert_eq!(value(&metrics, &series), Some(0.0), "{series}");
    }
    lab.end().await;
}

#[tokio::test]
async fn requests_and_legs_are_counted_and_timed() {
    let lab = Lab::with_faults(&[Fault::None, Fault::Reject(3), Fault::Refuse]).await;
    until("core 3 is known to be down", async || {
        let metrics = scrape(&lab).await;
        value(&metrics, "corecast_core_breaker_state{core=\"3\",state=\"pass\"}") == Some(0.0)
    })
    .await;
    for id in 0..3 {
        // To the byte the same, it would be a repeat, and core 1 not be asked again.
        let params = format!("<DEVICEID>7001</DEVICEID><CALLINSTANCE>{id}</CALLINSTANCE>");
        assert_eq!(lab.ask("CALLSTART", &params).await.label, "API_PARTIAL_CORE_RESPONSE");
    }
    let metrics = scrape(&lab).await;
    for (series, expected) in [
        (
            "corecast_requests_total{command=\"CALLSTART\",result=\"API_PARTIAL_CORE_RESPONSE\",listener=\"api\"}",
            3.0,
        ),
        ("corecast_request_duration_seconds_count{command=\"CALLSTART\"}", 3.0),
        ("corecast_legs_total{core=\"1\",outcome=\"ok\"}", 3.0),
        ("corecast_legs_total{core=\"2\",outcome=\"rejected\"}", 3.0),
        ("corecast_legs_total{core=\"3\",outcome=\"not_sent_breaker\"}", 3.0),
        ("corecast_leg_duration_seconds_count{core=\"1\"}", 3.0),
        ("corecast_leg_duration_seconds_count{core=\"3\"}", 0.0),
        ("corecast_core_in_flight{core=\"1\"}", 0.0),
        ("corecast_core_queue_depth{core=\"1\"}", 0.0),
        ("corecast_core_breaker_state{core=\"1\",state=\"pass\"}", 1.0),
    ] {
        assert_eq!(value(&metrics, series).unwrap_or(0.0), expected, "{series}");
    }
    assert!(value(&metrics, "corecast_core_connections{core=\"1\"}") >= Some(1.0));
    lab.end().await;
}

/// The labels of every series: metric's name, label, value.
fn labels(metrics: &str) -> BTreeSet<(&str, &str, &str)> {
    let series = metrics.lines().filter(|line| !line.starts_with('#')).filter_map(|l| l.split_once('{'));
    series
        .flat_map(|(name, rest)| {
            let (labels, _) = rest.rsplit_once('}').expect("labels end");
            labels.split("\",").map(move |label| {
                let (key, value) = label.split_once("=\"").expect("a label");
                (name, key, value.trim_end_matches('"'))
            })
        })
        .collect()
}

#[tokio::test]
async fn no_traffic_makes_a_label_that_the_table_does_not_know() {
    let lab = Lab::with_faults(&[Fault::None, Fault::Reject(4711), Fault::Refuse]).await;
    traffic(&lab).await;
    let metrics = scrape(&lab).await;
    assert!(!metrics.contains(DEVICE), "{metrics}");
    for (series, key, value) in labels(&metrics) {
        let name = series.trim_end_matches("_bucket").trim_end_matches("_sum").trim_end_matches("_count");
        let metric = TABLE.iter().find(|metric| metric.name == name).expect(series);
        assert!(key == "le" || metric.labels.contains(&key), "{series} has no label {key}");
        let is_known = match key {
            "le" => value == "+Inf" || value.parse::<f64>().is_ok(),
            _ => values(metric.name, key).has(value, lab.cores.len()),
        };
        assert!(is_known, "{series}: {key}={value}");
    }
    lab.end().await;
}

#[tokio::test]
async fn more_traffic_makes_no_more_series() {
    let lab = Lab::with_faults(&[Fault::None, Fault::Reject(4711), Fault::Refuse]).await;
    traffic(&lab).await;
    let names = |metrics: &str| -> BTreeSet<String> {
        metrics.lines().filter_map(|line| Some(line.rsplit_once(' ')?.0.to_owned())).collect()
    };
    until("core 3 is known to be down", async || {
        value(&scrape(&lab).await, "corecast_legs_total{core=\"3\",outcome=\"not_sent_breaker\"}") > Some(0.0)
            || lab.ask("DEVICELIST", "").await.label.is_empty()
    })
    .await;
    let before = names(&scrape(&lab).await);
    traffic(&lab).await;
    let after = names(&scrape(&lab).await);
    assert!(before.len() > 200 && after.is_subset(&before), "{:?}", after.difference(&before));
    lab.end().await;
}

#[tokio::test]
async fn health_is_the_process_alone_and_verbose_tells_of_the_cores() {
    let lab = Lab::with_faults(&[Fault::None, Fault::Refuse]).await;
    let admin = lab.proxy.admin;
    assert_eq!(get(admin, "/livez").await, (200, "ok\n".into()));
    until("it is ready", async || get(admin, "/readyz").await == (200, "ok\n".into())).await;
    until("/readyz?verbose tells that core 2 is down", async || {
        let (status, text) = get(admin, "/readyz?verbose").await;
        assert_eq!(status, 200, "a dead core makes nobody unready: {text}");
        assert!(text.starts_with("ok\ncalls in flight: 0\ncore 1 core-1: pass\ncore 2 core-2: "), "{text}");
        text.ends_with("shut\n") || text.ends_with("probe\n")
    })
    .await;
    lab.end().await;
}

#[tokio::test]
async fn the_cores_are_shown_with_their_state() {
    let lab = Lab::with_faults(&[Fault::None, Fault::Refuse]).await;
    until("core 1 is connected and core 2 is not", async || {
        let (status, cores) = json(&lab, "/api/v1/cores").await;
        assert_eq!((status, cores.as_array().map(Vec::len)), (200, Some(2)), "{cores}");
        for (core, sim) in cores.as_array().into_iter().flatten().zip(&lab.cores) {
            assert_eq!(core["id"], sim.id().0, "{core}");
            assert_eq!(core["address"], sim.address().to_string(), "{core}");
            assert!(core["in_flight"] == 0 && core["queued"] == 0, "{core}");
        }
        let error = cores[1]["last_error"].as_str().unwrap_or_default();
        let is_connected = cores[0]["state"] == "pass" && cores[0]["connections"] == 2;
        is_connected && cores[1]["state"] != "pass" && error.contains("could not connect")
    })
    .await;
    lab.end().await;
}

#[tokio::test]
async fn where_a_call_would_go_is_told() {
    let lab = Lab::with_faults(&[Fault::None; 2]).await;
    for (query, words) in [
        ("type=callstart&deviceid=7001", "cores 1,2 (All)"),
        ("type=CALLSTART&deviceid=2001", "cores 2 (All)"),
        ("type=callstart&deviceid=9", "all cores are asked"),
        ("type=test", "needs no core"),
    ] {
        let (status, route) = json(&lab, &format!("/api/v1/route?{query}")).await;
        assert!(status == 200 && route["steps"].to_string().contains(words), "{query}: {route}");
    }
    for query in ["", "type=nope", "type=callstart"] {
        let (status, route) = json(&lab, &format!("/api/v1/route?{query}")).await;
        assert!(status == 400 && route["error"].is_string(), "{query}: {route}");
    }
    assert!(lab.cores.iter().all(|core| core.received().is_empty()), "nobody was asked");
    lab.end().await;
}

/// Whether real services must be there; `./check` installs them and says so.
fn services_are_required() -> bool {
    std::env::var_os("CORECAST_TEST_REQUIRE_SERVICES").is_some_and(|value| value == "1")
}

fn is_installed(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|folder| folder.join(program).is_file())
}

#[tokio::test]
async fn promtool_finds_nothing_to_complain_of() {
    if !is_installed("promtool") {
        assert!(!services_are_required(), "promtool is missing: apt-get install prometheus");
        return;
    }
    let lab = Lab::with_faults(&[Fault::None, Fault::Reject(3), Fault::Refuse]).await;
    traffic(&lab).await;
    let files = Scratch::new();
    let scraped = File::open(files.file("metrics", &scrape(&lab).await)).expect("what was written");
    let mut promtool = Command::new("promtool");
    promtool.args(["check", "metrics"]);
    let ended = Process::start(promtool, scraped.into(), Stdio::piped()).end();
    let ended = within("promtool", ended).await;
    assert!(ended.code == Some(0) && ended.err.is_empty(), "{ended:?}");
    lab.end().await;
}
