use std::collections::VecDeque;
use std::sync::Mutex;

use hyper::header::HeaderValue;
use serde_json::Value;
use tokio::time::{advance, sleep};

use super::super::{AccessSettings, LegStory, Parent, Trail};
use super::*;
use crate::lines::{Lines, LogFormat};

/// A collector that answers what it was told to, and then takes everything.
#[derive(Clone, Default)]
struct Scripted(Arc<Mutex<Script>>);

#[derive(Default)]
struct Script {
    answers: VecDeque<Result<Collected, NotCollected>>,
    got: Vec<(Instant, Value)>,
}

impl Collector for Scripted {
    async fn collect(&self, message: Bytes) -> Result<Collected, NotCollected> {
        let mut script = self.0.lock().unwrap();
        script.got.push((Instant::now(), serde_json::from_slice(&message).unwrap()));
        script.answers.pop_front().unwrap_or_else(|| Ok(Collected::default()))
    }
}

impl Scripted {
    fn answering(answers: impl IntoIterator<Item = Result<Collected, NotCollected>>) -> Self {
        let answers = answers.into_iter().collect();
        Self(Arc::new(Mutex::new(Script { answers, got: Vec::new() })))
    }

    /// When messages came, in milliseconds since `start`, and how many spans each had.
    fn came(&self, start: Instant) -> Vec<(u128, usize)> {
        let script = self.0.lock().unwrap();
        let came = |(at, message): &(Instant, Value)| ((*at - start).as_millis(), spans(message).len());
        script.got.iter().map(came).collect()
    }
}

fn spans(message: &Value) -> &Vec<Value> {
    message["resourceSpans"][0]["scopeSpans"][0]["spans"].as_array().unwrap()
}

fn settings(share: Share, queue: usize) -> TraceSettings {
    TraceSettings {
        target: "http://127.0.0.1:1/v1/traces".parse().unwrap(),
        shown: String::new(),
        share,
        service: "corecast".into(),
        instance: "copy-1".into(),
        headers: HeaderMap::new(),
        timeout: Duration::from_secs(10),
        queue,
    }
}

fn core(id: CoreId) -> Option<Core> {
    (id == CoreId(1)).then(|| Core {
        id,
        name: "hq-1".into(),
        site: "hq".into(),
        address: "[fd00::7]:5620".into(),
        at: Vec::new(),
        connections: 1,
        pipeline: 1,
        queue: 1,
        tls: None,
    })
}

struct Lab {
    trail: Trail,
    metrics: Metrics,
    hurry: CancellationToken,
    run: JoinHandle<()>,
    start: Instant,
}

impl Lab {
    fn new(share: Share, queue: usize, collector: &Scripted) -> Self {
        let metrics = Metrics::default();
        let service = Service { name: "corecast".into(), instance: "copy-1".into(), cores: Arc::new(core) };
        let (traces, exporter) = open(&settings(share, queue), &metrics, service, collector.clone());
        let nothing = AccessSettings::NOTHING;
        let trail = Trail::new(Lines::default(), LogFormat::Text, nothing, Some(traces), &metrics);
        let hurry = exporter.hurry.clone();
        Self { trail, metrics, hurry, run: tokio::spawn(exporter.run()), start: Instant::now() }
    }

    /// A call with two legs, so with three spans, if it is traced.
    fn call(&self, parent: Option<Parent>) {
        let begun = self.trail.begin(Instant::now(), "webapi", Some([10, 0, 0, 9].into()), parent);
        let Some(mut story) = begun else { return };
        story.names("4111111111111111", "17");
        let leg = |core, outcome, code| LegStory {
            core: CoreId(core),
            outcome,
            code,
            has_failed: code.is_some(),
            is_earlier: core == 3,
            begun: Duration::ZERO,
            elapsed: Duration::ZERO,
            sent: Some(Duration::ZERO),
        };
        story.legs([leg(1, "ok", None), leg(2, "rejected", Some(12)), leg(3, "ok", None)].into_iter());
        self.trail.end(story, "API_PARTIAL_CORE_RESPONSE", false);
    }

    /// Lets the collector be told, and ends.
    async fn end(self) -> [u64; 4] {
        drop(self.trail);
        self.run.await.unwrap();
        counts(&self.metrics)
    }
}

