//! What this copy has told cores of blackouts a moment ago. If a core missed something before it, and gets that late,
//! it must be told this once more: else an older START would have no end, and an older STOP would end a newer blackout.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::Obligation;
use super::books::milliseconds;
use crate::model::CoreId;

/// How long it is remembered. What was missed before it is owed by then, and known to all copies.
pub(super) const REMEMBERED: Duration = Duration::from_secs(30);

/// How many bytes that may be; older ones are forgotten before their time.
const MOST: usize = 32 << 20;

/// What one of them takes beside its strings, at most.
const ENTRY: usize = 256;

/// One command that was sent to one core, whatever it answered.
#[derive(Clone, Debug)]
pub(super) struct Told {
    pub core: CoreId,
    pub chain: u64,
    pub forgives: bool,
    /// The same for all cores that it went to.
    pub command: Arc<Obligation>,
    /// When it was sent, in UNIX milliseconds.
    pub at: i64,
    /// Whether it was owed.
    pub is_late: bool,
}

/// What a core had missed, and gets or got late.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Missed {
    /// When it was asked for, in UNIX milliseconds.
    pub asked: i64,
    /// When the core got it, at the latest; the end of time if that is still to come.
    pub delivered: i64,
}

/// By core and chain.
pub(super) type AllMissed = HashMap<(CoreId, u64), Vec<Missed>>;

/// How far the clocks of copies are apart, at most.
const APART: Duration = Duration::from_millis(250);

impl Told {
    /// The command as something that is owed.
    pub fn again(&self) -> Obligation {
        let Self { core, chain, forgives, .. } = *self;
        Obligation { ident: 0, attempts: 0, core, chain, forgives, ..(*self.command).clone() }
    }

    /// Whether the core was told this before it got something that was asked for earlier. Who tells what is owed tells it
    /// one after the other, by one clock.
    fn is_undone_by(&self, missed: &Missed) -> bool {
        let slack = if self.is_late { 0 } else { milliseconds(APART) };
        missed.asked < self.command.asked && missed.delivered > self.at.saturating_sub(slack)
    }

    fn weight(&self) -> usize {
        self.command.body.len() + ENTRY
    }
}

/// A core, a chain, and a number that grows with each that is told.
type Place = (CoreId, u64, u64);

/// The newest of them.
#[derive(Debug, Default)]
pub(super) struct Memory {
    told: BTreeMap<Place, Told>,
    order: VecDeque<(Instant, Place)>,
    number: u64,
    bytes: usize,
}

impl Memory {
    pub fn note(&mut self, told: Told) {
        let (now, place) = (Instant::now(), (told.core, told.chain, self.number));
        self.number += 1;
        self.bytes += told.weight();
        self.told.insert(place, told);
        self.order.push_back((now, place));
        while self.bytes > MOST || self.order.front().is_some_and(|(at, _)| *at + REMEMBERED < now) {
            let Some((_, oldest)) = self.order.pop_front() else { break };
            self.forget(oldest);
        }
    }

    fn forget(&mut self, place: Place) -> Option<Told> {
        let told = self.told.remove(&place)?;
        self.bytes -= told.weight();
        Some(told)
    }

    /// Takes out what must be told again behind something that was missed.
    pub fn take_undone(&mut self, missed: &[(&(CoreId, u64), &Vec<Missed>)]) -> Vec<Told> {
        let newer = |((core, chain), missed): &(&(CoreId, u64), &Vec<Missed>)| {
            let places = self.told.range((*core, *chain, 0)..=(*core, *chain, u64::MAX));
            let is_undone = |told: &Told| missed.iter().any(|missed| told.is_undone_by(missed));
            places.filter(|(_, told)| is_undone(told)).map(|(place, _)| *place).collect::<Vec<_>>()
        };
        let places: Vec<_> = missed.iter().flat_map(newer).collect();
        places.into_iter().filter_map(|place| self.forget(place)).collect()
    }
}
