//! What happened, and whether it may happen: every fact is told here, and held against what must hold.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Display;
use std::sync::{Arc, Mutex, MutexGuard};

use tokio::time::Instant;

use super::answer::Answer;

/// Which request: its number in the order of asking, which it carries as a parameter.
pub type Marker = usize;

/// A core's number.
pub type CoreId = u16;

/// What a client asked.
#[derive(Clone, Debug)]
pub struct Asked {
    /// Its function.
    pub kind: &'static str,
    /// REQUESTID.
    pub id: i64,
    /// The cores that own the device; empty if nobody knows them, and all are asked.
    pub owners: Vec<CoreId>,
    /// When it must be answered.
    pub until: Instant,
}

/// What a core said to a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Said {
    /// It confirmed.
    Yes,
    /// It refused.
    No,
}

/// A start or stop as a core took it, with ASKEDAT if it had one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Taken {
    marker: Marker,
    asked_at: Option<i64>,
}

/// All that happened, in order, and all that is wrong with it.
#[derive(Clone)]
pub struct Judge(Arc<Mutex<Facts>>);

struct Facts {
    begun: Instant,
    trace: Vec<String>,
    broken: Vec<String>,
    asked: Vec<(Asked, Option<Answer>)>,
    /// Requests whose clients are gone.
    abandoned: BTreeSet<Marker>,
    /// Requests of which a link wrote a byte to a core.
    written: BTreeSet<(CoreId, Marker)>,
    said: BTreeSet<(CoreId, Marker, bool)>,
    overtaken: Vec<String>,
    is_replayed: bool,
    /// The starts and stops that a core has taken of a device, in order.
    taken: BTreeMap<(CoreId, String), Vec<Taken>>,
}

impl Judge {
    pub fn new() -> Self {
        Self(Arc::new(Mutex::new(Facts {
            begun: Instant::now(),
            trace: Vec::new(),
            broken: Vec::new(),
            asked: Vec::new(),
            abandoned: BTreeSet::new(),
            written: BTreeSet::new(),
            said: BTreeSet::new(),
            overtaken: Vec::new(),
            is_replayed: false,
            taken: BTreeMap::new(),
        })))
    }

    fn facts(&self) -> MutexGuard<'_, Facts> {
        self.0.lock().expect("nobody panics while holding it")
    }

    /// Something worth knowing when something else is wrong.
    pub fn note(&self, what: impl Display) {
        self.facts().note(what);
    }

    /// Something that must not be.
    pub fn broken(&self, what: impl Display) {
        self.facts().breaks(what);
    }

    /// A client asks; the number of its request.
    pub fn asks(&self, client: usize, device: &str, asked: impl FnOnce(Marker) -> Asked) -> Marker {
        let mut facts = self.facts();
        let marker = facts.asked.len();
        let asked = asked(marker);
        facts.note(format_args!("client {client} asks {} m{marker} of {device}", asked.kind));
        facts.asked.push((asked, None));
        marker
    }

    /// A client is gone, and hears no answers to these.
    pub fn abandons(&self, client: usize, markers: impl IntoIterator<Item = Marker>) {
        let mut facts = self.facts();
        facts.note(format_args!("client {client} goes"));
        facts.abandoned.extend(markers);
    }

    /// A link has written a byte of it.
    pub fn writes(&self, core: CoreId, marker: Marker) {
        self.facts().written.insert((core, marker));
    }

    /// A core takes a request of a device to do it.
    pub fn takes(&self, core: CoreId, device: &str, marker: Marker, asked_at: Option<i64>) {
        let mut facts = self.facts();
        let kind = facts.asked[marker].0.kind;
        facts.note(format_args!("core {core} takes {kind} m{marker} of {device}"));
        let Some(family) = family(kind) else { return };
        let taken = facts.taken.entry((core, format!("{family} {device}"))).or_default();
        let is_first = !taken.iter().any(|taken| taken.marker == marker);
        let newest = taken.iter().map(|taken| taken.marker).max().filter(|newest| *newest > marker);
        taken.push(Taken { marker, asked_at });
        if let Some(newest) = newest.filter(|newest| is_first && facts.asked[*newest].0.kind != kind) {
            let overtaker = facts.asked[newest].0.kind;
            facts.overtakes(format_args!("core {core} took {kind} m{marker} after {overtaker} m{newest}"));
        }
    }

    /// A core answers a request.
    pub fn says(&self, core: CoreId, marker: Marker, said: Said) {
        let mut facts = self.facts();
        facts.note(format_args!("core {core} says {said:?} to m{marker}"));
        facts.said.insert((core, marker, said == Said::Yes));
    }

    /// A client is answered.
    pub fn answered(&self, client: usize, marker: Marker, answer: Answer) {
        let mut facts = self.facts();
        facts.note(format_args!("client {client} hears of m{marker}: {answer}"));
        let asked = facts.asked[marker].0.clone();
        let wrong = facts.wrong_with(marker, &asked, &answer);
        wrong.into_iter().for_each(|wrong| facts.breaks(wrong));
        if facts.asked[marker].1.replace(answer).is_some() {
            facts.breaks(format_args!("m{marker} was answered twice"));
        }
    }

    /// All is healed and has had its time: whether each request was answered, and what is owed was delivered.
    pub fn ends(&self) {
        let mut facts = self.facts();
        for (marker, (asked, answer)) in facts.asked.clone().into_iter().enumerate() {
            let Some(answer) = answer else {
                if !facts.abandoned.contains(&marker) {
                    facts.breaks(format_args!("{} m{marker} was never answered", asked.kind));
                }
                continue;
            };
            for core in answer.deferred() {
                if facts.said(core, marker).is_none() {
                    facts.breaks(format_args!(
                        "core {core} never got {} m{marker}, which it was owed",
                        asked.kind
                    ));
                }
            }
            for core in
                answer.not_sent().filter(|core| facts.written.contains(&(*core, marker))).collect::<Vec<_>>()
            {
                facts.breaks(format_args!("core {core} saw bytes of m{marker}, which was not sent"));
            }
        }
    }

    /// Every core was left as the newest that it took of a device says: of blackouts by ASKEDAT, however they came. What
    /// else is not known to have arrived may be delivered again, also behind what came after it; then that is delivered
    /// again too.
    pub fn ends_in_order(&self) {
        let mut facts = self.facts();
        for ((core, about), taken) in facts.taken.clone() {
            let is_stamped = taken.iter().all(|taken| taken.asked_at.is_some());
            let last =
                if is_stamped { taken.iter().max_by_key(|taken| taken.asked_at) } else { taken.last() };
            let newest = taken.iter().max_by_key(|taken| taken.marker);
            let (Some(last), Some(newest)) = (last, newest) else { continue };
            let kind = |taken: &Taken| facts.asked[taken.marker].0.kind;
            if kind(last) == kind(newest) {
                continue;
            }
            let what =
                format!("core {core} is left with m{} and not m{} of {about}", last.marker, newest.marker);
            if is_stamped {
                facts.overtakes(what);
            } else {
                facts.note(format_args!("OVERTAKEN: {what}"));
                facts.is_replayed = true;
            }
        }
    }

    /// Whether a core was left with what came again behind something newer.
    pub fn is_replayed(&self) -> bool {
        self.facts().is_replayed
    }

    /// How many requests were asked.
    pub fn count(&self) -> usize {
        self.facts().asked.len()
    }

    /// What each request's leg to each core came to.
    pub fn legs(&self) -> BTreeMap<(Marker, CoreId), (String, u64)> {
        let facts = self.facts();
        let answers = facts
            .asked
            .iter()
            .enumerate()
            .filter_map(|(marker, (_, answer))| Some((marker, answer.as_ref()?)));
        let legs = answers.flat_map(|(marker, answer)| answer.cores.iter().map(move |leg| (marker, leg)));
        legs.map(|(marker, leg)| ((marker, leg.core), (leg.outcome.clone(), leg.milliseconds))).collect()
    }

    /// The trace, what was broken, and which order was.
    pub fn verdict(&self) -> (Vec<String>, Vec<String>, Vec<String>) {
        let facts = self.facts();
        (facts.trace.clone(), facts.broken.clone(), facts.overtaken.clone())
    }
}

