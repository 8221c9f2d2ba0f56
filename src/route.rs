//! Where a call goes: `Call` → [`Plan`]. Pure: no I/O, no clock, no state but the snapshot it is given.
//!
//! The owners of a device are the cores that its own row in the directory names; else those of the first rule that
//! matches; else those of its site; else `unknown_device` decides.

mod hash;
mod plan;
pub mod rule;
mod steps;
mod whom;

use arc_swap::ArcSwap;

use crate::command::{Call, Policy, Refusal, Scope};
use crate::directory::snapshot::{Device, Match, Snapshot};
use crate::model::{Core, CoreId, CoreIndex, Pattern};
use crate::protocol::codes::ResultType;
use crate::protocol::param::Param;
pub use hash::stable_hash;
pub use plan::{Aim, Because, Cores, Destination, Owner, Plan, list, write_list};
use rule::{Owners, Rule, UnknownDevice};
use steps::Steps;
use whom::Whom;

/// The cores and rules in force. They may be exchanged meanwhile: each call is planned by those of one moment.
#[derive(Debug)]
pub struct Router(ArcSwap<InForce>);

#[derive(Debug)]
struct InForce {
    /// Sorted by number, each with its site.
    cores: Vec<(Owner, String)>,
    /// Each with whom it makes owners.
    rules: Vec<(Pattern, Cores)>,
    unknown_device: UnknownDevice,
}

impl Router {
    /// A router over cores that are sorted by number and stand one behind the other.
    #[must_use]
    pub fn new(cores: &[Core], rules: &[Rule], unknown_device: UnknownDevice) -> Self {
        Self::over(cores.iter().zip((0..=u16::MAX).map(CoreIndex)), rules, unknown_device)
    }

    /// A router over cores that are sorted by number and stand at these places.
    #[must_use]
    pub fn over<'c>(
        cores: impl Iterator<Item = (&'c Core, CoreIndex)>,
        rules: &[Rule],
        unknown_device: UnknownDevice,
    ) -> Self {
        let placed = |(core, at): (&Core, _)| (Owner { id: core.id, at: Some(at) }, core.site.clone());
        let mut in_force = InForce { cores: cores.map(placed).collect(), rules: Vec::new(), unknown_device };
        in_force.rules =
            rules.iter().map(|rule| (rule.devices.clone(), in_force.named(&rule.owners))).collect();
        Self(ArcSwap::from_pointee(in_force))
    }

    /// Puts other cores and rules into force.
    pub fn exchange(&self, other: Self) {
        self.0.store(other.0.into_inner());
    }

    /// Where a call goes.
    ///
    /// # Errors
    /// [`Refusal`] when it goes nowhere: an ambiguous name, an unknown device or agent under
    /// `unknown_device = "reject"`, an unknown COREIDENT or KEYNAME.
    pub fn plan(&self, call: &Call, snapshot: &Snapshot) -> Result<Destination, Refusal> {
        self.0.load().decide(call, snapshot, &mut ())
    }

    /// Where a call goes, and every step of why, for a person.
    #[must_use]
    pub fn explain(&self, call: &Call, snapshot: &Snapshot) -> Vec<String> {
        let mut steps = vec![format!("{}: {}", call.function.name, call.function.summary.to_lowercase())];
        let decided = self.0.load().decide(call, snapshot, &mut steps);
        steps.push(match decided {
            Ok(Destination::Here(room)) => format!("needs no core: answered here ({room:?})"),
            Ok(Destination::Cores(plan)) => format!("cores {} ({:?})", list(&plan.cores()), plan.policy),
            Err(refusal) => format!("refused: {} {}", refusal.result.label(), refusal.message),
        });
        steps
    }
}

impl InForce {
    fn decide(
        &self,
        call: &Call,
        snapshot: &Snapshot,
        steps: &mut impl Steps,
    ) -> Result<Destination, Refusal> {
        Ok(Destination::Cores(match call.scope() {
            Scope::Here(room) => return Ok(Destination::Here(room)),
            Scope::Device => self.for_device(call, snapshot, steps)?,
            Scope::Agent => self.for_agent(call, snapshot, steps)?,
            Scope::AllCores => self.for_all_or_one(call, steps)?,
            Scope::Session => self.for_session(call, snapshot, steps)?,
        }))
    }

