//! What the recordings say, beside what was asked for and what was told.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::ops::Range;
use std::path::PathBuf;
use std::time::Duration;

use corecast::protocol::param::Param;
use corecast::records::Record;
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use super::agent::Told;
use super::plant::Obligation;
use super::trouble::Mishaps;
use crate::it::core::sound::Sound;

/// What the edges of two clocks' readings may differ by: a sample, a millisecond of TIMEOFFSET, and some for a machine
/// that takes its time between reading a clock and acting on it.
const EDGE: SignedDuration = SignedDuration::from_millis(20);

/// A core that is killed loses what it had not written, half a second of it and more on a machine that is busy, and takes
/// some time to be back.
const LOST_BY_A_KILL: SignedDuration = SignedDuration::from_secs(3);

/// How much earlier, at most, than it was asked for a start is told that is delivered late.
const EARLY: SignedDuration = SignedDuration::from_millis(2000);

type Span = (Timestamp, Timestamp);

/// What became of one command at one core.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    /// The client was told that the core confirmed.
    Confirmed,
    /// The client was told that it may not have it; then it was delivered, as if at this moment.
    Late(Timestamp),
    /// The client was told that it may not have it, and it was not delivered, for this reason.
    Never(&'static str),
}

/// What is to be found in one recording.
#[derive(Debug, Default)]
struct Expected {
    /// Must be silent, each for the blackout of this number.
    must: Vec<(usize, Span)>,
    /// May be silent.
    may: Vec<Span>,
    /// May be silent as well, since a start that is delivered late is told to have been a little earlier than it was.
    early: Vec<Span>,
    /// May be silent as well: the core hung when it was sent the stop, and did it when it was back.
    hung: Vec<Span>,
}

/// Knows what was asked, told and done.
pub struct Judge<'a> {
    told: BTreeMap<String, Vec<Told>>,
    owed: HashMap<(String, u16), Vec<&'a Obligation>>,
    ledger: HashMap<(String, String), Vec<&'a Value>>,
    mishaps: &'a Mishaps,
    account: Account,
}

/// The counts, and what is wrong.
#[derive(Debug, Default)]
pub struct Account {
    blackouts: usize,
    legs: BTreeMap<&'static str, usize>,
    repeated: usize,
    recordings: usize,
    recorded: f64,
    silent: f64,
    /// Silence that nobody asked for, by its reason, in seconds.
    excused: BTreeMap<&'static str, (usize, f64)>,
    faults: Vec<String>,
}

impl<'a> Judge<'a> {
    pub fn new(
        told: Vec<(String, Vec<Told>)>,
        obligations: &'a [Obligation],
        ledger: &'a [Value],
        mishaps: &'a Mishaps,
    ) -> Self {
        let mut owed = HashMap::<_, Vec<_>>::new();
        for one in obligations {
            owed.entry((one.device.clone(), one.core)).or_default().push(one);
        }
        let mut rows = HashMap::<_, Vec<_>>::new();
        for row in ledger.iter().filter(|row| row["event"] == "blackout") {
            let devices: Vec<String> =
                serde_json::from_str(row["devices"].as_str().unwrap_or("[]")).expect("a list of devices");
            let id = row["request_id"].as_str().unwrap_or("").to_owned();
            devices.into_iter().for_each(|device| rows.entry((device, id.clone())).or_default().push(row));
        }
        let account = Account::default();
        Self { told: told.into_iter().collect(), owed, ledger: rows, mishaps, account }
    }

    pub fn judges(mut self, recordings: Vec<(PathBuf, Record)>) -> Account {
        let told: Vec<_> = self.told.values().flatten().collect();
        self.account.blackouts = told.iter().filter(|told| told.kind == "BLACKOUTSTART").count();
        self.account.repeated = told.iter().filter(|told| told.tries > 1).count();
        for (path, record) in recordings {
            let sound = Sound::read(&std::fs::read(&path).expect("the sound is there"));
            self.judge(&record, &sound);
        }
        self.account
    }

    fn judge(&mut self, record: &Record, sound: &Sound) {
        let device = &record.said[&Param::DeviceId];
        let expected = self.expected(device, record.core.0, record.stopped.expect("it has ended"));
        let silent: Vec<Span> = sound.silent.iter().map(|range| span(record, range)).collect();
        let seconds = |number: u64| Duration::from_micros(125 * number).as_secs_f64();
        self.account.recordings += 1;
        self.account.recorded += seconds(sound.length);
        self.account.silent += seconds(sound.silent.iter().map(|range| range.end - range.start).sum());
        for (number, must) in expected.must {
            for heard in minus(must, &silent) {
                self.fault(record, &format!("blackout {number} can be heard"), heard, Some(number));
            }
        }
        for extra in silent.iter().flat_map(|span| minus(*span, &expected.may)) {
            self.excuse(record, extra, [&expected.early, &expected.hung]);
        }
    }

