//! Repeats of what was answered PARTIAL: they go to the cores still missing only.
//!
//! A soft memory, shared by all threads of this process; losing any of it costs only the saving. What makes it safe
//! is not the memory but the count: every command that changes something is counted under its device, from before its
//! legs begin until they have ended. A repeat leaves a core out only if no other command of the device was under way at
//! any time since the first try began.
//! `docs/life-of-a-call.md` says what that does not see, and what follows.

mod count;

use std::mem::size_of;
use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use metrics::Counter;
use smallvec::SmallVec;
use tokio::time::Instant;

use count::{Count, Passed};

use super::tally::Ended;
use crate::command::{Call, Policy};
use crate::metrics::{Metrics, REPEATS_JOINED};
use crate::model::{CoreId, LegEnd, Outcome};
use crate::protocol::param::Param;
use crate::protocol::request::Request;
use crate::route::{Aim, Because, Plan, stable_hash};
use crate::upstream::Roster;

/// Counts of what went by. Devices that share one only cost each other the saving.
const COUNTS: u16 = u16::MAX;

/// First tries that are remembered at once; a newer one takes the place of an older one.
const PLACES: u64 = 1024;

/// The most that one of them may weigh, in bytes; a heavier one is not remembered.
const MAX_WEIGHT: usize = 8 * 1024;

/// What is known of commands that were answered PARTIAL.
#[derive(Debug)]
pub struct Repeats {
    window: Duration,
    cores: Arc<Roster>,
    counts: Box<[Count]>,
    /// Counts commands of which only the cores know which device they change.
    unclear: Count,
    places: Box<[Place]>,
    joined: Joined,
}

/// Where a first try may be remembered. The tag, the hash of its device, is there to be looked at without the lock.
#[derive(Debug, Default)]
struct Place {
    tag: AtomicU64,
    kept: Mutex<Option<Kept>>,
}

/// A first try that some cores confirmed.
#[derive(Debug)]
struct Kept {
    note: Note,
    from: Option<IpAddr>,
    request: Request,
    plan: Plan,
    confirmed: Vec<Ended>,
    until: Instant,
}

/// A command's place among all that changes something.
#[derive(Debug)]
pub(super) struct Note {
    /// The hash of its device, under which it may be remembered; `None` if it may not.
    tag: Option<u64>,
    /// What was counted before it, by the places of the counts.
    before: SmallVec<[(u16, Passed); 1]>,
    /// What was counted before it of [`Repeats::unclear`], and whether it was counted there too.
    unclear: Passed,
    is_unclear: bool,
    /// How often each core's connections had been lost.
    losses: SmallVec<[(CoreId, u64); 8]>,
}

struct Joined(Counter);

impl std::fmt::Debug for Joined {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Joined")
    }
}

impl Repeats {
    /// Remembers a first try for as long as `window`; not at all if that is nothing.
    #[must_use]
    pub fn new(window: Duration, cores: Arc<Roster>, metrics: &Metrics) -> Arc<Self> {
        let is_on = !window.is_zero();
        let counts = if is_on { COUNTS } else { 0 };
        let places = if is_on { PLACES } else { 0 };
        Arc::new(Self {
            window,
            cores,
            counts: (0..counts).map(|_| Count::default()).collect(),
            unclear: Count::default(),
            places: (0..places).map(|_| Place::default()).collect(),
            joined: Joined(metrics.counter(&REPEATS_JOINED, &[])),
        })
    }

    /// Counts a command that is about to go out, and gives the cores that have confirmed it already. Of what changes
    /// nothing, or no device, there is no note.
    pub(super) fn begin(&self, call: &Call, plan: &Plan, from: Option<IpAddr>) -> (Option<Note>, Vec<Ended>) {
        if self.window.is_zero() || plan.policy != Policy::All {
            return (None, Vec::new());
        }
        let note = self.note(call, plan);
        let known = note.tag.map_or_else(Vec::new, |tag| self.recall(tag, &note, call, plan, from));
        if !known.is_empty() {
            self.joined.0.increment(1);
        }
        (Some(note), known)
    }

    fn note(&self, call: &Call, plan: &Plan) -> Note {
        let (devices, is_unclear) = devices(call, plan);
        let hashes: SmallVec<[u64; 1]> = devices.iter().map(|device| hash(device)).collect();
        let mut counts: SmallVec<[u16; 1]> = hashes.iter().map(|hash| count_of(*hash)).collect();
        counts.sort_unstable();
        counts.dedup();
        let before = counts.into_iter().map(|at| (at, self.count(at).begin())).collect();
        let unclear = if is_unclear { self.unclear.begin() } else { self.unclear.look() };
        let losses = plan.legs.iter().filter_map(|leg| self.losses(leg)).collect();
        let note = Note { tag: None, before, unclear, is_unclear, losses };
        let tag = hashes.first().copied().filter(|_| note.is_alone() && !has_offset(call));
        Note { tag, ..note }
    }

    /// Nothing of the command will go out any more.
    pub(super) fn end(&self, note: &Note) {
        note.before.iter().for_each(|(at, _)| self.count(*at).end());
        if note.is_unclear {
            self.unclear.end();
        }
    }

    fn count(&self, at: u16) -> &Count {
        &self.counts[usize::from(at)]
    }

