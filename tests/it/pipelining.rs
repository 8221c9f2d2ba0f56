//! Many requests on one connection, with a core that hangs, and with one that heals.

use std::time::{Duration, Instant};

use corecast::client::Client;
use corecast::cti::Fault;

use super::lab::{Answer, DEADLINE, LEG_TIMEOUT, Lab, ask, metric, receive, request, until};

/// A request for one of three devices: of core 1, of core 2, of all.
fn mixed(id: usize) -> String {
    let device = ["1001", "2001", "7001"][id % 3];
    request("CALLSTART", id, &format!("<DEVICEID>{device}</DEVICEID><CALLINSTANCE>{id}</CALLINSTANCE>"))
}

async fn send_twenty(client: &mut Client) -> (Vec<Answer>, Duration) {
    let started = Instant::now();
    let all: String = (0..20).map(mixed).collect();
    client.send(all.as_bytes()).await.expect("they are sent");
    let mut answers = Vec::new();
    for _ in 0..20 {
        answers.push(receive(client).await);
    }
    (answers, started.elapsed())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn twenty_requests_wait_for_a_hung_core_once_then_for_nobody() {
    let lab = Lab::with_faults(&[Fault::None, Fault::Hang, Fault::None]).await;
    let mut client = lab.client().await;

    let (answers, took) = send_twenty(&mut client).await;
    for (id, answer) in answers.iter().enumerate() {
        assert_eq!(answer.element("REQUESTID"), id.to_string(), "in the order of the requests");
        let label = ["API_OK", "API_ERROR_RECORDER_NOT_RUNNING", "API_PARTIAL_CORE_RESPONSE"][id % 3];
        assert_eq!(answer.label, label, "{}", answer.text);
    }
    assert!(took >= LEG_TIMEOUT && took < DEADLINE + LEG_TIMEOUT, "one deadline, not twenty: {took:?}");

    // Seven time-outs have shut the breaker: nobody waits for core 2 any more.
    let (answers, took) = send_twenty(&mut client).await;
    assert_eq!(answers[1].label, "API_ERROR_RECORDER_NOT_RUNNING");
    assert!(took < LEG_TIMEOUT, "nobody waits: {took:?}");

    let healed = Instant::now();
    lab.cores[1].set_fault(Fault::None);
    until("core 2 is used again", async || {
        let mut client = lab.client().await;
        ask(&mut client, "CALLSTART", "<DEVICEID>7001</DEVICEID>").await.label == "API_OK"
    })
    .await;
    let took = healed.elapsed();
    assert!(took < Duration::from_secs(6), "a probe comes every two seconds at least: {took:?}");
    lab.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hung_core_takes_nothing_from_the_devices_of_others() {
    let lab = Lab::with_faults(&[Fault::None, Fault::Hang, Fault::None]).await;
    let mut waiting = lab.client().await;
    waiting.send(request("CALLSTART", 1, "<DEVICEID>2001</DEVICEID>").as_bytes()).await.expect("it is sent");
    let mut client = lab.client().await;
    for _ in 0..20 {
        let asked = Instant::now();
        assert_eq!(ask(&mut client, "CALLSTART", "<DEVICEID>1001</DEVICEID>").await.label, "API_OK");
        assert!(asked.elapsed() < LEG_TIMEOUT, "{:?}", asked.elapsed());
    }
    assert_eq!(receive(&mut waiting).await.label, "API_ERROR_RECORDER_NOT_RUNNING");
    drop(waiting);
    drop(client);
    lab.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_said_of_a_device_reaches_a_core_in_order() {
    let lab = Lab::new(&[Fault::None; 2], "[runtime]\nthreads = 2\n").await;
    let mut client = lab.client().await;
    let kinds = ["CALLSTART", "BLACKOUTSTART", "CALLUPDATE", "BLACKOUTSTOP", "CALLSTOP"];
    let params = |n: usize| format!("<DEVICEID>70{:02}</DEVICEID>", n % 7);
    let all: String = (0..60)
        .filter(|n| kinds[n % 5] != "CALLUPDATE")
        .map(|n| request(kinds[n % 5], n, &format!("{}<TAG>{n}</TAG>", params(n / 5))))
        .collect();
    client.send(all.as_bytes()).await.expect("they are sent");
    for _ in 0..48 {
        receive(&mut client).await;
    }
    for core in &lab.cores {
        for device in 0..7 {
            let tags: Vec<usize> = core
                .received()
                .iter()
                .filter(|r| {
                    r.request
                        .fields()
                        .iter()
                        .any(|f| f.name == "DEVICEID" && f.value == format!("70{device:02}"))
                })
                .filter_map(|r| r.request.fields().iter().find(|f| f.name == "TAG")?.value.parse().ok())
                .collect();
            assert!(tags.is_sorted() && !tags.is_empty(), "core {} device {device}: {tags:?}", core.id());
        }
    }
    drop(client);
    lab.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_late_reply_is_counted_and_answers_nobody_else() {
    let slow = Fault::Delay(LEG_TIMEOUT + Duration::from_secs(1));
    let lab = Lab::with_faults(&[slow]).await;
    let mut client = lab.client().await;
    let late = ask(&mut client, "CALLSTART", "<DEVICEID>1001</DEVICEID>").await;
    assert_eq!(late.label, "API_ERROR_RECORDER_NOT_RUNNING");
    lab.cores[0].set_fault(Fault::Reject(3));
    let next = ask(&mut client, "CALLSTOP", "<DEVICEID>1001</DEVICEID>").await;
    assert_eq!(next.label, "API_ERROR_NO_FREE_CHANNELS", "not the late API_OK");
    until("the late reply is counted", async || {
        metric(&lab, "corecast_core_late_replies_total{core=\"1\"}").await >= 1.0
    })
    .await;
    drop(client);
    lab.end().await;
}
