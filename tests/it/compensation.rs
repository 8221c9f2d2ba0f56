//! Compensation: what is done about a blackout's start that a core does not confirm in time.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use corecast::cti::Fault;
use corecast::protocol::codes::Codes;
use corecast::protocol::codes::ResultType::{DeviceNotInCall, Ok as Fine, ProcessingMessage};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpListener;

use super::lab::{Answer, Lab, metric, until};
use super::process::Scratch;

const PARTIAL: &str = "API_PARTIAL_CORE_RESPONSE";
const DETAIL: &str = "<DEVICEID>9001</DEVICEID><DETAIL>Y</DETAIL>";
const LIMIT: Duration = Duration::from_millis(500);

/// What one that refuses some functions was asked: TYPE and when, probes apart.
type Asked = Arc<Mutex<Vec<(String, Instant)>>>;

/// A function that is refused with this code, so many times.
type Refuses = (&'static str, i32, usize);

/// A core that refuses the functions that it is told to, and confirms all others without doing anything.
#[derive(Clone)]
struct Picky {
    address: SocketAddr,
    refuses: Arc<Mutex<Vec<Refuses>>>,
    asked: Asked,
}

impl Picky {
    async fn start() -> Self {
        let socket = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = socket.local_addr().expect("an address");
        let core = Self { address, refuses: Arc::default(), asked: Arc::default() };
        let serving = core.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = socket.accept().await {
                tokio::spawn(serving.clone().answer(stream));
            }
        });
        core
    }

    async fn answer(self, stream: tokio::net::TcpStream) {
        let mut stream = BufReader::new(stream);
        let mut line = String::new();
        while stream.read_line(&mut line).await.is_ok_and(|bytes| bytes > 0) {
            let request = Answer { text: std::mem::take(&mut line), ..Answer::default() };
            let (kind, id) = (request.element("TYPE").to_owned(), request.element("REQUESTID"));
            let (label, code) =
                self.refusal(&kind).map_or(("API_OK", Codes::default().of(Fine)), |code| ("API_NO", code));
            let reply = format!(
                "<RESULT><REQUESTTYPE>{kind}</REQUESTTYPE><REQUESTID>{id}</REQUESTID><RESULTTYPE>{label}</RESULTTYPE>\
                 <RESULTCODE>{code}</RESULTCODE><RESULTMSG>x</RESULTMSG></RESULT>\r\n"
            );
            self.asked.lock().unwrap().push((kind, Instant::now()));
            if stream.write_all(reply.as_bytes()).await.is_err() {
                return;
            }
        }
    }

    fn refusal(&self, kind: &str) -> Option<i32> {
        let mut refuses = self.refuses.lock().unwrap();
        let (_, code, times) = refuses.iter_mut().find(|(name, _, times)| *name == kind && *times > 0)?;
        *times -= 1;
        Some(*code)
    }

    /// From now on it refuses these, however often.
    fn refuses(&self, functions: &[(&'static str, i32)]) {
        self.refuses_at_first(usize::MAX, functions);
    }

    fn refuses_at_first(&self, times: usize, functions: &[(&'static str, i32)]) {
        *self.refuses.lock().unwrap() = functions.iter().map(|(name, code)| (*name, *code, times)).collect();
    }

    /// When it was asked for this function.
    fn asked(&self, kind: &str) -> Vec<Instant> {
        let asked = self.asked.lock().unwrap();
        asked.iter().filter(|(name, _)| name == kind).map(|(_, when)| *when).collect()
    }

    /// A configuration in which it is core 9, and owns 9xxx with core 1.
    fn beside(&self, safety: &str) -> String {
        format!(
            "[runtime]\nthreads = 1\n[late_delivery]\nretry = \"50ms\"\npoll = \"50ms\"\n\
             [safety]\nexposure_limit = \"500ms\"\n{safety}\n\
             [[core]]\nid = 9\nname = \"picky\"\nsite = \"annex\"\naddress = \"{}\"\n\
             [[route.rule]]\ndevices = \"9000-9999\"\ncores = [1, 9]\n",
            self.address
        )
    }
}

fn refused() -> i32 {
    Codes::default().of(ProcessingMessage)
}

/// How many compensations of this action went so at core 9.
async fn went(lab: &Lab, action: &str, result: &str) -> f64 {
    let series =
        format!("corecast_compensations_total{{core=\"9\",action=\"{action}\",result=\"{result}\"}}");
    metric(lab, &series).await
}

async fn ended(lab: &Lab, state: &str) -> f64 {
    metric(lab, &format!("corecast_obligations_ended_total{{core=\"9\",state=\"{state}\"}}")).await
}

async fn exposure(lab: &Lab) -> f64 {
    metric(lab, "corecast_blackout_exposure_seconds_total{core=\"9\"}").await
}

fn deferred(answer: &Answer) -> &str {
    answer.element("DEFERRED")
}

/// Events of the ledger that are no blackout, with their verdicts, and the core that a compensation has a leg to.
fn told(database: &Path) -> Vec<(String, String, Value)> {
    let database = rusqlite::Connection::open(database).expect("the database");
    let sql =
        "SELECT event, verdict, legs FROM ledger WHERE event IN ('late', 'compensation') ORDER BY at, seq";
    let mut rows = database.prepare(sql).expect("a ledger");
    let read = |row: &rusqlite::Row<'_>| Ok((row.get(0)?, row.get(1)?, row.get::<_, String>(2)?));
    let rows: Vec<(String, String, String)> =
        rows.query_map((), read).expect("rows").map(Result::unwrap).collect();
    rows.into_iter().map(|(e, v, legs)| (e, v, serde_json::from_str(&legs).expect("JSON"))).collect()
}

#[tokio::test]
async fn a_recording_that_a_core_does_not_silence_is_stopped_once() {
    let files = Scratch::new();
    let path = files.path().join("shared.db");
    let picky = Picky::start().await;
    picky.refuses(&[("BLACKOUTSTART", refused())]);
    let more = picky.beside("compensation = \"recordstop\"");
    let lab = Lab::at(&[Fault::None], &format!("sqlite://{}", path.display()), &more).await;
    lab.ask("CALLSTART", DETAIL).await;
    let began = Instant::now();
    let answer = lab.ask("BLACKOUTSTART", DETAIL).await;
    assert_eq!((&*answer.label, deferred(&answer)), (PARTIAL, "Y"), "{}", answer.text);

    until("the stop", async || went(&lab, "recordstop", "done").await == 1.0).await;
    let stops = picky.asked("RECORDSTOP");
    let tries = picky.asked("BLACKOUTSTART").iter().filter(|tried| **tried < stops[0]).count();
    // Refused for good, six times after the first, or not confirmed within the limit: whichever is first.
    assert!(tries >= 7 || tries >= 2 && stops[0] - began >= LIMIT, "{tries} tries");
    let counted = exposure(&lab).await;
    assert!(counted > 0.0);
    until("the end", async || ended(&lab, "refused").await == 1.0).await;
    assert_eq!((picky.asked("RECORDSTOP").len(), exposure(&lab).await), (1, counted));
    assert!(!lab.cores[0].received().iter().any(|r| r.request.kind() == "RECORDSTOP"), "it had confirmed");
    lab.end().await;

    let told = told(&path);
    let (event, verdict, legs) = &told[0];
    assert_eq!((&**event, &**verdict), ("compensation", "recordstop done"), "{told:?}");
    assert_eq!((&legs[0]["core"], &legs[0]["outcome"]), (&9.into(), &"ok".into()), "{legs}");
    assert_eq!((told.len(), &*told[1].1), (2, "refused"), "{told:?}");
}

#[tokio::test]
async fn what_can_be_silenced_is_and_no_recording_is_stopped() {
    let picky = Picky::start().await;
    picky.refuses_at_first(3, &[("BLACKOUTSTART", refused())]);
    let more = picky.beside("compensation = \"callstop\"").replace("500ms", "1m");
    let lab = Lab::at(&[Fault::None], "sqlite::memory:", &more).await;
    assert_eq!(deferred(&lab.ask("BLACKOUTSTART", DETAIL).await), "Y");
    until("the delivery", async || ended(&lab, "delivered").await == 1.0).await;
    assert_eq!((picky.asked("CALLSTOP").len(), went(&lab, "callstop", "done").await), (0, 0.0));
    assert!(exposure(&lab).await > 0.0);

    // Nothing of it is recorded there: neither owed nor compensated.
    picky.refuses(&[("BLACKOUTSTART", Codes::default().of(DeviceNotInCall))]);
    assert_eq!(deferred(&lab.ask("BLACKOUTSTART", DETAIL).await), "");
    lab.end().await;
}

#[tokio::test]
async fn both_are_tried_until_one_is_confirmed() {
    let picky = Picky::start().await;
    picky.refuses(&[("BLACKOUTSTART", refused()), ("RECORDSTOP", refused())]);
    let lab =
        Lab::at(&[Fault::None], "sqlite::memory:", &picky.beside("compensation = \"recordstop\"")).await;
    lab.ask("BLACKOUTSTART", DETAIL).await;
    until("several tries", async || went(&lab, "recordstop", "failed").await >= 8.0).await;
    assert_eq!(ended(&lab, "refused").await, 0.0, "while neither is confirmed it stays owed");
    picky.refuses(&[("BLACKOUTSTART", refused())]);
    until("the stop", async || went(&lab, "recordstop", "done").await == 1.0).await;
    until("the end", async || ended(&lab, "refused").await == 1.0).await;
    lab.end().await;
}

#[tokio::test]
async fn a_blackout_that_is_over_costs_no_recording() {
    let picky = Picky::start().await;
    picky.refuses(&[("BLACKOUTSTART", refused()), ("BLACKOUTSTOP", refused())]);
    let lab =
        Lab::at(&[Fault::None], "sqlite::memory:", &picky.beside("compensation = \"recordstop\"")).await;
    for kind in ["BLACKOUTSTART", "BLACKOUTSTOP"] {
        assert_eq!(deferred(&lab.ask(kind, DETAIL).await), "Y", "{kind}");
    }
    until("the end of both", async || ended(&lab, "refused").await == 2.0).await;
    assert_eq!(picky.asked("RECORDSTOP").len(), 0);
    lab.end().await;
}

/// An HTTP server that takes what it is told, after it has answered 500 so many times.
struct Ear {
    address: SocketAddr,
    alerts: Arc<Mutex<Vec<(String, Value)>>>,
}

impl Ear {
    async fn that_fails(times: usize) -> Self {
        let socket = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = socket.local_addr().expect("an address");
        let alerts: Arc<Mutex<Vec<_>>> = Arc::default();
        let all = alerts.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = socket.accept().await {
                tokio::spawn(hear(stream, all.clone(), times));
            }
        });
        Self { address, alerts }
    }

    fn alerts(&self) -> Vec<(String, Value)> {
        self.alerts.lock().unwrap().clone()
    }

    fn configuration(&self) -> String {
        format!("compensation = \"webhook\"\nwebhook = \"http://me:p%40ss@{}/hook?k=1\"", self.address)
    }
}

async fn hear(stream: tokio::net::TcpStream, alerts: Arc<Mutex<Vec<(String, Value)>>>, fails: usize) {
    let mut stream = BufReader::new(stream);
    loop {
        let (mut head, mut length) = (String::new(), 0);
        while !head.ends_with("\r\n\r\n") {
            let before = head.len();
            if stream.read_line(&mut head).await.unwrap_or(0) == 0 {
                return;
            }
            let line = head[before..].to_lowercase();
            length =
                line.strip_prefix("content-length: ").map_or(length, |n| n.trim().parse().expect("a number"));
        }
        let mut body = vec![0; length];
        stream.read_exact(&mut body).await.expect("the body");
        let count = {
            let mut alerts = alerts.lock().unwrap();
            alerts.push((head, serde_json::from_slice(&body).expect("JSON")));
            alerts.len()
        };
        let status = if count > fails { "204 No Content" } else { "500 Oh" };
        let answer = format!("HTTP/1.1 {status}\r\ncontent-length: 0\r\n\r\n");
        stream.write_all(answer.as_bytes()).await.expect("it is sent");
    }
}

#[tokio::test]
async fn a_webhook_is_told_once_by_any_of_several_copies() {
    let files = Scratch::new();
    let url = format!("sqlite://{}", files.path().join("shared.db").display());
    let (picky, ear) = (Picky::start().await, Ear::that_fails(1).await);
    picky.refuses(&[("BLACKOUTSTART", refused()), ("RECORDSTOP", refused())]);
    let more = picky.beside(&ear.configuration());
    let first = Lab::at(&[Fault::None], &url, &more).await;
    let second = Lab::at(&[Fault::None], &url, &more).await;
    assert_eq!(deferred(&first.ask("BLACKOUTSTART", DETAIL).await), "Y");

    let sum = async |result| went(&first, "webhook", result).await + went(&second, "webhook", result).await;
    until("the second try", async || sum("done").await == 1.0).await;
    assert_eq!((sum("failed").await, picky.asked("RECORDSTOP").len()), (1.0, 0));
    let alerts = ear.alerts();
    let (head, alert) = &alerts[0];
    assert_eq!((alerts.len(), &alerts[1].1["id"]), (2, &alert["id"]));
    assert!(head.starts_with("POST /hook?k=1 HTTP/1.1\r\n"), "{head}");
    assert!(head.to_lowercase().contains("authorization: basic bwu6cebzcw=="), "{head}");
    let expected = json!({
        "alert": "blackout_unconfirmed", "core": 9, "core_name": "picky", "site": "annex", "reachable": true,
        "device": "9001", "function": "BLACKOUTSTART", "stop_owed": false,
    });
    for (field, expected) in expected.as_object().expect("an object") {
        assert_eq!(&alert[field], expected, "{field}: {alert}");
    }
    assert!(alert["answer"].as_str().is_some_and(|words| words.starts_with("API_NO (11)")), "{alert}");
    assert!(alert["exposed_seconds"].as_f64().is_some_and(|seconds| seconds > 0.2), "{alert}");
    first.end().await;
    second.end().await;
    assert_eq!(ear.alerts().len(), 2);
}

#[tokio::test]
async fn a_restart_forgets_no_alert_and_a_core_that_is_gone_is_told_of() {
    let files = Scratch::new();
    let url = format!("sqlite://{}", files.path().join("shared.db").display());
    let ear = Ear::that_fails(0).await;
    let gone = Picky { address: ([127, 0, 0, 1], 1).into(), refuses: Arc::default(), asked: Arc::default() };
    let more = gone.beside(&ear.configuration()).replace("500ms", "4s");
    let lab = Lab::at(&[Fault::None], &url, &more).await;
    assert_eq!(deferred(&lab.ask("BLACKOUTSTART", DETAIL).await), "Y");
    lab.end().await;
    assert_eq!(ear.alerts().len(), 0, "it was not time");

    let lab = Lab::at(&[Fault::None], &url, &more).await;
    until("the alert", async || went(&lab, "webhook", "done").await == 1.0).await;
    let (_, alert) = &ear.alerts()[0];
    assert_eq!((&alert["core"], &alert["reachable"]), (&9.into(), &false.into()), "{alert}");
    assert_eq!(alert["state"], "pending");
    // A delivery may have been tried before it was known that the core is down.
    let answer = alert["answer"].as_str().expect("an answer");
    assert!(["the core is known to be down", "could not connect to the core"].contains(&answer), "{alert}");
    lab.end().await;
}
