//! What a seed means: which cores, proxies and clients there are, what clients ask, and what goes wrong when.

use std::collections::BTreeSet;
use std::time::Duration;

use fastrand::Rng;

use super::core::Nature;
use super::judge::CoreId;
use super::net::Weather;

/// When the last thing goes wrong, and clients ask for the last time, in milliseconds.
pub const ACTIVE: u64 = 5000;

/// What goes wrong, or right again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fault {
    /// A core does nothing any more.
    Hang(usize),
    /// It goes on.
    Resume(usize),
    /// A core is gone, and all that it had not done.
    Crash(usize),
    /// It is back.
    Restart(usize),
    /// Nothing passes between a proxy and a core.
    Cut(usize, usize),
    /// It passes again.
    Heal(usize, usize),
    /// Connections between a proxy and a core are reset.
    Reset(usize, usize),
    /// A proxy cannot reach the database.
    DatabaseGone(usize),
    /// The database takes so many milliseconds for a proxy.
    DatabaseSlow(usize, u64),
    /// It is there again.
    DatabaseBack(usize),
    /// A proxy's clock is put so many milliseconds ahead, or back.
    Step(usize, i64),
}

/// One request of a client.
#[derive(Clone, Debug)]
pub struct Step {
    /// When, in milliseconds.
    pub at: u64,
    pub kind: &'static str,
    pub device: String,
    /// Whether the client first waits for the answers to all that it asked of the device before.
    pub waits: bool,
}

/// A client on one connection.
#[derive(Clone, Debug)]
pub struct Client {
    pub proxy: usize,
    pub steps: Vec<Step>,
    /// Its REQUESTID is always 1, as that of many is.
    pub is_plain: bool,
    /// It goes away after so many milliseconds, whether it was answered or not.
    pub goes: Option<u64>,
}

/// One run.
#[derive(Clone, Debug)]
pub struct Plan {
    pub seed: u64,
    /// Clients wait for the answer to what they said of a device before they say more of it, and clocks go right: then each
    /// core takes all in the order in which it was asked. Else it does nearly always.
    pub is_orderly: bool,
    pub proxies: usize,
    pub cores: Vec<Nature>,
    /// Devices and their owners.
    pub rules: Vec<(String, Vec<CoreId>)>,
    pub connections: usize,
    pub pipeline: usize,
    pub queue: usize,
    pub leg_timeout: u64,
    pub deadline: u64,
    pub repeat_window: u64,
    pub weather: Weather,
    pub clients: Vec<Client>,
    /// By their times in milliseconds.
    pub faults: Vec<(u64, Fault)>,
}

/// A random number generator for one part of a run, which others do not disturb.
pub fn rng(seed: u64, part: &str, number: usize) -> Rng {
    let key = format!("{part} {number}");
    Rng::with_seed(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ corecast::route::stable_hash(key.bytes()))
}

fn millis(milliseconds: u64) -> Duration {
    Duration::from_millis(milliseconds)
}

impl Plan {
    /// The plan of a seed.
    pub fn of(seed: u64) -> Self {
        let mut rng = rng(seed, "plan", 0);
        let (proxies, cores) = (rng.usize(1..=3), rng.usize(2..=5));
        let (is_orderly, rules) = (rng.u8(0..3) > 0, rules(cores, &mut rng));
        let weather = weather(&mut rng);
        let clients = (0..rng.usize(1..=3))
            .map(|number| client(number, proxies, &rules, is_orderly, &mut rng))
            .collect();
        let faults = faults(proxies, cores, is_orderly, &mut rng);
        Self {
            seed,
            is_orderly,
            proxies,
            cores: natures(cores, &rules, &mut rng),
            rules,
            connections: rng.usize(1..=3),
            pipeline: pick(&mut rng, &[1, 1, 2, 16]),
            queue: pick(&mut rng, &[2, 8, 64, 1024]),
            leg_timeout: pick(&mut rng, &[300, 700, 1500]),
            deadline: pick(&mut rng, &[1000, 2000]),
            repeat_window: if proxies == 1 { pick(&mut rng, &[0, 5000]) } else { 0 },
            weather,
            clients,
            faults,
        }
    }

    /// A plan in which nothing goes wrong but one core, whose fate must not matter to the others: with and without it.
    pub fn pair(seed: u64) -> (Self, Self, CoreId) {
        let mut plan = Self::of(seed);
        plan.is_orderly = false;
        plan.weather = Weather { loss: 0, window: 64 * 1024, ..plan.weather };
        plan.cores.iter_mut().for_each(|core| (core.refusals, core.nonsense) = (0, 0));
        for client in &mut plan.clients {
            client.steps.iter_mut().for_each(|step| step.waits = false);
        }
        let victim = plan.cores.len() - 1;
        let mut healthy = plan.clone();
        healthy.faults.clear();
        plan.faults.retain(|(_, fault)| is_about(*fault, victim));
        plan.faults.extend([(500, Fault::Hang(victim)), (ACTIVE, Fault::Resume(victim))]);
        plan.faults.sort();
        (plan, healthy, victim as CoreId + 1)
    }
}

