//! What this copy has told cores of blackouts a moment ago. If a core missed something before it, and gets that late,
//! it must be told this once more: else an older START would have no end, and an older STOP would end a newer blackout.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::Obligation;
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
}

impl Told {
    /// The command as something that is owed.
    pub fn again(&self) -> Obligation {
        let Self { core, chain, forgives, .. } = *self;
        Obligation { ident: 0, attempts: 0, core, chain, forgives, ..(*self.command).clone() }
    }

    fn weight(&self) -> usize {
        self.command.body.len() + ENTRY
    }
}

/// The newest of them, in the order in which they were sent.
#[derive(Debug, Default)]
pub(super) struct Memory {
    told: VecDeque<(Instant, Told)>,
    bytes: usize,
}

impl Memory {
    pub fn note(&mut self, told: Told) {
        let now = Instant::now();
        self.bytes += told.weight();
        self.told.push_back((now, told));
        while self.bytes > MOST || self.told.front().is_some_and(|(at, _)| *at + REMEMBERED < now) {
            self.forget_oldest();
        }
    }

    fn forget_oldest(&mut self) {
        if let Some((_, told)) = self.told.pop_front() {
            self.bytes -= told.weight();
        }
    }

    /// Takes out what was asked for after something that was missed. Costs nothing while nothing was.
    pub fn take_newer(&mut self, missed: &HashMap<(CoreId, u64), i64>) -> Vec<Told> {
        if missed.is_empty() {
            return Vec::new();
        }
        let is_newer = |told: &Told| {
            missed.get(&(told.core, told.chain)).is_some_and(|asked| *asked < told.command.asked)
        };
        let (newer, rest) = std::mem::take(&mut self.told).into_iter().partition(|(_, told)| is_newer(told));
        self.told = rest;
        let newer: VecDeque<(Instant, Told)> = newer;
        self.bytes -= newer.iter().map(|(_, told)| told.weight()).sum::<usize>();
        newer.into_iter().map(|(_, told)| told).collect()
    }
}