/// What a function begins or ends.
fn family(kind: &str) -> Option<&str> {
    kind.strip_suffix("START").or(kind.strip_suffix("STOP"))
}

impl Facts {
    fn note(&mut self, what: impl Display) {
        let at = self.begun.elapsed();
        self.trace.push(format!("{:>10.3} ms  {what}", at.as_secs_f64() * 1000.0));
    }

    fn breaks(&mut self, what: impl Display) {
        self.note(format_args!("BROKEN: {what}"));
        self.broken.push(what.to_string());
    }

    fn overtakes(&mut self, what: impl Display) {
        self.note(format_args!("OVERTAKEN: {what}"));
        self.overtaken.push(what.to_string());
    }

    fn said(&self, core: CoreId, marker: Marker) -> Option<Said> {
        let has = |yes| self.said.contains(&(core, marker, yes));
        if has(true) { Some(Said::Yes) } else { has(false).then_some(Said::No) }
    }

    /// What is wrong with an answer, at the moment of it.
    fn wrong_with(&self, marker: Marker, asked: &Asked, answer: &Answer) -> Vec<String> {
        let mut wrong = Vec::new();
        let mut expect = |holds: bool, what: String| {
            if !holds {
                wrong.push(format!("m{marker}: {what}"));
            }
        };
        let now = Instant::now();
        expect(answer.id == asked.id.to_string(), format!("REQUESTID {} for {}", answer.id, asked.id));
        expect(answer.kind == asked.kind, format!("{} is answered as {}", asked.kind, answer.kind));
        let late = now.saturating_duration_since(asked.until);
        expect(late.is_zero(), format!("answered {late:?} too late"));
        let confirmed = |core: &CoreId| self.said(*core, marker) == Some(Said::Yes);
        if answer.label == "API_OK" {
            let missing: Vec<_> = asked.owners.iter().filter(|core| !confirmed(core)).collect();
            expect(missing.is_empty(), format!("API_OK, and {missing:?} did not confirm"));
            let anybody = self.said.iter().any(|(_, said, yes)| *said == marker && *yes);
            expect(anybody, "API_OK, and nobody confirmed".into());
        }
        for leg in &answer.cores {
            let said = self.said(leg.core, marker);
            let holds = match &*leg.outcome {
                "OK" => said == Some(Said::Yes),
                "REJECTED" => self.said.contains(&(leg.core, marker, false)),
                "NOT_SENT" => !self.written.contains(&(leg.core, marker)),
                _ => true,
            };
            expect(holds, format!("{} of core {}, which said {said:?}", leg.outcome, leg.core));
        }
        if !answer.cores.is_empty() && !asked.owners.is_empty() {
            let cores: Vec<_> = answer.cores.iter().map(|leg| leg.core).collect();
            expect(cores == asked.owners, format!("legs {cores:?} for owners {:?}", asked.owners));
        }
        wrong
    }
}
