//! The cores, and the rules that make them owners.

use std::collections::BTreeSet;
use std::ops::RangeInclusive;
use std::time::Duration;

use super::access::core_tls;
use super::kinds::{choice, duration, listen_address, parsed, remote_address, srv_name, text, unique, whole};
use super::section::Section;
use super::tree::Node;
use crate::model::{Core, CoreId};
use crate::names::{CoreSrv, Dns};
use crate::route::rule::{Owners, Pattern, Rule, UnknownDevice};

const MAX_CORES: usize = 1000;
const CORE_IDS: RangeInclusive<i64> = 1..=9999;

/// The cores, sorted by id.
pub(super) fn cores(root: &mut Section<'_>) -> Vec<Core> {
    let (mut ids, mut addresses) = Default::default();
    let mut cores = root.sections("core", |s| core(s, &mut ids, &mut addresses));
    if cores.is_empty() && root.has("core") {
        root.fault("core", "has no entry: there must be a core at least");
    } else if cores.is_empty() && !root.has("core_srv") {
        root.missing("core", "[[core]] with id = 1 and address = \"10.0.0.7:5620\"");
    }
    if cores.len() > MAX_CORES {
        root.fault("core", &format!("has {} entries; there can be {MAX_CORES}", cores.len()));
    }
    cores.sort_by_key(|core| core.id);
    cores
}

/// One core. Two with one address would mean that an answer counts twice, and that the other core,
/// wherever it is, is never told: so addresses are unique as well.
fn core(s: &mut Section<'_>, ids: &mut BTreeSet<u16>, addresses: &mut BTreeSet<String>) -> Core {
    // 0 is no id: it stands for one at fault until the rest of the file is checked
    let id = s.required("id", "id = 1", unique(ids, whole(CORE_IDS))).unwrap_or(0);
    let address = s.required("address", "address = \"10.0.0.7:5620\"", unique(addresses, remote_address));
    let address = address.unwrap_or_default();
    let name = s.or("name", format!("core-{id}"), text);
    Core { id: CoreId(id), name, tls: core_tls(s, &address), address, ..any_core(s) }
}

/// What can be said of several cores at once.
fn any_core(s: &mut Section<'_>) -> Core {
    Core {
        id: CoreId(0),
        name: String::new(),
        site: s.or("site", "default".into(), text),
        address: String::new(),
        at: Vec::new(),
        connections: s.or("connections", 4, whole(1..=1024)),
        pipeline: s.or("pipeline", 1, whole(1..=65_536)),
        queue: s.or("queue", 1024, whole(1..=1_000_000)),
        tls: None,
    }
}

/// Names that list cores.
pub(super) fn core_srv(root: &mut Section<'_>) -> Vec<CoreSrv> {
    let mut names = BTreeSet::new();
    // one without a name is at fault, and the settings are never used
    root.sections("core_srv", |s| one_srv(s, &mut names)).into_iter().flatten().collect()
}

fn one_srv(s: &mut Section<'_>, names: &mut BTreeSet<String>) -> Option<CoreSrv> {
    let name = s.required("name", "name = \"_cti._tcp.recorders.example\"", unique(names, srv_name));
    let first_id = s.or("first_id", 0, whole(0..=9999));
    let has_own_certificate = !s.has("server_name");
    // What stands for each one's own host until it is known.
    let like = Core { tls: core_tls(s, "core.invalid:1"), ..any_core(s) };
    Some(CoreSrv { name: name?, first_id, like, has_own_certificate })
}

/// How names are looked up.
pub(super) fn dns(s: &mut Section<'_>) -> Dns {
    const REFRESH: RangeInclusive<Duration> = Duration::from_millis(10)..=Duration::from_hours(24);
    const FORGET: RangeInclusive<Duration> = Duration::ZERO..=Duration::from_hours(365 * 24);
    let default = Dns::default();
    Dns {
        servers: s.list("servers", listen_address).unwrap_or_default(),
        refresh: s.or("refresh", default.refresh, duration(REFRESH)),
        forget: s.or("forget", default.forget, duration(FORGET)),
    }
}

/// What a rule may name: cores by id, and sites, which are whatever cores name.
pub(super) struct Known {
    cores: BTreeSet<CoreId>,
    sites: BTreeSet<String>,
    /// There are others, whose numbers are known when their names are looked up.
    has_more: bool,
}

impl Known {
    pub fn of(cores: &[Core], lists: &[CoreSrv]) -> Self {
        let all = cores.iter().chain(lists.iter().map(|srv| &srv.like));
        Self {
            cores: cores.iter().map(|core| core.id).collect(),
            sites: all.map(|core| core.site.clone()).collect(),
            has_more: !lists.is_empty(),
        }
    }

    fn core(&self, node: &Node) -> Result<CoreId, String> {
        let id = whole(CORE_IDS)(node).map(CoreId)?;
        let may_be = self.has_more || self.cores.contains(&id);
        may_be.then_some(id).ok_or_else(|| format!("names core {id}, and there is none"))
    }

    fn site(&self, node: &Node) -> Result<String, String> {
        let name = text(node)?;
        if self.sites.contains(&name) { Ok(name) } else { Err(self.no_such_site(&name)) }
    }

    fn no_such_site(&self, name: &str) -> String {
        let sites: Vec<_> = self.sites.iter().map(|site| format!("\"{site}\"")).collect();
        format!("names the site \"{name}\", and no core stands there; there is {}", sites.join(", "))
    }
}

pub(super) fn rules(route: &mut Section<'_>, known: &Known) -> Vec<Rule> {
    // a rule without devices is at fault, and the settings are never used
    route.sections("rule", |s| rule(s, known)).into_iter().flatten().collect()
}

fn rule(s: &mut Section<'_>, known: &Known) -> Option<Rule> {
    let devices = s.required("devices", "devices = \"7000-7999\"", parsed::<Pattern>);
    let owners = owners(s, known);
    Some(Rule { devices: devices?, owners: owners? })
}

/// The owners a rule gives: by exactly one of `cores` and `site`.
fn owners(s: &mut Section<'_>, known: &Known) -> Option<Owners> {
    let cores = s.list("cores", unique(&mut BTreeSet::new(), |node| known.core(node)));
    let site = s.optional("site", |node| known.site(node));
    match (s.has("cores"), s.has("site")) {
        (true, true) => s.fault("site", "stands beside `cores`: a rule has one of them"),
        (false, false) => s.missing("cores", "cores = [1, 2], or site = \"hq\""),
        _ if cores.as_ref().is_some_and(Vec::is_empty) => s.fault("cores", "must name at least one core"),
        _ => {}
    }
    let sorted = |mut cores: Vec<CoreId>| {
        cores.sort_unstable();
        cores
    };
    cores.map(|cores| Owners::Cores(sorted(cores))).or(site.map(Owners::Site))
}

pub(super) fn unknown_device(route: &mut Section<'_>) -> UnknownDevice {
    let words = [("broadcast", UnknownDevice::Broadcast), ("reject", UnknownDevice::Reject)];
    route.or("unknown_device", UnknownDevice::default(), choice(&words))
}