/// Spans sent, dropped, refused, lost.
fn counts(metrics: &Metrics) -> [u64; 4] {
    let text = metrics.render();
    [SENT, DROPPED, REFUSED, LOST].map(|state| {
        let series = format!("corecast_trace_spans_total{{state=\"{state}\"}} ");
        let line = text.lines().find_map(|line| line.strip_prefix(&series));
        line.unwrap_or_else(|| panic!("{series}{text}")).parse().unwrap()
    })
}

const CALL: usize = 3;

fn later() -> Result<Collected, NotCollected> {
    Err(NotCollected::Later("answered 503".into(), None))
}

#[tokio::test(start_paused = true)]
async fn calls_are_sent_together_when_it_is_time_or_there_are_enough() {
    let collector = Scripted::default();
    let lab = Lab::new(Share::ALL, 2 * BATCH, &collector);
    let calls = BATCH.div_ceil(CALL);
    lab.call(None);
    sleep(Duration::from_secs(1)).await;
    lab.call(None);
    sleep(Duration::from_secs(3)).await;
    (0..calls).for_each(|_| lab.call(None));
    sleep(Duration::from_millis(1)).await;
    assert_eq!(collector.came(lab.start), [(2000, 2 * CALL), (4000, calls * CALL)]);
    lab.call(None);
    assert_eq!(lab.end().await, [((3 + calls) * CALL) as u64, 0, 0, 0], "what waits at the end is sent");
}

#[tokio::test(start_paused = true)]
async fn a_collector_that_wants_time_is_given_it() {
    let after = Some(Duration::from_secs(30));
    let collector = Scripted::answering([Err(NotCollected::Later(String::new(), after)), later(), later()]);
    let lab = Lab::new(Share::ALL, 64, &collector);
    lab.call(None);
    sleep(Duration::from_mins(2)).await;
    let came: Vec<_> = collector.came(lab.start).into_iter().map(|(at, _)| at).collect();
    assert_eq!(came.len(), 4);
    assert_eq!(came[..2], [2000, 32_000]);
    assert!(
        (500..=1000).contains(&(came[2] - came[1])) && (1000..=2000).contains(&(came[3] - came[2])),
        "{came:?}"
    );
    assert_eq!(lab.end().await, [3, 0, 0, 0]);
}

#[tokio::test(start_paused = true)]
async fn nothing_is_sent_for_ever_or_again_where_that_is_not_allowed() {
    let collector = Scripted::answering((0..TRIES).map(|_| later()));
    let lab = Lab::new(Share::ALL, 64, &collector);
    lab.call(None);
    sleep(Duration::from_mins(5)).await;
    assert_eq!(collector.came(lab.start).len(), TRIES);
    collector.0.lock().unwrap().answers.extend([
        Err(NotCollected::Never("answered 400".into())),
        Ok(Collected { rejected: 1, why: "too old".into() }),
    ]);
    for _ in 0..2 {
        lab.call(None);
        sleep(Duration::from_mins(1)).await;
    }
    assert_eq!(collector.came(lab.start).len(), TRIES + 2);
    assert_eq!(lab.end().await, [2, 0, 4, 3]);
}

#[tokio::test(start_paused = true)]
async fn what_there_is_no_room_for_is_dropped_and_counted() {
    let lab = Lab::new(Share::ALL, 5 * CALL + 1, &Scripted::default());
    (0..8).for_each(|_| lab.call(None));
    assert_eq!(counts(&lab.metrics), [0, 9, 0, 0]);
    assert_eq!(lab.end().await, [15, 9, 0, 0]);
}

#[tokio::test(start_paused = true)]
async fn at_the_end_nothing_pauses() {
    let collector = Scripted::answering((0..10).map(|_| later()));
    let lab = Lab::new(Share::ALL, 64, &collector);
    lab.call(None);
    sleep(Duration::from_millis(2_100)).await;
    let Lab { trail, metrics, hurry, run, .. } = lab;
    drop(trail);
    let before = Instant::now();
    Sending { hurry, done: run }.end(Duration::from_secs(5)).await;
    assert_eq!(before.elapsed(), Duration::ZERO);
    assert_eq!(counts(&metrics), [0, 0, 0, 3]);
}

