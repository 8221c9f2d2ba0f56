//! Where a call goes: `Call` → [`Plan`]. Pure: no I/O, no clock, no state.

mod hash;
pub mod rule;

use std::fmt::Write;

use smallvec::SmallVec;

use crate::command::{Call, Policy, Refusal, Room, Scope};
use crate::model::{Core, CoreId, CoreIndex};
use crate::protocol::codes::ResultType;
use crate::protocol::param::Param;
pub use hash::stable_hash;
use rule::{Rule, UnknownDevice};

/// Cores of one plan.
pub type Cores = SmallVec<[CoreIndex; 8]>;

/// What a call is to be done with.
#[derive(Debug, PartialEq, Eq)]
pub enum Destination {
    /// It goes to these cores.
    Cores(Plan),
    /// It is answered here.
    Here(Room),
}

/// Which cores get a call, and what their outcomes add up to.
#[derive(Debug, PartialEq, Eq)]
pub struct Plan {
    /// The cores: sorted, or for [`Policy::First`] in the order in which they are tried.
    pub cores: Cores,
    /// How outcomes become a verdict.
    pub policy: Policy,
    /// Why these cores.
    pub because: Because,
}

/// Why a plan has the cores it has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Because {
    /// The rule at this place of the configuration names them.
    Rule(usize),
    /// Nothing owns the device, so all are asked.
    UnknownDevice,
    /// The function is for all cores.
    EveryCore,
    /// COREIDENT names the one.
    CoreIdent,
    /// The hash of SESSIONID puts them in this order.
    Session,
}

impl Plan {
    /// Whether these cores are asked only because nobody knows which one owns the device: then a core that
    /// says "not mine" is no failure.
    #[must_use]
    pub fn is_broadcast(&self) -> bool {
        self.because == Because::UnknownDevice
    }
}

/// The rules in force.
#[derive(Clone, Debug)]
pub struct Router {
    cores: Vec<(CoreId, String)>,
    rules: Vec<Rule>,
    unknown_device: UnknownDevice,
}

impl Router {
    /// A router over the configured cores, which are sorted by number.
    #[must_use]
    pub fn new(cores: &[Core], rules: Vec<Rule>, unknown_device: UnknownDevice) -> Self {
        let cores = cores.iter().map(|core| (core.id, core.site.clone())).collect();
        Self { cores, rules, unknown_device }
    }

    /// Where a call goes.
    ///
    /// # Errors
    /// [`Refusal`] when it goes nowhere: an unknown device under `unknown_device = "reject"`, an unknown COREIDENT.
    pub fn plan(&self, call: &Call) -> Result<Destination, Refusal> {
        let (cores, because) = match call.scope() {
            Scope::Here(room) => return Ok(Destination::Here(room)),
            Scope::Device | Scope::Agent => self.owners(call)?,
            Scope::AllCores => self.all_or_one(call)?,
            Scope::Session => (self.by_session(call), Because::Session),
        };
        Ok(Destination::Cores(Plan { cores, policy: call.function.policy, because }))
    }

    fn owners(&self, call: &Call) -> Result<(Cores, Because), Refusal> {
        let device = call.request.get(Param::DeviceId);
        if let Some((place, rule)) = device.and_then(|device| self.rule_for(device)) {
            return Ok((Cores::from_slice(&rule.owners), Because::Rule(place)));
        }
        match self.unknown_device {
            UnknownDevice::Broadcast => Ok((self.every_core(), Because::UnknownDevice)),
            UnknownDevice::Reject => Err(Refusal::no_device()),
        }
    }

    fn rule_for(&self, device: &str) -> Option<(usize, &Rule)> {
        self.rules.iter().enumerate().find(|(_, rule)| rule.devices.matches(device))
    }

    fn all_or_one(&self, call: &Call) -> Result<(Cores, Because), Refusal> {
        let Some(asked) = call.request.get(Param::CoreIdent) else {
            return Ok((self.every_core(), Because::EveryCore));
        };
        let place = self.cores.iter().position(|(id, _)| asked.parse() == Ok(id.0));
        let core = place.map(index).ok_or_else(|| self.unknown_core(asked))?;
        Ok((Cores::from_slice(&[core]), Because::CoreIdent))
    }