    /// What one core's recording of one device is to be like.
    fn expected(&mut self, device: &str, core: u16, end: Timestamp) -> Expected {
        let told = self.told[device].clone();
        let fates: Vec<_> = (1..).zip(&told).map(|(id, told)| self.fate(device, core, id, told)).collect();
        let mut expected = Expected::default();
        for (number, (pair, fate)) in told.chunks(2).zip(fates.chunks(2)).enumerate() {
            let [start, stop] = pair else { continue };
            let from = match fate[0] {
                Fate::Confirmed => Some(start.answered),
                Fate::Late(asked) => Some(asked),
                Fate::Never(_) => None,
            };
            if fate[0] != Fate::Confirmed {
                expected.early.push((start.sent - EARLY, start.sent));
            }
            expected.must.extend(from.map(|from| (number, (from + EDGE, stop.sent - EDGE))));
            // A stop that the core never got ends with the next one that it did.
            let mut stops = told.iter().zip(&fates).skip(2 * number + 1).step_by(2);
            let until = stops.find(|(_, fate)| !matches!(fate, Fate::Never(_)));
            let until_answered = until.map_or(end, |(stop, _)| stop.answered);
            expected.may.push((start.sent - EDGE, until_answered + EDGE));
            if let Some((stop, Fate::Late(_))) = until {
                expected.hung.extend(self.hung(core, stop).map(|back| (stop.answered, back + EDGE)));
            }
        }
        expected
    }

    /// When the core was back, if it hung while this was sent.
    fn hung(&self, core: u16, told: &Told) -> impl Iterator<Item = Timestamp> {
        let hangs = self.mishaps.0.iter().filter(move |m| m.what == "core stopped" && m.core == core);
        hangs.filter(|m| m.from < told.answered && told.sent < m.to).map(|m| m.to)
    }

    fn fate(&mut self, device: &str, core: u16, id: usize, told: &Told) -> Fate {
        let fate =
            if told.is_confirmed_by(core) { Fate::Confirmed } else { self.owed(device, core, id, told) };
        let name = match fate {
            Fate::Confirmed => "confirmed at once",
            Fate::Late(_) => "told PARTIAL, delivered late",
            Fate::Never(why) => why,
        };
        *self.account.legs.entry(name).or_default() += 1;
        fate
    }

    /// Of what the client was told that the core may not have it.
    fn owed(&mut self, device: &str, core: u16, id: usize, told: &Told) -> Fate {
        self.must_be_in_the_ledger(device, core, id, told);
        let owed = self.owed.get(&(device.into(), core));
        let asked =
            told.sent - SignedDuration::from_millis(2)..told.answered + SignedDuration::from_millis(2);
        let mut these = owed
            .into_iter()
            .flatten()
            .filter(|owed| owed.command == told.kind && asked.contains(&owed.asked));
        match these.next_back() {
            Some(owed) => match owed.state.as_str() {
                "delivered" | "superseded" => Fate::Late(owed.asked),
                "expired" => Fate::Never("told PARTIAL, expired"),
                "refused" => Fate::Never("told PARTIAL, refused"),
                other => panic!("an obligation is {other} in the end"),
            },
            None if told.message.contains("not kept") => Fate::Never("told PARTIAL and not kept"),
            None => {
                self.account
                    .faults
                    .push(format!("{device}: core {core} was promised {told:?}, and nothing is owed"));
                Fate::Never("forgotten")
            }
        }
    }

    fn must_be_in_the_ledger(&mut self, device: &str, core: u16, id: usize, told: &Told) {
        let rows = self.ledger.get(&(device.into(), id.to_string()));
        let is_told = |row: &&&Value| {
            let legs: Vec<Value> = serde_json::from_str(row["legs"].as_str().unwrap_or("[]")).expect("legs");
            legs.iter().any(|leg| leg["core"] == core && leg["outcome"] != "ok")
        };
        if rows.into_iter().flatten().any(|row| is_told(&row)) {
            return;
        }
        let was_down = |what| self.during(what, 0, (told.sent, told.answered));
        if was_down("database killed") {
            *self.account.legs.entry("not in the ledger: the database was down").or_default() += 1;
        } else {
            self.account.faults.push(format!("{device}: not in the ledger: {told:?} at core {core}"));
        }
    }

