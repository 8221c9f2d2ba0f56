//! A command that is sent again after API_PARTIAL_CORE_RESPONSE: over real sockets, and what the cores got of it.

use corecast::command::Command;
use corecast::cti::{CtiCore, Fault};

use super::lab::{Answer, Lab, ask, get, metric, until};

const DEVICE: &str = "<DEVICEID>7001</DEVICEID>";
const JOINED: &str = "corecast_repeats_joined_total";

/// How many requests of this kind each core has read.
fn received(lab: &Lab, command: Command) -> Vec<usize> {
    let count = |core: &CtiCore| core.received().iter().filter(|got| got.command == Some(command)).count();
    lab.cores.iter().map(count).collect()
}

/// Three cores with a call to black out, of which the second refuses whatever it is asked, and so answers at once.
async fn lab(more: &str) -> Lab {
    let lab = Lab::new(&[Fault::None; 3], more).await;
    assert_eq!(lab.ask("CALLSTART", DEVICE).await.label, "API_OK");
    lab.cores[1].set_fault(Fault::Reject(3));
    lab
}

fn assert_partial(answer: &Answer) {
    assert_eq!(answer.label, "API_PARTIAL_CORE_RESPONSE", "{}", answer.text);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_repeat_reaches_the_missing_core_only_and_is_answered_for_both_tries() {
    let lab = Lab::new(&[Fault::None, Fault::Reject(3), Fault::None], "[runtime]\nthreads = 2\n").await;
    let params = format!("{DEVICE}<DETAIL>Y</DETAIL>");
    assert_partial(&lab.ask("CALLSTART", &params).await);
    // A core that has the call already would refuse it now, and the answer be PARTIAL for ever.
    assert_partial(&lab.ask("CALLSTART", &params).await);
    lab.cores[1].set_fault(Fault::None);

    let answer = lab.ask("CALLSTART", &params).await;
    assert_eq!(
        (&*answer.label, &*answer.message),
        ("API_OK", "CALLSTART sent to all of the following cores: 1,2,3")
    );
    assert_eq!(answer.text.matches("<OUTCOME>OK</OUTCOME>").count(), 3, "{}", answer.text);
    assert_eq!(received(&lab, Command::CallStart), [1, 3, 1]);
    assert_eq!(metric(&lab, JOINED).await, 2.0);
    lab.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_answered_ok_is_never_held_back() {
    let lab = lab("").await;
    lab.cores[1].set_fault(Fault::None);
    let mut client = lab.client().await;
    for times in 1..=3 {
        assert_eq!(ask(&mut client, "BLACKOUTSTART", DEVICE).await.label, "API_OK");
        assert_eq!(received(&lab, Command::BlackoutStart), [times; 3]);
    }
    assert_eq!(metric(&lab, JOINED).await, 0.0);
    drop(client);
    lab.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stop_in_between_by_whatever_connection_sends_the_start_to_all() {
    let lab = lab("[runtime]\nthreads = 2\n").await;
    assert_partial(&lab.ask("BLACKOUTSTART", DEVICE).await);
    lab.cores[1].set_fault(Fault::None);
    lab.ask("BLACKOUTSTOP", DEVICE).await;
    let path = "/webapi.aspx?type=BLACKOUTSTART&requestid=1&deviceid=7001";
    assert!(get(lab.proxy.webapi, path).await.1.contains("API_OK"));
    assert_eq!(received(&lab, Command::BlackoutStart), [2; 3]);
    assert_eq!(metric(&lab, JOINED).await, 0.0);
    lab.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_byte_more_is_another_command() {
    let lab = lab("").await;
    assert_partial(&lab.ask("BLACKOUTSTART", DEVICE).await);
    assert_partial(&lab.ask("BLACKOUTSTART", &format!("{DEVICE} ")).await);
    assert_eq!(received(&lab, Command::BlackoutStart), [2; 3]);
    lab.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_core_that_went_away_and_came_back_is_asked_again() {
    let lab = lab("").await;
    assert_partial(&lab.ask("BLACKOUTSTART", DEVICE).await);
    lab.cores[0].set_fault(Fault::Refuse);
    until("core 1 is gone", async || metric(&lab, "corecast_core_connections{core=\"1\"}").await == 0.0)
        .await;
    lab.cores[0].set_fault(Fault::None);
    until("core 1 is back", async || metric(&lab, "corecast_core_connections{core=\"1\"}").await > 0.0).await;
    assert_partial(&lab.ask("BLACKOUTSTART", DEVICE).await);
    assert_eq!(received(&lab, Command::BlackoutStart), [2, 2, 1]);
    lab.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_can_be_switched_off() {
    let lab = lab("[repeat]\nwindow = \"0s\"\n").await;
    assert_partial(&lab.ask("BLACKOUTSTART", DEVICE).await);
    assert_partial(&lab.ask("BLACKOUTSTART", DEVICE).await);
    assert_eq!(received(&lab, Command::BlackoutStart), [2; 3]);
    lab.end().await;
}
