//! A deterministic simulation of whole proxies between clients and cores: one thread, a clock that stands still while
//! anybody works, and one seed that everything random comes of. See `docs/simulation.md`.

mod answer;
mod client;
mod core;
mod judge;
mod net;
mod plan;
mod proxy;

use std::io;
use std::sync::Arc;
use std::time::Duration;

use corecast::database::Database;
use corecast::owed::Store;
use corecast::upstream::{Dial, Stream};
use futures::future::{BoxFuture, join_all};
use tokio::runtime::{Builder, LocalOptions};
use tokio::task::spawn_local;
use tokio::time::{Instant, sleep, sleep_until};

use answer::text;
use client::Caller;
use core::Core;
use judge::{CoreId, Judge};
use net::{Route, Side, Weather};
use plan::{ACTIVE, Fault, Plan, rng};
use proxy::{Mood, Proxy};

/// How long everything has to come to rest once all is healed.
const REST: Duration = Duration::from_secs(90);

/// How a run went.
pub struct Ran {
    /// What happened, line by line.
    pub trace: Vec<String>,
    /// What must not be.
    pub broken: Vec<String>,
    /// Where what was asked later overtook what was asked before; in an orderly run that is broken too.
    pub overtaken: Vec<String>,
    /// Whether something arrived again behind something newer, and a core was left with it. That is known to happen.
    pub is_replayed: bool,
    /// How many requests clients asked.
    pub requests: usize,
    judge: Judge,
}

/// Every so many seeds hold a run against another.
const PAIRS: u64 = 10;

/// Runs a seed.
pub fn play_seed(seed: u64) -> Ran {
    if seed % PAIRS == PAIRS - 1 { play_pair(seed) } else { play(&Plan::of(seed)) }
}

/// Runs a seed twice: with a core that hangs, crashes and is cut off all the time, and without. What is wrong besides is
/// what became of the other cores' legs because of it.
fn play_pair(seed: u64) -> Ran {
    let (plan, healthy, victim) = Plan::pair(seed);
    let (mut with, without) = (play(&plan), play(&healthy));
    let others = |ran: &Ran| {
        let mut legs = ran.judge.legs();
        legs.retain(|(_, core), _| *core != victim);
        legs
    };
    let (left, right) = (others(&with), others(&without));
    for (leg, end) in &right {
        if let Some(other) = left.get(leg).filter(|other| *other != end) {
            let ((marker, core), _) = (leg, end);
            with.broken
                .push(format!("core {victim} changed m{marker} to core {core}: {end:?} became {other:?}"));
        }
    }
    with.broken.extend(without.broken);
    with
}

fn play(plan: &Plan) -> Ran {
    fastrand::seed(plan.seed);
    let runtime = Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build_local(LocalOptions::default())
        .expect("a runtime");
    let judge = runtime.block_on(World::play(plan.clone()));
    drop(runtime);
    let (trace, mut broken, overtaken) = judge.verdict();
    if plan.is_orderly {
        broken.extend_from_slice(&overtaken);
    }
    Ran { trace, broken, overtaken, is_replayed: judge.is_replayed(), requests: judge.count(), judge }
}

/// A proxy's way to a core over the simulated network.
pub struct Way {
    core: Core,
    id: CoreId,
    route: Route,
    judge: Judge,
}

impl Dial for Way {
    fn dial(&self) -> BoxFuture<'_, io::Result<Box<dyn Stream>>> {
        let is_errand = proxy::is_errand();
        Box::pin(async move {
            self.route.round_trip().await;
            if !self.core.is_up() {
                return Err(io::ErrorKind::ConnectionRefused.into());
            }
            let (near, far) = self.route.open();
            self.core.accept(far);
            let near = near.aborting();
            Ok(if is_errand { Box::new(near) } else { Box::new(self.watched(near)) as Box<dyn Stream> })
        })
    }
}

impl Way {
    /// Tells the judge which requests a link writes a byte of.
    fn watched(&self, side: Side) -> Side {
        let (judge, core) = (self.judge.clone(), self.id);
        side.tapped(Box::new(move |offered, taken| {
            let offered = String::from_utf8_lossy(offered);
            for (at, _) in offered.match_indices("<REQUEST>").take_while(|(at, _)| *at < taken) {
                let marker = text(&offered[at..], "USER1").and_then(|marker| marker.parse().ok());
                marker.into_iter().for_each(|marker| judge.writes(core, marker));
            }
        }))
    }
}

/// Everything of one run.
struct World {
    plan: Plan,
    judge: Judge,
    begun: Instant,
    cores: Vec<Core>,
    /// By proxy, then by core.
    routes: Vec<Vec<Route>>,
    moods: Vec<Mood>,
    proxies: Vec<Proxy>,
    store: Store,
}