    /// Whether this went wrong in that time, or within a second of it.
    fn during(&self, what: &str, core: u16, (from, to): Span) -> bool {
        let near = SignedDuration::from_secs(1);
        let mut mishaps = self.mishaps.0.iter().filter(|mishap| mishap.what == what && mishap.core == core);
        mishaps.any(|mishap| mishap.from - near < to && from < mishap.to + near)
    }

    /// Silence that nobody asked for has a reason, or is a fault.
    fn excuse(&mut self, record: &Record, extra: Span, [early, hung]: [&[Span]; 2]) {
        let killed = self.mishaps.0.iter().filter(|m| m.what == "core killed" && m.core == record.core.0);
        let dead: Vec<_> = killed.map(|m| (m.from - LOST_BY_A_KILL, m.to + LOST_BY_A_KILL)).collect();
        let mut left = vec![extra];
        for (why, spans) in [
            ("a late start was told a little earlier", early),
            ("the core hung when it was sent the stop", hung),
            ("the core was dead", &dead),
        ] {
            let rest: Vec<_> = left.iter().flat_map(|span| minus(*span, spans)).collect();
            let seconds = length(&left) - length(&rest);
            if seconds > 0.0 {
                let excused = self.account.excused.entry(why).or_default();
                *excused = (excused.0 + 1, excused.1 + seconds);
            }
            left = rest;
        }
        for extra in left {
            self.fault(record, "silent without need", extra, None);
        }
    }

    /// What is wrong, with all that was said, owed and broken about that time.
    fn fault(&mut self, record: &Record, what: &str, at: Span, number: Option<usize>) {
        const NEAR: SignedDuration = SignedDuration::from_secs(4);
        let (device, core) = (&record.said[&Param::DeviceId], record.core.0);
        let is_near = |from: Timestamp, to: Timestamp| from < at.1 + NEAR && at.0 - NEAR < to;
        let said = self.told[device].iter().enumerate();
        let said = said.filter(|(n, told)| number == Some(n / 2) || is_near(told.sent, told.answered));
        let owed = self.owed.get(&(device.clone(), core)).into_iter().flatten();
        let owed = owed.filter(|owed| is_near(owed.asked, owed.asked));
        let broken = self.mishaps.0.iter().filter(|m| m.core == core || m.core == 0);
        let broken = broken.filter(|m| is_near(m.from, m.to));
        let lines: Vec<_> = [format!("{device} at core {core}: {what} from {} to {}", at.0, at.1)]
            .into_iter()
            .chain(said.map(|(n, told)| format!("{n} {told:?}")))
            .chain(owed.map(|owed| format!("{owed:?}")))
            .chain(broken.map(|mishap| format!("{mishap:?}")))
            .collect();
        self.account.faults.push(lines.join("\n    "));
    }
}

fn length(spans: &[Span]) -> f64 {
    spans.iter().map(|(from, to)| to.duration_since(*from).as_secs_f64()).sum()
}

fn span(record: &Record, range: &Range<u64>) -> Span {
    let moment = |number: u64| {
        record.started + SignedDuration::from_micros(125 * i64::try_from(number).expect("a short sound"))
    };
    (moment(range.start), moment(range.end))
}

/// What of a span lies in none of these, longer than nothing.
fn minus(span: Span, others: &[Span]) -> Vec<Span> {
    let mut left = vec![span];
    for (from, to) in others {
        let cut = |(a, b): Span| [(a, b.min(*from)), (a.max(*to), b)];
        left = left.into_iter().flat_map(cut).filter(|(a, b)| a < b).collect();
    }
    left.retain(|(a, b)| a < b);
    left
}

impl Account {
    /// Fails the test if anything is wrong.
    pub fn acquits(mut self) {
        self.faults.sort_by_key(|fault| fault.contains("without need"));
        assert!(
            self.faults.is_empty(),
            "{} faults, the first:\n{}",
            self.faults.len(),
            self.faults.iter().take(8).cloned().collect::<Vec<_>>().join("\n")
        );
        assert!(
            self.legs.contains_key("told PARTIAL, delivered late"),
            "nothing was delivered late: no proof"
        );
    }
}

impl fmt::Display for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { blackouts, repeated, recordings, recorded, silent, .. } = self;
        writeln!(f, "{blackouts} blackouts; {repeated} commands sent again after a proxy was gone")?;
        writeln!(f, "{recordings} recordings, {recorded:.0} s, {silent:.0} s of it silent")?;
        self.legs
            .iter()
            .try_for_each(|(what, count)| writeln!(f, "{count:7} commands at one core {what}"))?;
        let mut excused = self.excused.iter();
        excused.try_for_each(|(why, (count, seconds))| {
            writeln!(f, "{count:7} silences of {seconds:.1} s: {why}")
        })?;
        write!(f, "{:7} faults", self.faults.len())
    }
}
