//! How values are written: each function makes one kind of value of a node, or says what is wrong
//! with it in words that follow the key's name.

use std::collections::BTreeSet;
use std::fmt::Display;
use std::net::SocketAddr;
use std::ops::RangeInclusive;
use std::str::FromStr;
use std::time::Duration;

use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::LevelFilter;

use super::tree::{Node, Value};
use crate::trail::Share;

/// From a millisecond to a day: for times that must pass.
pub(super) const SOME_TIME: RangeInclusive<Duration> = Duration::from_millis(1)..=DAY;
/// From nothing to a day: for times that may be none.
pub(super) const ANY_TIME: RangeInclusive<Duration> = Duration::ZERO..=DAY;

const DAY: Duration = Duration::from_hours(24);
const UNITS: [(&str, u64); 4] = [("ms", 1), ("s", 1000), ("m", 60_000), ("h", 3_600_000)];

/// A whole number within bounds.
pub(super) fn whole<T: TryFrom<i64>>(range: RangeInclusive<i64>) -> impl Fn(&Node) -> Result<T, String> {
    move |node| match &node.value {
        Value::Whole(number) if range.contains(number) => T::try_from(*number).map_err(|_| out_of(&range)),
        Value::Whole(_) => Err(out_of(&range)),
        other => Err(format!("must be a whole number, not {}", other.kind())),
    }
}

/// A part of all, from 0 to 1.
pub(super) fn share(node: &Node) -> Result<Share, String> {
    let part = match node.value {
        Value::Fraction(part) => part,
        Value::Whole(0) => 0.0,
        Value::Whole(1) => 1.0,
        Value::Whole(_) => f64::NAN,
        ref other => return Err(format!("must be a number from 0 to 1, not {}", other.kind())),
    };
    Share::of(part).ok_or_else(|| "must be a number from 0 to 1: 0.01 is one in a hundred".into())
}

/// True or false.
pub(super) fn flag(node: &Node) -> Result<bool, String> {
    match &node.value {
        Value::Flag(flag) => Ok(*flag),
        other => Err(format!("must be true or false, not {}", other.kind())),
    }
}

fn out_of(range: &RangeInclusive<i64>) -> String {
    format!("must be a number from {} to {}", range.start(), range.end())
}

/// Text that says something, on one line.
pub(super) fn text(node: &Node) -> Result<String, String> {
    match raw(node)? {
        blank if blank.trim().is_empty() => Err("must not be empty".into()),
        text if text.contains(char::is_control) => Err("must be one line without control characters".into()),
        text => Ok(text.to_owned()),
    }
}

fn raw(node: &Node) -> Result<&str, String> {
    match &node.value {
        Value::Text(text) => Ok(text),
        other => Err(format!("must be text in quotes, not {}", other.kind())),
    }
}

/// Text that a type makes something of.
pub(super) fn parsed<T: FromStr<Err: Display>>(node: &Node) -> Result<T, String> {
    raw(node)?.parse().map_err(|error: T::Err| error.to_string())
}

/// One of a few words.
pub(super) fn choice<T: Copy>(words: &[(&str, T)]) -> impl Fn(&Node) -> Result<T, String> {
    move |node| {
        let written = raw(node)?;
        let found = words.iter().find(|(word, _)| *word == written).map(|(_, value)| *value);
        let quoted = || words.iter().map(|(word, _)| format!("\"{word}\"")).collect::<Vec<_>>().join(" or ");
        found.ok_or_else(|| format!("must be {}, not \"{written}\"", quoted()))
    }
}

/// A time such as `1500ms`, within bounds.
pub(super) fn duration(range: RangeInclusive<Duration>) -> impl Fn(&Node) -> Result<Duration, String> {
    move |node| {
        let written = raw(node).map_err(|wrong| format!("{wrong}: a time has a unit, for example \"2s\""))?;
        let time = span_of_time(written).ok_or_else(|| {
            format!(
                "is no time: \"{written}\"; write a whole number and ms, s, m or h, for example \"1500ms\""
            )
        })?;
        let end = if *range.end() == DAY { "24h".into() } else { format!("{:?}", range.end()) };
        let bounds = || format!("must be a time from {:?} to {end}", range.start());
        range.contains(&time).then_some(time).ok_or_else(bounds)
    }
}

fn span_of_time(written: &str) -> Option<Duration> {
    let unit = written.find(|c: char| !c.is_ascii_digit())?;
    let (number, unit) = written.split_at(unit);
    let (_, millis) = UNITS.iter().find(|(name, _)| *name == unit)?;
    number.parse::<u64>().ok()?.checked_mul(*millis).map(Duration::from_millis)
}