    fn losses(&self, leg: &Aim) -> Option<(CoreId, u64)> {
        self.cores.losses(leg.core.at?).map(|losses| (leg.core.id, losses))
    }

    fn place(&self, tag: u64) -> &Place {
        &self.places[usize::try_from(tag % PLACES).unwrap_or_default()]
    }

    fn recall(&self, tag: u64, note: &Note, call: &Call, plan: &Plan, from: Option<IpAddr>) -> Vec<Ended> {
        let place = self.place(tag);
        if place.tag.load(Ordering::Acquire) != tag {
            return Vec::new();
        }
        let kept = place.kept.lock().unwrap_or_else(PoisonError::into_inner).take();
        kept.filter(|kept| kept.is_repeated(note, call, plan, from)).map_or_else(Vec::new, |kept| {
            let is_same = |leg: &Ended| kept.note.has_kept(leg.core, note);
            kept.confirmed.into_iter().filter(is_same).collect()
        })
    }

    /// Remembers who confirmed what was answered PARTIAL. What was answered API_OK must never be remembered.
    pub(super) fn keep(
        &self,
        note: Note,
        (call, from): (Call, Option<IpAddr>),
        (plan, ended): (Plan, Vec<Ended>),
    ) {
        let Some(tag) = note.tag else { return };
        let confirmed: Vec<Ended> = ended.into_iter().filter_map(confirmation).collect();
        let kept =
            Kept { note, from, request: call.request, plan, confirmed, until: Instant::now() + self.window };
        if kept.weight() <= MAX_WEIGHT {
            let place = self.place(tag);
            place.tag.store(tag, Ordering::Release);
            *place.kept.lock().unwrap_or_else(PoisonError::into_inner) = Some(kept);
        }
    }
}

impl Kept {
    /// Whether this is the same command again, in time, and the next one of its devices.
    fn is_repeated(&self, note: &Note, call: &Call, plan: &Plan, from: Option<IpAddr>) -> bool {
        note.is_next_to(&self.note)
            && self.from == from
            && self.plan == *plan
            && self.request == call.request
            && Instant::now() <= self.until
    }

    fn weight(&self) -> usize {
        let devices: usize = self.plan.devices.iter().map(|device| device.len()).sum();
        size_of::<Self>()
            + self.request.fields().weight()
            + devices
            + self.plan.legs.len() * (size_of::<Aim>() + size_of::<(CoreId, u64)>())
            + self.confirmed.len() * size_of::<Ended>()
    }
}

impl Note {
    /// Whether nothing else that changes the same was under way when it began: what is may still go out.
    fn is_alone(&self) -> bool {
        self.unclear.is_quiet() && self.before.iter().all(|(_, passed)| passed.is_quiet())
    }

    /// Whether nothing that changes the same began between the two.
    fn is_next_to(&self, first: &Self) -> bool {
        let after_first = first.before.iter().map(|(at, passed)| (*at, passed.and_one_more()));
        let unclear = if first.is_unclear { first.unclear.and_one_more() } else { first.unclear };
        self.unclear == unclear && after_first.eq(self.before.iter().copied())
    }

    /// Whether a core has been there ever since: one that was lost may have forgotten what it confirmed.
    fn has_kept(&self, core: CoreId, now: &Self) -> bool {
        let of = |note: &Self| note.losses.iter().find(|(id, _)| *id == core).map(|(_, losses)| *losses);
        of(self).is_some() && of(self) == of(now)
    }
}

/// The devices that a command changes something of, and whether there may be more that only the cores know of.
fn devices<'a>(call: &'a Call, plan: &'a Plan) -> (SmallVec<[&'a str; 1]>, bool) {
    let named = call.function.identifiers.params().contains(&Param::DeviceId);
    let named = named.then(|| call.request.get(Param::DeviceId)).flatten();
    let devices: SmallVec<_> = plan.devices.iter().map(|device| &**device).chain(named).collect();
    let is_unclear = match plan.because {
        Because::Device | Because::Rule(_) | Because::Site | Because::UnknownDevice => devices.is_empty(),
        Because::Agent => plan.legs.iter().any(|leg| leg.device.is_none()),
        Because::Phones | Because::EveryCore | Because::CoreIdent | Because::Session => true,
    };
    (devices, is_unclear)
}

/// An offset counts from the moment of its receipt: sent again it means another moment, and so another command.
fn has_offset(call: &Call) -> bool {
    call.request.get(Param::TimeOffset).is_some_and(|offset| offset.parse() != Ok(0.0))
}

/// A core may not tell capitals from small letters: then they are one device.
fn hash(device: &str) -> u64 {
    stable_hash(device.bytes().map(|byte| byte.to_ascii_lowercase()))
}

fn count_of(hash: u64) -> u16 {
    u16::try_from(hash % u64::from(COUNTS)).unwrap_or_default()
}

/// A confirmation without the core's reply, which would keep much more memory than itself.
fn confirmation(leg: Ended) -> Option<Ended> {
    (leg.end.outcome == Outcome::Ok).then(|| Ended {
        is_earlier: true,
        end: LegEnd { reply: None, ..leg.end },
        ..leg
    })
}

#[cfg(test)]
mod tests;
