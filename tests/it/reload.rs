//! The configuration read anew while calls go on, by all three ways.

mod cores;

use corecast::client::Client;
use corecast::cti::{CtiCore, CtiSettings, Fault};
use corecast::model::CoreId;
use serde_json::{Value, json};

use super::lab::{ask, get, http, until};
use super::process::Serving;

struct Place {
    cores: Vec<CtiCore>,
}

impl Place {
    async fn new() -> Self {
        let mut cores = Vec::new();
        for (id, fault) in [(1, Fault::None), (2, Fault::Reject(3))] {
            let settings = CtiSettings { id: CoreId(id), fault, ..CtiSettings::default() };
            cores.push(CtiCore::start(settings).await.expect("a core starts on a free port"));
        }
        Self { cores }
    }

    fn configuration(&self, more: &str) -> String {
        let [one, two] = [0, 1].map(|at| self.cores[at].address());
        format!(
            "[listen]\napi = \"127.0.0.1:0\"\nwebapi = \"127.0.0.1:0\"\nadmin = \"127.0.0.1:0\"\n\
             [directory]\nurl = \"sqlite::memory:\"\n[runtime]\nthreads = 2\n[log]\nformat = \"json\"\n\
             [[core]]\nid = 1\naddress = \"{one}\"\n[[core]]\nid = 2\naddress = \"{two}\"\n{more}"
        )
    }

    async fn serve(&self, more: &str) -> Serving {
        Serving::start(&self.configuration(more)).await
    }
}

fn rule(core: u16) -> String {
    format!("[[route.rule]]\ndevices = \"7*\"\ncores = [{core}]\n")
}

async fn verdict(client: &mut Client) -> String {
    ask(client, "CALLSTART", "<DEVICEID>7001</DEVICEID>").await.label
}

async fn post(serving: &Serving, path: &str, token: &str) -> (u16, Value) {
    let head = format!("Host: x\r\nAuthorization: Bearer {token}\r\nContent-Length: 0\r\nConnection: close");
    let (status, body) = http(serving.admin, &format!("POST {path} HTTP/1.1\r\n{head}\r\n\r\n")).await;
    (status, serde_json::from_str(&body).unwrap_or(Value::Null))
}

async fn metric(serving: &Serving, series: &str) -> f64 {
    let (_, text) = get(serving.admin, "/metrics").await;
    let line = text.lines().find_map(|line| line.strip_prefix(series)).expect("it is there");
    line.trim().parse().expect("a number")
}

const TO_ONE: (&str, &str) = ("API_OK", "API_ERROR_NO_FREE_CHANNELS");

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hang_up_changes_the_routes_of_open_connections_and_keeps_the_links() {
    let place = Place::new().await;
    let mut serving = place.serve(&rule(1)).await;
    let mut clients = Vec::new();
    for _ in 0..6 {
        clients.push(serving.client().await);
    }
    for client in &mut clients {
        assert_eq!(verdict(client).await, TO_ONE.0);
    }
    let links = async || metric(&serving, "corecast_core_connections{core=\"1\"}").await;
    let before = links().await;

    serving.write(&place.configuration(&rule(2)));
    serving.process.signal("HUP");
    let line = serving.process.line("the configuration was read anew").await;
    assert!(line.contains("\"changed\":\"route\""), "{line}");
    for client in &mut clients {
        assert_eq!(verdict(client).await, TO_ONE.1, "on every thread, on connections that are open");
    }
    let (_, explained) = get(serving.admin, "/api/v1/route?type=callstart&deviceid=7001").await;
    assert!(explained.contains("cores 2"), "{explained}");
    assert_eq!(metric(&serving, "corecast_core_connections{core=\"1\"}").await, before, "links are kept");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_at_fault_changes_nothing_and_is_told_by_answer_log_and_metric() {
    let place = Place::new().await;
    let token = "[access]\nadmin_token = \"correct-horse-battery\"\n";
    let mut serving = place.serve(&format!("{}{token}", rule(1))).await;
    let failed = "corecast_config_reload_failed";
    let loaded = metric(&serving, "corecast_config_loaded_timestamp_seconds").await;
    assert!(loaded > 1.7e9, "{loaded}");

    let reload = "/api/v1/config/reload";
    assert_eq!(post(&serving, reload, "wrong-horse-battery").await.0, 401);
    serving.write(&place.configuration(&format!("{}{token}[limits]\ndeadlin = \"1s\"\n", rule(2))));
    let (status, answer) = post(&serving, reload, "correct-horse-battery").await;
    assert_eq!(status, 422);
    assert!(answer["error"].as_str().is_some_and(|e| e.contains("deadlin")), "{answer}");
    assert!(serving.process.line("nothing has changed").await.contains("deadlin"));
    assert_eq!(metric(&serving, failed).await, 1.0);
    assert_eq!(verdict(&mut serving.client().await).await, TO_ONE.0);

    let more = format!("{}{token}[limits]\ndeadline = \"9s\"\n[compat]\ndetail = \"always\"\n", rule(2));
    serving.write(&place.configuration(&more));
    let (status, answer) = post(&serving, "/api/v1/reload", "correct-horse-battery").await;
    assert_eq!(
        (status, answer),
        (200, json!({ "changed": ["route", "compat"], "needs_restart": ["limits"] }))
    );
    assert!(serving.process.line("these need a restart").await.contains("limits"));
    let (_, shown) = get(serving.admin, "/api/v1/config").await;
    let shown: Value = serde_json::from_str(&shown).expect("JSON");
    assert_eq!((&shown["compat"]["detail"], &shown["limits"]["deadline"]), (&json!("always"), &json!("2s")));
    assert_eq!(metric(&serving, failed).await, 0.0);
    let answer = ask(&mut serving.client().await, "CALLSTART", "<DEVICEID>7001</DEVICEID>").await;
    assert_eq!(answer.label, TO_ONE.1);
    assert!(answer.text.contains("<CORES>"), "{}", answer.text);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_watched_file_is_read_when_it_has_changed() {
    let place = Place::new().await;
    let watch = "[reload]\nwatch = true\n[tls]\nreload = \"20ms\"\n";
    let serving = place.serve(&format!("{}{watch}", rule(1))).await;
    let mut client = serving.client().await;
    assert_eq!(verdict(&mut client).await, TO_ONE.0);
    serving.write(&place.configuration(&format!("{}{watch}[access]\ndefault = \"deny\"\n", rule(2))));
    let refused = async || verdict(&mut serving.client().await).await == "API_INVALID_REQUEST_TYPE";
    until("who connects is under the new rules", refused).await;
    assert_eq!(
        verdict(&mut client).await,
        TO_ONE.1,
        "who is connected keeps what it may, and has the new route"
    );
}
