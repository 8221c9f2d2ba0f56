//! A proxy as `corecast::app` puts it together, but for what has sockets or threads: the listeners, the admin address,
//! certificates. One thread, one runtime, and streams of the simulated network.

use std::net::{IpAddr, Ipv4Addr};
use std::rc::Rc;
use std::sync::{Arc, LazyLock, Mutex};
use std::time::Duration;

use arc_swap::ArcSwap;
use corecast::access::Gate;
use corecast::budget::Budget;
use corecast::clock::Clock;
use corecast::config::Settings;
use corecast::database::{Database, Moment, StoreError, Weather};
use corecast::directory::{Directory, Store};
use corecast::fanout::{Desk, FailedLegs, InFlight, Limits, Listener, Meter, Repeats, Rooms, Terms};
use corecast::ledger::{self, Ledger};
use corecast::lines::{Lines, LogFormat};
use corecast::listen::{self, Connections, Door};
use corecast::media::functions::Exports;
use corecast::media::mail::Mail;
use corecast::media::{Renderer, Vault};
use corecast::metrics::Metrics;
use corecast::model::CoreId;
use corecast::owed::{self, Books, Compensation, Courier, Debts, Owed, Safety};
use corecast::protocol::xml::Bounds;
use corecast::records::Records;
use corecast::records::functions::Functions;
use corecast::route::Router;
use corecast::route::rule::{Owners, Rule};
use corecast::trail::{AccessSettings, Trail};
use corecast::upstream::{CoreShared, Cores, Dial, LinkSettings, Roster, Upstream, keep_probing};
use jiff::{SignedDuration, Timestamp};
use tokio::runtime::Handle;
use tokio::sync::Semaphore;
use tokio::task::{AbortHandle, spawn_local};
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::net::Side;
use super::plan::Plan;

/// How a proxy's database and clock are at the moment.
#[derive(Clone, Default)]
pub struct Mood(Arc<Mutex<(Option<StoreError>, Duration, i64)>>);

impl Mood {
    pub fn database(&self, fails: bool, takes: Duration) {
        let mut mood = self.0.lock().expect("nobody panics while holding it");
        mood.0 = fails.then(|| StoreError::Unavailable("it is gone".into()));
        mood.1 = takes;
    }

    pub fn step(&self, milliseconds: i64) {
        self.0.lock().expect("nobody panics while holding it").2 += milliseconds;
    }

    /// A database that is gone is gone at once, be it before or after the work was done.
    fn weather(&self) -> Weather {
        let mood = self.clone();
        Arc::new(move |moment| {
            let (fails, takes, _) = mood.0.lock().expect("nobody panics while holding it").clone();
            Box::pin(async move {
                if moment == Moment::Before && !takes.is_zero() {
                    sleep(takes).await;
                }
                fails.map_or(Ok(()), Err)
            })
        })
    }

    fn clock(&self) -> Clock {
        let (mood, begun) = (self.clone(), Instant::now());
        Clock::by(move || {
            let stepped = mood.0.lock().expect("nobody panics while holding it").2;
            let run = SignedDuration::try_from(begun.elapsed()).expect("a short run");
            Timestamp::UNIX_EPOCH
                + SignedDuration::from_hours(24)
                + run
                + SignedDuration::from_millis(stepped)
        })
    }
}

/// A running copy of the proxy.
pub struct Proxy {
    door: Door,
    pub cores: Vec<Arc<CoreShared>>,
    tasks: Vec<AbortHandle>,
}

/// A configuration that says nothing but what it must.
static DEFAULTS: LazyLock<Settings> = LazyLock::new(|| {
    let text = "[[core]]\nid = 1\naddress = \"127.0.0.1:1\"\n";
    Settings::parse(text, "simulation", std::iter::empty()).expect("a sound configuration")
});

fn settings(plan: &Plan) -> Settings {
    let mut settings = DEFAULTS.clone();
    let core = |id: u16| corecast::model::Core {
        id: CoreId(id),
        connections: plan.connections,
        pipeline: plan.pipeline,
        queue: plan.queue,
        ..settings.cores[0].clone()
    };
    settings.cores = plan.cores.iter().map(|nature| core(nature.id)).collect();
    let owned = plan.rules.iter().filter(|(_, owners)| !owners.is_empty());
    let rule = |(device, owners): &(String, Vec<u16>)| Rule {
        devices: device.parse().expect("a pattern"),
        owners: Owners::Cores(owners.iter().map(|id| CoreId(*id)).collect()),
    };
    settings.rules = owned.map(rule).collect();
    settings.limits.deadline = Duration::from_millis(plan.deadline);
    settings.limits.leg_timeout = Duration::from_millis(plan.leg_timeout);
    settings.repeat_window = Duration::from_millis(plan.repeat_window);
    settings.late_delivery.poll = Duration::from_secs(1);
    settings.late_delivery.retry = Duration::from_millis(500);
    settings.compat.detail = corecast::fanout::Detail::Always;
    settings
}