    fn for_device(&self, call: &Call, snapshot: &Snapshot, steps: &mut impl Steps) -> Result<Plan, Refusal> {
        let policy = call.function.policy;
        match Whom::of(call, snapshot) {
            Whom::Device { id, known } => {
                steps.step(|| {
                    format!(
                        "device {id}, which is {}",
                        if known.is_some() { "in the directory" } else { "not in the directory" }
                    )
                });
                let Some((cores, because)) = self.owners(id, known, steps) else {
                    return self.unknown(known.map(|_| id), policy, Refusal::no_device, steps);
                };
                let has_id = call.request.get(Param::DeviceId).is_some();
                Ok(Plan::of(&cores, (!has_id).then_some(id), policy, because))
            }
            Whom::Phones(devices) => {
                steps.step(|| format!("an agent with {} phones: the owners of all of them", devices.len()));
                let owners = devices.iter().map(|d| Some(self.owners(d.id(), Some(*d), steps)?.0));
                match owners.collect::<Option<Vec<_>>>() {
                    Some(owners) => Ok(Plan::of(&union(owners), None, policy, Because::Phones)),
                    None => self.unknown(None, policy, Refusal::no_device, steps),
                }
            }
            Whom::Ambiguous => {
                steps.step(|| "several devices or agents answer to this name".into());
                Err(Refusal::no_device())
            }
            Whom::Unknown => {
                steps.step(|| "nobody in the directory has this name".into());
                self.unknown(None, policy, Refusal::no_device, steps)
            }
        }
    }

    /// The owners of a device: its own cores, a rule's, its site's.
    fn owners(
        &self,
        id: &str,
        known: Option<Device<'_>>,
        steps: &mut impl Steps,
    ) -> Option<(Cores, Because)> {
        if let Some(device) = known.filter(|device| !device.cores().is_empty()) {
            steps.step(|| format!("its row in the directory names cores {}", list(device.cores())));
            return Some((device.cores().iter().map(|core| self.owner(*core)).collect(), Because::Device));
        }
        for (place, (devices, cores)) in self.rules.iter().enumerate() {
            let matches = devices.matches(id);
            let verb = if matches { "matches" } else { "does not match" };
            steps.step(|| format!("route.rule {} \"{devices}\" {verb} {id}", place + 1));
            if matches {
                return Some((cores.clone(), Because::Rule(place)));
            }
        }
        let site = known.and_then(Device::site)?;
        let cores = self.at_site(site);
        steps.step(|| match cores.len() {
            0 => format!("it stands at site {site}, which has no cores"),
            _ => format!("it stands at site {site}"),
        });
        (!cores.is_empty()).then_some((cores, Because::Site))
    }

    /// Nothing owns it.
    fn unknown(
        &self,
        device: Option<&str>,
        policy: Policy,
        refusal: fn() -> Refusal,
        steps: &mut impl Steps,
    ) -> Result<Plan, Refusal> {
        match self.unknown_device {
            UnknownDevice::Broadcast => {
                steps.step(|| {
                    "nothing owns it; route.unknown_device = \"broadcast\": all cores are asked".into()
                });
                Ok(Plan::of(&self.every_core(), device, policy, Because::UnknownDevice))
            }
            UnknownDevice::Reject => {
                steps.step(|| "nothing owns it; route.unknown_device = \"reject\"".into());
                Err(refusal())
            }
        }
    }

    /// All devices of an agent, each named to its owners; and the agent as it was named, for its screens.
    fn for_agent(&self, call: &Call, snapshot: &Snapshot, steps: &mut impl Steps) -> Result<Plan, Refusal> {
        let policy = call.function.policy;
        let agent = match whom::agent_of(call, snapshot) {
            Match::One(agent) => agent,
            Match::Several => {
                steps.step(|| "several agents answer to this name".into());
                return Err(Refusal::no_agent());
            }
            Match::None if matches!(Whom::of(call, snapshot), Whom::Device { .. }) => {
                steps.step(|| "no agent has this device: the device alone".into());
                return self.for_device(call, snapshot, steps);
            }
            Match::None => {
                steps.step(|| "no agent in the directory has this name".into());
                return self.unknown(None, policy, Refusal::no_agent, steps);
            }
        };
        steps.step(|| {
            format!("agent {} with devices {}", agent.id(), agent.phones().collect::<Vec<_>>().join(","))
        });
        let mut plan = Plan::of(&[], None, policy, Because::Agent);
        for device in agent.devices() {
            let Some((cores, _)) = self.owners(device.id(), Some(device), steps) else {
                return self.unknown(None, policy, Refusal::no_agent, steps);
            };
            let at = plan.add_device(device.id());
            plan.legs.extend(cores.iter().map(|core| Aim { core: *core, device: at }));
        }
        if call.request.get(Param::DeviceId).is_none() {
            let site = agent.site().map(|site| self.at_site(site)).unwrap_or_default();
            let cores = union([plan.legs.iter().map(|leg| leg.core).collect(), site]);
            plan.legs.extend(cores.iter().map(|core| Aim { core: *core, device: None }));
        }
        if plan.legs.is_empty() {
            return self.unknown(None, policy, Refusal::no_agent, steps);
        }
        plan.legs.sort_by_key(|leg| leg.core);
        Ok(plan)
    }

