//! Every mix of three cores in every state gives the verdict of the design's table, within the deadline.

use std::time::{Duration, Instant};

use corecast::cti::Fault;
use tokio::task::JoinSet;

use super::lab::{LEG_TIMEOUT, Lab, ask};

const STATES: [Fault; 7] = [
    Fault::None,
    Fault::Hang,
    Fault::Close,
    Fault::Refuse,
    Fault::Garbage,
    Fault::Delay(Duration::from_millis(20)),
    Fault::Reject(3),
];

/// Labs that run at the same time; most of them wait for a core that hangs.
const AT_ONCE: usize = 32;

fn every_mix() -> impl Iterator<Item = [Fault; 3]> {
    STATES.iter().flat_map(|a| STATES.iter().flat_map(|b| STATES.iter().map(|c| [*a, *b, *c])))
}

/// What the table says: result type and message.
fn expected(mix: &[Fault; 3]) -> (&'static str, String) {
    let confirms = |fault: &Fault| matches!(fault, Fault::None | Fault::Delay(_));
    let ids = |wanted: &dyn Fn(&Fault) -> bool| {
        let ids = (1..).zip(mix).filter(|(_, fault)| wanted(fault)).map(|(id, _): (i32, _)| id.to_string());
        ids.collect::<Vec<_>>().join(",")
    };
    let (good, bad) = (ids(&confirms), ids(&|fault| !confirms(fault)));
    match (good.is_empty(), bad.is_empty()) {
        (false, true) => ("API_OK", format!("CALLSTART sent to all of the following cores: {good}")),
        (false, false) => (
            "API_PARTIAL_CORE_RESPONSE",
            format!("CALLSTART could not be sent to the following cores: {bad}"),
        ),
        (true, _) if mix.contains(&Fault::Reject(3)) => ("API_ERROR_NO_FREE_CHANNELS", String::new()),
        (true, _) => (
            "API_ERROR_RECORDER_NOT_RUNNING",
            "CALLSTART could not be sent to any of the following cores: 1,2,3".into(),
        ),
    }
}

async fn check(mix: [Fault; 3]) {
    let lab = Lab::with_faults(&mix).await;
    let mut client = lab.client().await;
    let asked = Instant::now();
    let answer = ask(&mut client, "CALLSTART", "<DEVICEID>7001</DEVICEID>").await;
    let took = asked.elapsed();
    let (label, message) = expected(&mix);
    assert_eq!(answer.label, label, "{mix:?}: {}", answer.text);
    assert!(answer.message.contains(&message), "{mix:?}: {}", answer.text);
    // The deadline, and what many labs on a busy machine may add: less than another core's time-out behind the first.
    assert!(took < 2 * LEG_TIMEOUT, "{mix:?} took {took:?}");
    drop(client);
    lab.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_mix_of_cores_gives_the_verdict_of_the_table() {
    let mut running = JoinSet::new();
    let mut count = 0;
    for mix in every_mix() {
        count += 1;
        running.spawn(check(mix));
        if running.len() >= AT_ONCE {
            running.join_next().await.expect("one is running").expect("the verdict is right");
        }
    }
    while let Some(done) = running.join_next().await {
        done.expect("the verdict is right");
    }
    assert_eq!(count, 343);
}