/// An address of this machine to listen at.
pub(super) fn listen_address(node: &Node) -> Result<SocketAddr, String> {
    let written = raw(node)?;
    written.parse().map_err(|_| {
        format!("is no address to listen at: \"{written}\"; write IP:port, for example \"0.0.0.0:5620\"")
    })
}

/// `host:port` of another machine; names are looked up when connecting, not now.
pub(super) fn remote_address(node: &Node) -> Result<String, String> {
    let written = raw(node)?;
    is_remote(written).then(|| written.to_owned()).ok_or_else(|| {
        format!("is no address: \"{written}\"; write host:port, for example \"10.0.0.7:5620\" or \"[fd00::7]:5620\"")
    })
}

/// The name of an SRV record: `_service._tcp.domain`.
pub(super) fn srv_name(node: &Node) -> Result<String, String> {
    let written = text(node)?;
    let labels: Vec<_> = written.trim_end_matches('.').split('.').collect();
    let is_label = |label: &&str| {
        let is_sound = |b: u8| b.is_ascii_alphanumeric() || b"-_".contains(&b);
        (1..=63).contains(&label.len()) && label.bytes().all(is_sound)
    };
    let is_service = labels.len() > 2 && labels[..2].iter().all(|label| label.starts_with('_'));
    (is_service && labels.iter().all(is_label)).then_some(written.clone()).ok_or_else(|| {
        format!("is no SRV name: \"{written}\"; write \"_cti._tcp.recorders.example\" or the like")
    })
}

fn is_remote(written: &str) -> bool {
    let is_name = |host: &str| {
        !host.is_empty() && host.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._".contains(&b))
    };
    let port_is_sound = |port: &str| port.parse().is_ok_and(|port: u16| port != 0);
    let numeric = written.parse::<SocketAddr>().is_ok_and(|address| address.port() != 0);
    numeric || written.rsplit_once(':').is_some_and(|(host, port)| is_name(host) && port_is_sound(port))
}

/// Where a database is. What is written may hold a password, so a fault does not repeat it.
pub(super) fn database_url(node: &Node) -> Result<String, String> {
    let written = text(node)?;
    let schemes = ["sqlite:", "postgres://", "postgresql://"];
    schemes.iter().any(|scheme| written.starts_with(scheme)).then_some(written).ok_or_else(|| {
        "must begin with sqlite: or postgres://, for example \"sqlite:///var/lib/corecast/corecast.db\""
            .into()
    })
}

/// Where recordings are. What is written may hold a password, so a fault does not repeat it.
pub(super) fn store_url(node: &Node) -> Result<String, String> {
    let written = text(node)?;
    let place = ["file://", "s3://"].iter().find_map(|scheme| written.strip_prefix(scheme));
    let names_one = place.is_some_and(|place| !matches!(place.chars().next(), None | Some('?')));
    names_one.then_some(written).ok_or_else(|| {
        "must name a folder or a bucket, for example \"file:///var/lib/corecast/recordings\" or \
         \"s3://bucket/prefix\""
            .into()
    })
}

/// Where a recording can be played, with a place for its number; or nothing.
pub(super) fn playback_link(node: &Node) -> Result<String, String> {
    let link = if raw(node)?.is_empty() { String::new() } else { text(node)? };
    (link.is_empty() || link.contains("{recordid}")).then_some(link).ok_or_else(|| {
        "has no {recordid}, where the recording's number belongs: \"http://player.example/{recordid}\"".into()
    })
}

/// What to log: a level, or levels by module.
pub(super) fn log_filter(node: &Node) -> Result<String, String> {
    let written = text(node)?;
    let is_word = |part: &&str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_alphabetic());
    // a misspelt level would count as the name of a module, and silence all others
    let misspelt =
        written.split(',').map(str::trim).filter(is_word).find(|word| word.parse::<LevelFilter>().is_err());
    if misspelt.is_some() || EnvFilter::try_new(&written).is_err() {
        let help =
            "write off, error, warn, info, debug or trace, also by module: \"info,corecast::upstream=debug\"";
        return Err(format!("is no log level: \"{}\"; {help}", misspelt.unwrap_or(&written)));
    }
    Ok(written)
}

/// What a file holds, as text.
pub(super) fn content(node: &Node) -> Result<String, String> {
    let path = text(node)?;
    std::fs::read_to_string(&path).map_err(|error| format!("is {path}, which cannot be read: {error}"))
}

/// Refuses what it has read before.
pub(super) fn unique<T: Ord + Clone + Display>(
    taken: &mut BTreeSet<T>,
    read: impl Fn(&Node) -> Result<T, String>,
) -> impl FnMut(&Node) -> Result<T, String> {
    move |node| {
        let value = read(node)?;
        let is_new = taken.insert(value.clone());
        is_new.then_some(value.clone()).ok_or_else(|| format!("is {value} for the second time"))
    }
}