fn is_about(fault: Fault, core: usize) -> bool {
    use Fault::{Crash, Cut, Hang, Heal, Reset, Restart, Resume};
    matches!(fault, Hang(at) | Resume(at) | Crash(at) | Restart(at) | Cut(_, at) | Heal(_, at) | Reset(_, at) if at == core)
}

fn pick<T: Copy>(rng: &mut Rng, of: &[T]) -> T {
    of[rng.usize(0..of.len())]
}

/// Each client has devices of its own, so that what is said of one has one order.
fn device(client: usize, number: usize) -> String {
    format!("{}", 7000 + 10 * client + number)
}

/// Owners of all devices; a device without is one that only some core knows.
fn rules(cores: usize, rng: &mut Rng) -> Vec<(String, Vec<CoreId>)> {
    let devices = (0..3).flat_map(|client| (0..3).map(move |number| device(client, number)));
    let rule = |device| {
        let owners = (1..=cores as CoreId).filter(|_| rng.u8(0..100) < 60).collect();
        (device, owners)
    };
    devices.map(rule).collect()
}

fn natures(cores: usize, rules: &[(String, Vec<CoreId>)], rng: &mut Rng) -> Vec<Nature> {
    let (refusals, nonsense) = (pick(rng, &[0, 0, 30]), pick(rng, &[0, 0, 0, 10]));
    let nature = |id: CoreId| {
        let least = rng.u64(0..5);
        let is_known = |owners: &[CoreId], device: &str| {
            let stranger = usize::from(device.as_bytes()[3]) % cores + 1;
            owners.contains(&id) || owners.is_empty() && stranger == usize::from(id)
        };
        let known = rules.iter().filter(|(device, owners)| is_known(owners, device));
        let devices: BTreeSet<_> = known.map(|(device, _)| device.clone()).collect();
        let (work, is_parallel) = ((least, least + rng.u64(0..20)), rng.bool());
        Nature { id, work, is_parallel, refusals, nonsense, devices }
    };
    (1..=cores as CoreId).map(nature).collect()
}

fn weather(rng: &mut Rng) -> Weather {
    let least = rng.u64(50..3000);
    let latency = (Duration::from_micros(least), Duration::from_micros(least + rng.u64(0..20_000)));
    Weather { latency, loss: pick(rng, &[0, 0, 5, 30]), window: pick(rng, &[200, 4096, 65_536]) }
}

fn client(
    number: usize,
    proxies: usize,
    rules: &[(String, Vec<CoreId>)],
    is_orderly: bool,
    rng: &mut Rng,
) -> Client {
    let count = rng.usize(3..12);
    let mut times: Vec<_> = (0..count).map(|_| rng.u64(0..ACTIVE)).collect();
    // Some come in one go.
    if rng.bool() {
        let at = rng.u64(0..ACTIVE);
        times.iter_mut().take(count / 2).for_each(|time| *time = at + rng.u64(0..3));
    }
    times.sort_unstable();
    let devices = &rules[number * 3..number * 3 + rng.usize(1..=3)];
    let step = |at| {
        let (device, kind) = (&devices[rng.usize(0..devices.len())].0, pick(rng, KINDS));
        Step { at, kind, device: device.clone(), waits: is_orderly || rng.bool() }
    };
    let steps = times.into_iter().map(step).collect();
    let goes = (rng.u8(0..10) == 0).then(|| rng.u64(0..ACTIVE));
    Client { proxy: rng.usize(0..proxies), steps, is_plain: rng.bool(), goes }
}

/// What clients ask, the frequent ones more often.
const KINDS: &[&str] = &[
    "BLACKOUTSTART",
    "BLACKOUTSTART",
    "BLACKOUTSTOP",
    "BLACKOUTSTOP",
    "CALLSTART",
    "CALLSTOP",
    "CALLUPDATE",
    "RECORDSTART",
    "RECORDSTOP",
];

fn faults(proxies: usize, cores: usize, is_orderly: bool, rng: &mut Rng) -> Vec<(u64, Fault)> {
    let mut faults = Vec::new();
    for _ in 0..rng.usize(0..6) {
        let (proxy, core) = (rng.usize(0..proxies), rng.usize(0..cores));
        let from = rng.u64(0..ACTIVE);
        let until = from + rng.u64(50..3000);
        let (begin, end) = match rng.u8(0..10) {
            0..3 => (Fault::Hang(core), Some(Fault::Resume(core))),
            3..5 => (Fault::Crash(core), Some(Fault::Restart(core))),
            5..7 => (Fault::Cut(proxy, core), Some(Fault::Heal(proxy, core))),
            7 => (Fault::Reset(proxy, core), None),
            8 if rng.bool() => (Fault::DatabaseGone(proxy), Some(Fault::DatabaseBack(proxy))),
            8 => (Fault::DatabaseSlow(proxy, rng.u64(1..1500)), Some(Fault::DatabaseBack(proxy))),
            _ if is_orderly => continue,
            _ => (Fault::Step(proxy, rng.i64(-5000..5000)), None),
        };
        faults.push((from, begin));
        faults.extend(end.map(|end| (until, end)));
    }
    faults.sort();
    faults
}

impl Plan {
    /// By when a request that is written now is answered.
    pub fn patience(&self) -> Duration {
        millis(self.deadline) + SLACK
    }
}

/// What timers and the client's own connection may add.
const SLACK: Duration = Duration::from_millis(10);