    fn for_all_or_one(&self, call: &Call, steps: &mut impl Steps) -> Result<Plan, Refusal> {
        let policy = call.function.policy;
        let Some(asked) = call.request.get(Param::CoreIdent) else {
            steps.step(|| "is for all cores".into());
            return Ok(Plan::of(&self.every_core(), None, policy, Because::EveryCore));
        };
        steps.step(|| format!("COREIDENT names core {asked}"));
        let core = asked.parse().ok().map(|id| self.owner(CoreId(id))).filter(|core| core.at.is_some());
        let core = core.ok_or_else(|| self.unknown_core(asked))?;
        Ok(Plan::of(&[core], None, policy, Because::CoreIdent))
    }

    fn unknown_core(&self, asked: &str) -> Refusal {
        let known: Vec<_> = self.cores.iter().map(|(core, _)| core.id).collect();
        let message = format!("COREIDENT {asked} is no core of this system: it has {}", list(&known));
        Refusal::new(ResultType::InvalidMessageFormat, message)
    }

    /// One core of the agent's site, by rendezvous hash: every proxy finds the same order for a session, and a core
    /// that comes or goes moves no session but its own.
    fn for_session(&self, call: &Call, snapshot: &Snapshot, steps: &mut impl Steps) -> Result<Plan, Refusal> {
        let session = stable_hash(call.request.get(Param::SessionId).unwrap_or("").bytes());
        let mut cores = self.session_cores(call, snapshot, steps)?;
        cores.sort_by_cached_key(|core| std::cmp::Reverse(hash::mix(session, u64::from(core.id.0))));
        steps.step(|| "one core: the first of this order that can be reached".into());
        Ok(Plan::of(&cores, None, call.function.policy, Because::Session))
    }

    fn session_cores(
        &self,
        call: &Call,
        snapshot: &Snapshot,
        steps: &mut impl Steps,
    ) -> Result<Cores, Refusal> {
        let Some((key, name, value)) = whom::chat_agent(call) else { return Ok(self.every_core()) };
        let Some(key) = key else {
            let message =
                format!("KEYNAME {name} is none of USERNAME, SYS_USER, EMPLOYEEID, CRM_USER, DEVICEALIAS");
            return Err(Refusal::new(ResultType::InvalidMessageFormat, message));
        };
        match snapshot.agent(key, value) {
            Match::One(agent) => {
                let cores = agent.site().map(|site| self.at_site(site)).filter(|cores| !cores.is_empty());
                steps.step(|| format!("agent {} at site {}", agent.id(), agent.site().unwrap_or("(none)")));
                Ok(cores.unwrap_or_else(|| self.every_core()))
            }
            Match::None if self.unknown_device == UnknownDevice::Broadcast => Ok(self.every_core()),
            found => {
                let how = if found == Match::None { "no agent has" } else { "several agents have" };
                Err(Refusal::new(ResultType::AgentNotFound, format!("{how} {name} {value}")))
            }
        }
    }

    fn every_core(&self) -> Cores {
        self.cores.iter().map(|(core, _)| *core).collect()
    }

    fn at_site(&self, site: &str) -> Cores {
        let here = self.cores.iter().filter(|(_, s)| s.eq_ignore_ascii_case(site));
        here.map(|(core, _)| *core).collect()
    }

    fn owner(&self, id: CoreId) -> Owner {
        let found = self.cores.binary_search_by_key(&id, |(core, _)| core.id);
        found.map_or(Owner { id, at: None }, |at| self.cores[at].0)
    }

    /// Whom a rule names.
    fn named(&self, owners: &Owners) -> Cores {
        match owners {
            Owners::Cores(ids) => ids.iter().map(|id| self.owner(*id)).collect(),
            Owners::Site(site) => self.at_site(site),
        }
    }
}

/// All of these cores, each once.
fn union(sets: impl IntoIterator<Item = Cores>) -> Cores {
    let mut all: Cores = sets.into_iter().flatten().collect();
    all.sort_unstable();
    all.dedup();
    all
}

#[cfg(test)]
mod tests;