#[tokio::test(start_paused = true)]
async fn a_client_decides_for_its_own_requests() {
    let parent = |flags| Parent::read(&format!("00-{:032x}-{:016x}-{flags}", 0xab, 0xcd)).unwrap();
    for (share, flags, sent) in [
        (Share::NONE, None, 0),
        (Share::NONE, Some("01"), 3),
        (Share::ALL, None, 3),
        (Share::ALL, Some("00"), 0),
    ] {
        let lab = Lab::new(share, 64, &Scripted::default());
        lab.call(flags.map(parent));
        assert_eq!(lab.end().await, [sent, 0, 0, 0], "{share:?} {flags:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn spans_are_as_the_protocol_has_them() {
    let collector = Scripted::default();
    let lab = Lab::new(Share::NONE, 64, &collector);
    lab.call(Parent::read(&format!("00-{:032x}-{:016x}-01", 0xab, 0xcd)));
    advance(Duration::from_secs(3)).await;
    lab.end().await;
    let script = collector.0.lock().unwrap();
    let [call, first, second] = &spans(&script.got[0].1)[..] else { panic!("{:?}", script.got) };
    for span in [call, first, second] {
        assert_eq!(span["traceId"], format!("{:032x}", 0xab));
        assert_eq!(span["spanId"].as_str().unwrap().len(), 16);
        for time in ["startTimeUnixNano", "endTimeUnixNano"] {
            assert!(span[time].as_str().unwrap().parse::<u64>().unwrap() > 1_600_000_000_000_000_000);
        }
    }
    assert_eq!(
        (&call["kind"], &call["flags"], &call["name"]),
        (&2.into(), &0x301.into(), &"unknown function".into())
    );
    assert_eq!(call["parentSpanId"], format!("{:016x}", 0xcd));
    assert_eq!(call["status"]["code"], 2);
    let shown = call.to_string();
    assert!(shown.contains("************1111") && !shown.contains("41111"), "{shown}");
    for leg in [first, second] {
        assert_eq!(
            (&leg["kind"], &leg["flags"], &leg["parentSpanId"]),
            (&3.into(), &0x101.into(), &call["spanId"])
        );
    }
    let attribute = |span: &Value, key: &str| {
        let all = span["attributes"].as_array().unwrap();
        all.iter().find(|pair| pair["key"] == key).map(|pair| pair["value"].clone())
    };
    assert_eq!(attribute(first, "server.address").unwrap()["stringValue"], "fd00::7");
    assert_eq!(attribute(first, "server.port").unwrap()["intValue"], "5620");
    assert_eq!(attribute(first, "corecast.core.site").unwrap()["stringValue"], "hq");
    assert_eq!((&first["status"], attribute(first, "error.type")), (&serde_json::json!({}), None));
    assert_eq!(attribute(second, "corecast.core.name"), None, "nobody knows this core");
    assert_eq!(attribute(second, "corecast.code").unwrap()["intValue"], "12");
    assert_eq!(second["status"]["message"], "rejected");
}

#[test]
fn only_what_the_protocol_names_may_be_sent_again() {
    let mut headers = HeaderMap::new();
    for status in 200..600 {
        let code = StatusCode::from_u16(status).unwrap();
        let again = matches!(judge(code, &headers), Err(NotCollected::Later(_, None)));
        assert_eq!(again, [429, 502, 503, 504].contains(&status), "{status}");
        assert_eq!(judge(code, &headers).is_ok(), status < 300, "{status}");
    }
    for (written, after) in [("7", Some(Duration::from_secs(7))), ("soon", None)] {
        headers.insert(RETRY_AFTER, HeaderValue::from_static(written));
        let judged = judge(StatusCode::SERVICE_UNAVAILABLE, &headers);
        assert!(matches!(judged, Err(NotCollected::Later(_, told)) if told == after), "{judged:?}");
    }
}

#[test]
fn what_a_collector_has_not_taken_is_read() {
    let collected = |answer: &str| otlp::collected(answer.as_bytes());
    for answer in [
        r#"{"partialSuccess":{"rejectedSpans":"3","errorMessage":"old"}}"#,
        r#"{"partialSuccess":{"rejectedSpans":3,"errorMessage":"old"}}"#,
    ] {
        assert_eq!(collected(answer), Collected { rejected: 3, why: "old".into() });
    }
    for answer in ["", "{}", "<html>", r#"{"partialSuccess":null}"#, "[1]"] {
        assert_eq!(collected(answer), Collected::default(), "{answer}");
    }
}