    fn unknown_core(&self, asked: &str) -> Refusal {
        let known: Vec<_> = self.cores.iter().map(|(id, _)| id.to_string()).collect();
        let message = format!("COREIDENT {asked} is no core of this system: it has {}", known.join(","));
        Refusal::new(ResultType::InvalidMessageFormat, message)
    }

    /// All cores by rendezvous hash: every proxy finds the same order for a session, and a core that comes or
    /// goes moves no session but its own.
    fn by_session(&self, call: &Call) -> Cores {
        let session = stable_hash(call.request.get(Param::SessionId).unwrap_or("").as_bytes());
        let mut cores = self.every_core();
        cores.sort_by_cached_key(|core| std::cmp::Reverse(hash::mix(session, u64::from(self.id(*core).0))));
        cores
    }

    fn every_core(&self) -> Cores {
        (0..self.cores.len()).map(index).collect()
    }

    /// The number of a core.
    #[must_use]
    pub fn id(&self, core: CoreIndex) -> CoreId {
        self.cores[core.at()].0
    }

    /// The numbers of some cores as messages write them: `1,2,3`.
    #[must_use]
    pub fn list(&self, cores: impl IntoIterator<Item = CoreIndex>) -> String {
        let mut list = String::new();
        for core in cores {
            let comma = if list.is_empty() { "" } else { "," };
            write!(list, "{comma}{}", self.id(core)).unwrap_or_default();
        }
        list
    }

    /// Where a call goes, and every step of why, for a person.
    #[must_use]
    pub fn explain(&self, call: &Call) -> Vec<String> {
        let mut steps = vec![format!("{}: {}", call.function.name, call.function.summary.to_lowercase())];
        let plan = match self.plan(call) {
            Ok(Destination::Cores(plan)) => plan,
            Ok(Destination::Here(room)) => {
                steps.push(format!("needs no core: answered here ({room:?})"));
                return steps;
            }
            Err(refusal) => {
                steps.extend(self.explain_rules(call, self.rules.len()));
                steps.push(format!("refused: {} {}", refusal.result.label(), refusal.message));
                return steps;
            }
        };
        match plan.because {
            Because::Rule(place) => {
                steps.extend(self.explain_rules(call, place));
                steps.push(format!("route.rule {} \"{}\" matches", place + 1, self.rules[place].devices));
            }
            Because::UnknownDevice => {
                steps.extend(self.explain_rules(call, self.rules.len()));
                steps.push("route.unknown_device = \"broadcast\": all cores are asked".into());
            }
            Because::EveryCore => steps.push("is for all cores".into()),
            Because::CoreIdent => steps.push("COREIDENT names the core".into()),
            Because::Session => {
                steps.push("goes to one core: the first of this order that can be reached".into())
            }
        }
        steps.push(format!("cores {} ({:?})", self.list(plan.cores.iter().copied()), plan.policy));
        steps
    }

    fn explain_rules(&self, call: &Call, before: usize) -> Vec<String> {
        let Some(device) = call.request.get(Param::DeviceId) else {
            return vec!["no DEVICEID, so no route.rule can match".into()];
        };
        let passed = self.rules[..before].iter().enumerate();
        passed
            .map(|(n, rule)| format!("route.rule {} \"{}\" does not match {device}", n + 1, rule.devices))
            .collect()
    }
}

fn index(place: usize) -> CoreIndex {
    CoreIndex(u16::try_from(place).unwrap_or(u16::MAX))
}

#[cfg(test)]
mod tests {
    use tokio::time::Instant;

    use super::*;
    use crate::command::check;
    use crate::protocol::url;
    use crate::protocol::xml::Bounds;

    fn core(id: u16, site: &str) -> Core {
        Core {
            id: CoreId(id),
            name: String::new(),
            site: site.into(),
            address: String::new(),
            connections: 1,
            pipeline: 1,
            queue: 1,
        }
    }

