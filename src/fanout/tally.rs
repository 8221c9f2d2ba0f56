//! The ends of a call's legs, sorted by what they mean for the verdict.

use crate::model::{CoreId, LegEnd, Outcome, Rejection};

/// How one core's leg ended.
#[derive(Debug)]
pub struct Ended {
    /// The core.
    pub core: CoreId,
    /// The place in [`Plan::devices`](crate::route::Plan::devices) of the device that it was told of.
    pub device: Option<u32>,
    /// The device, agent or chat that it was about.
    pub chain: u64,
    /// Whether an earlier try of the same command ended so, and this one did not go to the core.
    pub is_earlier: bool,
    /// The end.
    pub end: LegEnd,
}

/// The legs of a call, sorted by what they mean for the verdict.
#[derive(Debug, Default)]
pub(super) struct Tally<'a> {
    /// The core confirmed.
    pub confirmed: Vec<&'a Ended>,
    /// "Not mine", where that is no failure.
    pub strangers: Vec<&'a Ended>,
    /// The core refused.
    pub rejected: Vec<(&'a Ended, &'a Rejection)>,
    /// No answer, or never sent.
    pub missing: Vec<&'a Ended>,
}

impl<'a> Tally<'a> {
    pub fn of(ended: &'a [Ended], is_stranger: impl Fn(CoreId, &Rejection) -> bool) -> Self {
        let mut tally = Self { confirmed: Vec::with_capacity(ended.len()), ..Self::default() };
        for leg in ended {
            match &leg.end.outcome {
                Outcome::Ok => tally.confirmed.push(leg),
                Outcome::Rejected(rejection) if is_stranger(leg.core, rejection) => {
                    tally.strangers.push(leg);
                    tally.rejected.push((leg, rejection));
                }
                Outcome::Rejected(rejection) => tally.rejected.push((leg, rejection)),
                _ => tally.missing.push(leg),
            }
        }
        tally
    }

    pub fn is_stranger(&self, leg: &Ended) -> bool {
        self.strangers.iter().any(|stranger| stranger.core == leg.core)
    }

    /// The cores that should have confirmed and did not, in order.
    pub fn unconfirmed(&self) -> Vec<CoreId> {
        let refused = self.rejected.iter().map(|(leg, _)| *leg).filter(|leg| !self.is_stranger(leg));
        let mut cores: Vec<_> = refused.chain(self.missing.iter().copied()).map(|leg| leg.core).collect();
        cores.sort_unstable();
        cores
    }
}

/// One end per core. Of a core's legs the worst counts, since all that was asked of it must be done; but where it
/// did a part, "not mine" for the rest is no failure.
pub(super) fn one_per_core(ended: Vec<Ended>, is_stranger: impl Fn(&Rejection) -> bool) -> Vec<Ended> {
    let badness = |outcome: &Outcome| match outcome {
        Outcome::Rejected(rejection) if is_stranger(rejection) => 0,
        Outcome::Ok => 1,
        Outcome::Rejected(_) => 2,
        _ => 3,
    };
    let mut cores: Vec<Ended> = Vec::with_capacity(ended.len());
    for leg in ended {
        match cores.iter_mut().find(|known| known.core == leg.core) {
            Some(known) => {
                let elapsed = known.end.elapsed.max(leg.end.elapsed);
                if badness(&leg.end.outcome) > badness(&known.end.outcome) {
                    known.end = leg.end;
                }
                known.end.elapsed = elapsed;
            }
            None => cores.push(leg),
        }
    }
    cores
}
