//! What goes wrong, and when.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fmt;
use std::rc::Rc;
use std::time::Duration;

use fastrand::Rng;
use futures::future::join_all;
use jiff::Timestamp;
use tokio::task::spawn_local;
use tokio_util::sync::CancellationToken;

use super::plant::{Core, Plant};

/// One time of trouble.
#[derive(Clone, Debug)]
pub struct Mishap {
    /// What went wrong: `core killed`, `core stopped`, a fault, `proxy killed`, `database killed`.
    pub what: &'static str,
    /// Which core, or 0.
    pub core: u16,
    pub from: Timestamp,
    /// When it was well again.
    pub to: Timestamp,
}

/// All that went wrong.
#[derive(Clone, Debug, Default)]
pub struct Mishaps(pub Vec<Mishap>);

impl fmt::Display for Mishaps {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut counts = BTreeMap::<_, usize>::new();
        self.0.iter().for_each(|mishap| *counts.entry(mishap.what).or_default() += 1);
        let counts: Vec<_> = counts.iter().map(|(what, count)| format!("{what} {count}")).collect();
        write!(f, "trouble: {}", counts.join(", "))
    }
}

type Noted = Rc<RefCell<Vec<Mishap>>>;

/// Makes trouble until it is over, and then leaves everything well; what there was.
pub fn all(
    plant: &Rc<Plant>,
    is_over: &CancellationToken,
    seed: u64,
) -> impl Future<Output = Mishaps> + use<> {
    let noted = Noted::default();
    let mut tasks = Vec::new();
    for at in 0..plant.cores.len() {
        let (plant, is_over, noted) = (plant.clone(), is_over.clone(), noted.clone());
        let random = Rng::with_seed(seed ^ (1000 + at as u64));
        tasks.push(spawn_local(async move { cores(&plant.cores[at], random, &is_over, &noted).await }));
    }
    for (number, target) in [Target::Proxies, Target::Database].into_iter().enumerate() {
        let (plant, is_over, noted) = (plant.clone(), is_over.clone(), noted.clone());
        let random = Rng::with_seed(seed ^ (2000 + number as u64));
        tasks.push(spawn_local(async move { others(target, &plant, random, &is_over, &noted).await }));
    }
    async move {
        join_all(tasks).await.into_iter().for_each(|task| task.expect("no panic"));
        Mishaps(std::mem::take(&mut *noted.borrow_mut()))
    }
}

/// Waits, at most until it is over; whether it goes on.
async fn goes_on(is_over: &CancellationToken, milliseconds: u64) -> bool {
    is_over.run_until_cancelled(tokio::time::sleep(Duration::from_millis(milliseconds))).await.is_some()
}

fn note(noted: &Noted, what: &'static str, core: u16, from: Timestamp) {
    noted.borrow_mut().push(Mishap { what, core, from, to: Timestamp::now() });
}

/// One core's: killed, stopped by the system, or at fault. Now and then for so long that what it is owed expires.
async fn cores(core: &Core, mut random: Rng, is_over: &CancellationToken, noted: &Noted) {
    const FAULTS: [&str; 5] = ["hang", "close", "refuse", "garbage", "delay:400ms"];
    while goes_on(is_over, random.u64(500..4000)).await {
        let lasts = if random.u8(..12) == 0 { random.u64(13_000..16_000) } else { random.u64(100..3000) };
        let from = Timestamp::now();
        match random.u8(..4) {
            0 => {
                core.kill().await;
                goes_on(is_over, lasts).await;
                core.start_again().await;
                note(noted, "core killed", core.id, from);
            }
            1 => {
                core.signal("STOP").await;
                goes_on(is_over, lasts).await;
                core.signal("CONT").await;
                note(noted, "core stopped", core.id, from);
            }
            _ => {
                let fault = FAULTS[random.usize(..FAULTS.len())];
                core.set_fault(fault).await;
                goes_on(is_over, lasts).await;
                core.set_fault("none").await;
                note(noted, fault, core.id, from);
            }
        }
    }
}

#[derive(Clone, Copy)]
enum Target {
    Proxies,
    Database,
}

/// What is not a core is killed and started again at once, as its supervisor would.
async fn others(
    target: Target,
    plant: &Rc<Plant>,
    mut random: Rng,
    is_over: &CancellationToken,
    noted: &Noted,
) {
    let every = match target {
        Target::Proxies => 4000..9000,
        Target::Database => 10_000..20_000,
    };
    while goes_on(is_over, random.u64(every.clone())).await {
        let from = Timestamp::now();
        match target {
            Target::Proxies => {
                let proxy = &plant.proxies[random.usize(..plant.proxies.len())];
                proxy.kill().await;
                goes_on(is_over, random.u64(50..1000)).await;
                proxy.start_again().await;
                note(noted, "proxy killed", 0, from);
            }
            Target::Database => {
                let postgres = plant.postgres.clone();
                let killed = tokio::task::spawn_blocking(move || {
                    postgres.kill();
                    postgres.up();
                });
                killed.await.expect("it is up again");
                note(noted, "database killed", 0, from);
            }
        }
    }
}
