//! The directory behind the API: names, free seating, several proxies, and a database that goes away.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use corecast::client::Client;
use corecast::cti::Fault;

use super::lab::{Answer, Lab, ask, get, metric, request, until, within};
use super::postgres::Postgres;

/// Issue 3: a change is routed by on every proxy within this time.
const VISIBLE: Duration = Duration::from_secs(2);

async fn told(client: &mut Client, kind: &str, params: &str) -> Answer {
    let answer = ask(client, kind, params).await;
    assert_eq!(answer.label, "API_OK", "{kind}: {}", answer.text);
    answer
}

fn user(n: usize) -> String {
    format!(
        "<ACTION>ADD</ACTION><USERNAME>user{n}</USERNAME><FIRSTNAME>First{n}</FIRSTNAME><LASTNAME>Last</LASTNAME>\
         <STATUS>A</STATUS><SYS_USER>sys{n}</SYS_USER><CRM_USER>crm{n}</CRM_USER>"
    )
}

/// Waits until a call by this name reaches just these cores; how long that took.
async fn until_routed(lab: &Lab, params: &str, cores: &str) -> Duration {
    let started = Instant::now();
    until(&format!("{params} goes to cores {cores}"), async || {
        lab.ask("CALLSTART", params).await.message.ends_with(&format!("following cores: {cores}"))
    })
    .await;
    started.elapsed()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_agent_is_found_by_every_name_and_cores_are_told_the_device() {
    let lab = Lab::with_faults(&[Fault::None; 3]).await;
    let mut client = lab.client().await;
    // One write after the other without waiting: they are done in the order in which they were sent.
    let all = [
        request("IMPORTUSER", 1, &user(1)),
        request(
            "IMPORTAGENTPHONE",
            2,
            "<ACTION>ADD</ACTION><PHONEID>2001</PHONEID><FIRSTNAME>First1</FIRSTNAME><LASTNAME>Last</LASTNAME>",
        ),
        request(
            "IMPORTWORKSTATION",
            3,
            "<DEVICEID>3001</DEVICEID><STATIONNAME>PC-3</STATIONNAME><LOCATIONID>1</LOCATIONID>",
        ),
    ];
    client.send(all.concat().as_bytes()).await.expect("they are sent");
    for _ in 0..3 {
        let answer = super::lab::receive(&mut client).await;
        assert_eq!(answer.label, "API_OK", "{}", answer.text);
    }
    until_routed(&lab, "<SYS_USER>SYS1</SYS_USER>", "2").await;
    until_routed(&lab, "<CRM_USER>crm1</CRM_USER>", "2").await;
    until_routed(&lab, "<STATIONNAME>pc-3</STATIONNAME>", "3").await;
    told(&mut client, "BLACKOUTSTART", "<SYS_USER>sys1</SYS_USER>").await;
    let last = lab.cores[1].received().last().cloned().expect("a request");
    let names: Vec<_> = last.request.fields().iter().map(|f| format!("{}={}", f.name, f.value)).collect();
    assert!(
        names.contains(&"DEVICEID=2001".into()) && !names.iter().any(|n| n.starts_with("SYS_USER")),
        "{names:?}"
    );
    drop(client);
    lab.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_agents_blackout_reaches_every_core_of_every_phone() {
    let lab = Lab::with_faults(&[Fault::None; 3]).await;
    let mut client = lab.client().await;
    // All cores stand at the agent's site, and core 2 has none of the phones: it is told for the screens' sake.
    let agent = format!("{}<SITEID>default</SITEID><PHONES>1001,3001</PHONES>", user(1));
    told(&mut client, "IMPORTUSER", &agent).await;
    for device in ["1001", "3001"] {
        told(&mut client, "CALLSTART", &format!("<DEVICEID>{device}</DEVICEID>")).await;
    }
    until("the agent is known", async || {
        let mut client = lab.client().await;
        let answer = ask(&mut client, "AGENTBLACKOUTSTART", "<SYS_USER>sys1</SYS_USER>").await;
        answer.message == "AGENTBLACKOUTSTART sent to all of the following cores: 1,3"
    })
    .await;
    for (core, device) in [(0, "1001"), (2, "3001")] {
        let state = lab.cores[core].state();
        let call = state.call(device, None).expect("the call");
        assert!(call.paused, "core {}: {call:?}", lab.cores[core].id());
    }
    drop(client);
    lab.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_agent_who_moves_is_followed_by_every_proxy_on_one_postgresql() {
    let Some(postgres) = Postgres::start() else { return };
    let (one, two) = (Lab::on(&postgres.url()).await, Lab::on(&postgres.url()).await);
    let mut client = one.client().await;
    told(&mut client, "IMPORTUSER", &format!("{}<PHONES>1001</PHONES>", user(1))).await;
    for lab in [&one, &two] {
        until_routed(lab, "<SYS_USER>sys1</SYS_USER>", "1").await;
    }
    let phone = |action: &str, phone: &str| {
        format!(
            "<ACTION>{action}</ACTION><PHONEID>{phone}</PHONEID><FIRSTNAME>First1</FIRSTNAME><LASTNAME>Last</LASTNAME>"
        )
    };
    told(&mut client, "IMPORTAGENTPHONE", &phone("DELETE", "1001")).await;
    told(&mut client, "IMPORTAGENTPHONE", &phone("ADD", "2001")).await;
    for lab in [&one, &two] {
        let took = until_routed(lab, "<SYS_USER>sys1</SYS_USER>", "2").await;
        assert!(took < VISIBLE, "{took:?}");
    }
    drop(client);
    one.end().await;
    two.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_that_is_killed_under_load_loses_no_call_and_is_used_again() {
    let Some(postgres) = Postgres::start() else { return };
    let lab = Arc::new(Lab::on(&postgres.url()).await);
    let mut client = lab.client().await;
    told(&mut client, "IMPORTUSER", &format!("{}<PHONES>1001</PHONES>", user(1))).await;
    until_routed(&lab, "<SYS_USER>sys1</SYS_USER>", "1").await;

    let (stop, asked) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
    let load = {
        let (lab, stop, asked) = (lab.clone(), stop.clone(), asked.clone());
        tokio::spawn(async move {
            let mut client = lab.client().await;
            while !stop.load(Ordering::Relaxed) {
                let answer = ask(&mut client, "CALLSTART", "<SYS_USER>sys1</SYS_USER>").await;
                assert_eq!(
                    answer.message, "CALLSTART sent to all of the following cores: 1",
                    "{}",
                    answer.text
                );
                asked.fetch_add(1, Ordering::Relaxed);
            }
        })
    };
    let more = async |count: usize| {
        let before = asked.load(Ordering::Relaxed);
        until("calls go on", async || asked.load(Ordering::Relaxed) > before + count).await;
    };

    more(50).await;
    postgres.kill();
    until("the proxy notices", async || metric(&lab, "corecast_directory_database_up").await == 0.0).await;
    let refused = ask(&mut client, "IMPORTUSER", &user(2)).await;
    assert_eq!(refused.label, "API_DATABASE_QUERY_ERROR", "{}", refused.text);
    more(50).await;
    assert!(metric(&lab, "corecast_directory_snapshot_age_seconds").await > 0.0);
    assert_eq!(get(lab.proxy.admin, "/readyz").await.0, 200, "the last snapshot is good enough");

    postgres.up();
    until("the database is used again", async || metric(&lab, "corecast_directory_database_up").await == 1.0)
        .await;
    told(&mut client, "IMPORTUSER", &format!("{}<PHONES>3001</PHONES>", user(3))).await;
    assert!(until_routed(&lab, "<SYS_USER>sys3</SYS_USER>", "3").await < VISIBLE);
    more(50).await;
    stop.store(true, Ordering::Relaxed);
    within("the load", load).await.expect("no call was lost");
    drop(client);
    Arc::into_inner(lab).expect("nobody else has it").end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_that_is_down_from_the_start_holds_up_no_call() {
    let nowhere = std::env::temp_dir().join("corecast_no_such_server");
    let lab = Lab::on(&format!("postgres:///x?user=x&host={}", nowhere.display())).await;
    assert_eq!(lab.ask("CALLSTART", "<DEVICEID>1001</DEVICEID>").await.label, "API_OK");
    assert_eq!(lab.ask("STATIONS", "").await.label, "API_DATABASE_QUERY_ERROR");
    let (status, text) = get(lab.proxy.admin, "/readyz").await;
    assert!(status == 503 && text.contains("the directory is not loaded"), "{status} {text}");
    lab.end().await;
}