impl World {
    fn new(plan: Plan) -> Self {
        let (judge, begun) = (Judge::new(), Instant::now());
        let route =
            |proxy: usize, core: usize| Route::new(plan.weather, rng(plan.seed, "route", proxy * 100 + core));
        let routes: Vec<Vec<_>> = (0..plan.proxies)
            .map(|proxy| (0..plan.cores.len()).map(|core| route(proxy, core)).collect())
            .collect();
        let core = |(at, nature): (usize, &core::Nature)| {
            let routes = routes.iter().map(|routes| routes[at].clone()).collect();
            Core::new(nature.clone(), routes, &judge, rng(plan.seed, "core", at))
        };
        let cores: Vec<_> = plan.cores.iter().enumerate().map(core).collect();
        let database = Database::in_place(Arc::new(|_| Box::pin(async { Ok(()) })));
        let moods: Vec<Mood> = routes.iter().map(|_| Mood::default()).collect();
        let ways = |routes: &[Route]| {
            let way = |(core, route): (&Core, &Route)| Way {
                core: core.clone(),
                id: core.id(),
                route: route.clone(),
                judge: judge.clone(),
            };
            cores.iter().zip(routes).map(way).collect()
        };
        let proxies = moods.iter().zip(&routes);
        let proxies =
            proxies.map(|(mood, routes)| Proxy::start(&plan, &database, mood, ways(routes))).collect();
        Self { store: Store::of(database), plan, judge, begun, cores, routes, moods, proxies }
    }

    async fn play(plan: Plan) -> Judge {
        let world = Self::new(plan);
        let clients: Vec<_> =
            world.plan.clients.iter().cloned().enumerate().map(|(n, c)| world.call(n, c)).collect();
        world.go_wrong().await;
        world.heal();
        join_all(clients).await;
        world.come_to_rest().await;
        world.judge.ends();
        world.judge.ends_in_order();
        world.judge
    }

    /// A client begins.
    fn call(&self, number: usize, client: plan::Client) -> tokio::task::JoinHandle<()> {
        let latency = (Duration::ZERO, Duration::from_millis(1));
        let weather = Weather { latency, loss: 0, window: 64 * 1024 };
        let (near, far) = Route::new(weather, rng(self.plan.seed, "client", number)).open();
        self.proxies[client.proxy].welcome(far);
        let (plan, judge) = (self.plan.clone(), self.judge.clone());
        spawn_local(async move { Caller::call(number, client, &plan, judge, near).await })
    }

    async fn go_wrong(&self) {
        for (at, fault) in &self.plan.faults {
            self.until(*at).await;
            self.judge.note(format_args!("{fault:?}"));
            self.apply(*fault);
        }
        self.until(ACTIVE).await;
    }

    /// Lets time pass, and looks at the bounds meanwhile.
    async fn until(&self, milliseconds: u64) {
        let until = self.begun + Duration::from_millis(milliseconds);
        while Instant::now() < until {
            sleep_until(until.min(Instant::now() + Duration::from_millis(100))).await;
            let excess = self.proxies.iter().find_map(Proxy::excess);
            excess.into_iter().for_each(|excess| self.judge.broken(excess));
        }
    }

    fn apply(&self, fault: Fault) {
        match fault {
            Fault::Hang(core) => self.cores[core].hang(),
            Fault::Resume(core) => self.cores[core].resume(),
            Fault::Crash(core) => self.cores[core].crash(),
            Fault::Restart(core) => self.cores[core].restart(),
            Fault::Cut(proxy, core) => self.routes[proxy][core].cut(),
            Fault::Heal(proxy, core) => self.routes[proxy][core].heal(),
            Fault::Reset(proxy, core) => self.routes[proxy][core].reset(),
            Fault::DatabaseGone(proxy) => self.moods[proxy].database(true, Duration::ZERO),
            Fault::DatabaseSlow(proxy, takes) => {
                self.moods[proxy].database(false, Duration::from_millis(takes));
            }
            Fault::DatabaseBack(proxy) => self.moods[proxy].database(false, Duration::ZERO),
            Fault::Step(proxy, milliseconds) => self.moods[proxy].step(milliseconds),
        }
    }

    fn heal(&self) {
        self.judge.note("all is healed");
        self.cores.iter().for_each(|core| (core.restart(), core.resume()).0);
        self.routes.iter().flatten().for_each(Route::heal);
        self.moods.iter().for_each(|mood| mood.database(false, Duration::ZERO));
    }

    /// Waits until nothing is owed and nothing is held.
    async fn come_to_rest(&self) {
        let end = Instant::now() + REST;
        loop {
            let left = self.left().await;
            if left.is_empty() {
                return;
            }
            if Instant::now() > end {
                return self.judge.broken(format_args!("it does not come to rest: {}", left.join(", ")));
            }
            sleep(Duration::from_millis(500)).await;
        }
    }

    async fn left(&self) -> Vec<String> {
        let mut left: Vec<_> = self.proxies.iter().flat_map(Proxy::left).collect();
        match self.store.look(0, 0).await {
            Ok(seen) => left.extend(
                seen.accounts
                    .iter()
                    .map(|(core, account)| format!("owed to core {core}: {}", account.pending)),
            ),
            Err(error) => left.push(error.to_string()),
        }
        left
    }
}
