//! The promise under chaos: three proxies on one PostgreSQL in front of four cores that record, all of them real
//! processes, killed, stopped in their tracks and broken at random, while agents black out their calls. In the end the
//! cores' own recordings are judged: every blackout is silent on every owner for its whole time, or the client was told
//! that this core may not have it and the ledger has it as not delivered; and nothing else is silent.
//!
//! `CORECAST_CHAOS_SECONDS=300 cargo test --test tests it::chaos -- --nocapture` lasts longer than the suite's.

mod agent;
mod judge;
mod plant;
mod trouble;

use std::rc::Rc;
use std::time::Duration;

use futures::future::join_all;
use tokio::task::{LocalSet, spawn_local};
use tokio_util::sync::CancellationToken;

use agent::Agent;
use judge::Judge;
use plant::Plant;

/// How many devices belong to each set of owners.
const DEVICES: usize = 6;

/// Which cores own the devices 71xx, 72xx, 73xx and 74xx.
const OWNERS: [&[u16]; 4] = [&[1, 2, 3, 4], &[1, 2], &[2, 3, 4], &[1, 3, 4]];

/// All devices, each with its owners.
fn devices() -> impl Iterator<Item = (String, &'static [u16])> {
    (1..).zip(OWNERS).flat_map(|(set, owners)| (0..DEVICES).map(move |n| (format!("7{set}{n:02}"), owners)))
}

/// A number from the environment, or this one.
fn number(variable: &str, default: u64) -> u64 {
    std::env::var(variable).ok().map_or(default, |text| text.parse().expect("a number"))
}

#[tokio::test]
async fn every_blackout_is_silent_on_every_owner_or_is_told_and_nothing_else_is_silent() {
    LocalSet::new().run_until(chaos()).await;
}

async fn chaos() {
    let seconds = number("CORECAST_CHAOS_SECONDS", 30);
    let seed = number("CORECAST_CHAOS_SEED", u64::from(std::process::id()));
    eprintln!("chaos: {seconds} s, CORECAST_CHAOS_SEED={seed}");
    let Some(plant) = Plant::start().await else { return };
    let plant = Rc::new(plant);
    let mut agents: Vec<_> =
        (1..).zip(devices()).map(|(n, (device, _))| Agent::new(device, &plant, seed + n)).collect();
    for agent in &mut agents {
        agent.begins().await;
    }

    let is_over = CancellationToken::new();
    let working = agents.into_iter().map(|agent| spawn_local(agent.works(is_over.clone())));
    let working: Vec<_> = working.collect();
    let troubles = trouble::all(&plant, &is_over, seed);
    tokio::time::sleep(Duration::from_secs(seconds)).await;
    is_over.cancel();
    let mishaps = troubles.await;
    let mut agents: Vec<_> =
        join_all(working).await.into_iter().map(|agent| agent.expect("no panic")).collect();

    plant.until_nothing_is_owed().await;
    for agent in &mut agents {
        agent.ends().await;
    }
    let recordings = plant.recordings(devices().map(|(_, owners)| owners.len()).sum()).await;
    let (obligations, ledger) = (plant.obligations().await, plant.ledger().await);
    let told = agents.into_iter().map(Agent::told).collect();
    let account = Judge::new(told, &obligations, &ledger, &mishaps).judges(recordings);
    eprintln!("{mishaps}\n{account}");
    account.acquits();
}