    fn router(unknown: UnknownDevice) -> Router {
        let rule = |devices: &str, owners: &[u16]| Rule {
            devices: devices.parse().expect("a pattern"),
            owners: owners.iter().map(|n| CoreIndex(*n)).collect(),
        };
        let cores = [core(1, "hq"), core(2, "hq"), core(8, "branch")];
        Router::new(&cores, vec![rule("7000-7999", &[0, 1]), rule("7*", &[2])], unknown)
    }

    fn call(query: &str) -> Call {
        let request =
            url::read(query, "", Bounds { max_fields: 20, max_depth: 4 }).expect("a readable request");
        let function = check(&request).expect("a good request");
        Call { function, request, deadline: Instant::now() }
    }

    fn cores(router: &Router, query: &str) -> String {
        match router.plan(&call(query)) {
            Ok(Destination::Cores(plan)) => router.list(plan.cores),
            Ok(Destination::Here(room)) => format!("{room:?}"),
            Err(refusal) => refusal.message,
        }
    }

    #[test]
    fn rules_are_asked_in_their_order() {
        let router = router(UnknownDevice::Broadcast);
        for (query, expected) in [
            ("type=callstart&requestid=1&deviceid=7100", "1,2"),
            ("type=callstart&requestid=1&deviceid=71000", "8"),
            ("type=callstart&requestid=1&deviceid=500", "1,2,8"),
            ("type=agentblackoutstart&requestid=1&sys_user=smith", "1,2,8"),
            ("type=devicelist&requestid=1", "1,2,8"),
            ("type=systemstatus&requestid=1&coreident=8", "8"),
            (
                "type=systemstatus&requestid=1&coreident=3",
                "COREIDENT 3 is no core of this system: it has 1,2,8",
            ),
            ("type=chatstop&requestid=1&sessionid=5", "1,2,8"),
            ("type=callupdate&requestid=1&recordid=5", "Records"),
            ("type=test&requestid=1", "Echo"),
        ] {
            assert_eq!(cores(&router, query), expected, "{query}");
        }
    }

    #[test]
    fn unknown_devices_may_be_refused() {
        let router = router(UnknownDevice::Reject);
        assert_eq!(cores(&router, "type=callstart&requestid=1&deviceid=7100"), "1,2");
        for query in ["type=callstart&requestid=1&deviceid=5", "type=callstart&requestid=1&sys_user=smith"] {
            assert_eq!(cores(&router, query), "Could not find a device matching given parameters");
        }
    }

    #[test]
    fn only_a_broadcast_forgives_a_stranger() {
        let router = router(UnknownDevice::Broadcast);
        for (device, expected) in [("7100", false), ("500", true)] {
            let query = format!("type=callstart&requestid=1&deviceid={device}");
            let Ok(Destination::Cores(plan)) = router.plan(&call(&query)) else { panic!("{query}: no plan") };
            assert_eq!(plan.is_broadcast(), expected, "{device}");
        }
    }

    #[test]
    fn sessions_spread_over_the_cores_and_stay_where_they_are() {
        let router = router(UnknownDevice::Broadcast);
        let first = |n: usize| {
            let order = cores(&router, &format!("type=chatstart&requestid=1&sessionid={n}"));
            order.split(',').next().unwrap_or("").to_owned()
        };
        let firsts: Vec<_> = (0..300).map(first).collect();
        for core in ["1", "2", "8"] {
            let share = firsts.iter().filter(|f| *f == core).count();
            assert!((60..140).contains(&share), "core {core} has {share} of 300");
        }
        assert_eq!(firsts, (0..300).map(first).collect::<Vec<_>>());
    }

    #[test]
    fn the_reason_is_told_step_by_step() {
        let router = router(UnknownDevice::Reject);
        assert_eq!(
            router.explain(&call("type=callstart&requestid=1&deviceid=71000")),
            [
                "CALLSTART: a device has started a call",
                "route.rule 1 \"7000-7999\" does not match 71000",
                "route.rule 2 \"7*\" matches",
                "cores 8 (All)",
            ]
        );
        let refused = router.explain(&call("type=callstart&requestid=1&deviceid=5"));
        assert!(
            refused.last().is_some_and(|step| step.starts_with("refused: API_DEVICE_INVALID")),
            "{refused:?}"
        );
    }
}