impl Proxy {
    /// Starts a copy that reaches its cores in these ways.
    pub fn start(plan: &Plan, database: &Database, mood: &Mood, ways: Vec<Ways>) -> Self {
        let settings = settings(plan);
        let database = database.beside(mood.weather()).expect("a database in place");
        let metrics = Arc::new(Metrics::default());
        let limits = &settings.limits;
        let links = LinkSettings {
            leg_timeout: limits.leg_timeout,
            connect_timeout: limits.connect_timeout,
            max_reply_bytes: limits.max_reply_bytes,
            threads: 1,
        };
        let roster = Arc::<Roster>::default();
        let core = |(core, ways): (&corecast::model::Core, Ways)| {
            let shared = CoreShared::new(core.clone(), roster.place(core.id), settings.breaker, &metrics);
            Arc::new(shared.over(Arc::new(ways)))
        };
        let cores: Arc<Cores> = Arc::new(settings.cores.iter().zip(ways).map(core).collect());
        roster.exchange(cores.clone());
        let (ledger, writer) = Ledger::open(database.clone(), ledger::QUEUE, &metrics);
        let debts = Arc::new(Debts::by(mood.clock()));
        let (owed, entries) = Owed::open(&debts, &metrics);
        let store = owed::Store::of(database.clone());
        let books = Books::new(store, &debts, &settings.late_delivery, &settings.codes, &ledger);
        let compensation = Compensation::new(&Safety::default(), database.clone(), &ledger, &debts);
        let mut tasks = vec![
            spawn_local(writer.run()).abort_handle(),
            spawn_local(books.clone().keep_writing(entries)).abort_handle(),
            spawn_local(books.clone().keep_looking()).abort_handle(),
        ];
        for core in cores.iter() {
            let (books, compensation) = (books.clone(), compensation.clone());
            let courier = Courier::new(books, core.clone(), links, compensation, &metrics);
            let courier = courier.keep_delivering(CancellationToken::new());
            tasks.push(spawn_local(ERRAND.scope((), courier)).abort_handle());
            tasks.push(spawn_local(ERRAND.scope((), keep_probing(core.clone(), links))).abort_handle());
        }
        let desk = Desk {
            router: Arc::new(Router::new(&settings.cores, &settings.rules, settings.unknown_device)),
            rooms: rooms(&settings, &database),
            background: Handle::current(),
            upstream: Upstream::open(&cores, links),
            owed,
            terms: Terms {
                codes: settings.codes.clone(),
                compat: Arc::new(ArcSwap::from_pointee(settings.compat.clone())),
            },
            limits: Limits { deadline: limits.deadline },
            repeats: Repeats::new(settings.repeat_window, roster, &metrics),
            budget: Budget::new(limits.max_in_flight_bytes, "in_flight_bytes", &metrics),
            in_flight: InFlight::new(limits.max_in_flight),
            failed: FailedLegs::new(),
            ledger,
            meter: Meter::new(metrics.clone()),
            trail: Trail::new(Lines::default(), LogFormat::Text, AccessSettings::NOTHING, None, &metrics),
        };
        let connections = Connections::new(limits.max_connections, limits.max_buffered_bytes, &metrics);
        let door = Door {
            listener: Listener::Api,
            desk: Rc::new(desk),
            settings: listen::Settings {
                max_request_bytes: limits.max_request_bytes,
                bounds: Bounds { max_fields: limits.max_fields, max_depth: limits.max_depth },
                max_pipelined: limits.max_pipelined,
                idle_timeout: limits.idle_timeout,
            },
            connections,
            gate: Gate::new(&settings.access, &metrics),
            lock: None,
            goodbyes: Arc::new(Semaphore::new(64)),
            drain: CancellationToken::new(),
            tasks: TaskTracker::new(),
        };
        Self { door, cores: cores.to_vec(), tasks }
    }

    /// Takes a client in.
    pub fn welcome(&self, stream: Side) {
        let peer = IpAddr::V4(Ipv4Addr::LOCALHOST);
        assert!(listen::api::welcome(&self.door, stream, peer), "there is room for a client");
    }

    /// What is still held although nothing is under way any more.
    pub fn left(&self) -> Vec<String> {
        let (desk, mut left) = (&self.door.desk, Vec::new());
        let mut look = |what: String, count: i64| {
            if count != 0 {
                left.push(format!("{what}: {count}"));
            }
        };
        look("calls in flight".into(), desk.in_flight.now() as i64);
        look("bytes in flight".into(), desk.budget.held() as i64);
        look("clients".into(), self.door.tasks.len() as i64);
        for core in &self.cores {
            look(format!("requests in flight to core {}", core.core.id), core.in_flight());
            look(format!("legs that wait for core {}", core.core.id), core.queued());
        }
        left
    }

    /// More than there may be at any time.
    pub fn excess(&self) -> Option<String> {
        self.cores.iter().find_map(|core| {
            let settings = &core.core;
            let (queued, in_flight) = (core.queued(), core.in_flight());
            let most = (settings.connections * settings.pipeline) as i64;
            // What was handed to a lost connection goes back to the queue; blackouts have a quarter more.
            let room = (settings.queue + settings.queue / 4 + 1) as i64 + most;
            (!(0..=room).contains(&queued) || !(0..=most).contains(&in_flight)).then(|| {
                format!("core {}: {queued} of {room} wait, {in_flight} of {most} in flight", settings.id)
            })
        })
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.tasks.drain(..).for_each(|task| task.abort());
    }
}

fn rooms(settings: &Settings, database: &Database) -> Rooms {
    let records = Records::of(database.clone());
    let vault = Vault::open(&settings.media.vault).expect("a folder");
    let exports = Exports::new(Renderer::new(vault, &settings.media), records.clone());
    Rooms {
        directory: Directory::unfollowed(Store::of(database.clone())),
        records: Functions::new(records, &settings.records),
        mail: Mail::default(),
        exports,
        codes: settings.codes.clone(),
    }
}

tokio::task_local! {
    /// What is said to cores off the way of calls.
    static ERRAND: ();
}

/// Whether the task that runs is off the way of calls.
pub fn is_errand() -> bool {
    ERRAND.try_with(|()| ()).is_ok()
}

/// How a proxy reaches a core; [`Dial`] says the rest.
pub type Ways = super::Way;

const _: fn(Ways) -> Box<dyn Dial> = |way| Box::new(way);
