//! `corecast audit`: the ledger of blackouts, for assessors.

mod export;
mod show;
mod verify;

use std::ops::Range;

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

use super::Exit;
use super::configured::Configured;
use super::directory::{Place, Trouble};
use crate::config::Settings;
use crate::database::Database;
use crate::ledger::Book;

/// What is done with the ledger.
#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    /// Check every chain: whether an entry was changed, removed, or put between others
    Verify(verify::Args),
    /// Show each blackout of a device, core by core
    Show(show::Args),
    /// Print all entries as JSON, one to a line, with the hashes that others can check them by
    Export(export::Args),
}

/// Which time is looked at.
#[derive(Clone, Copy, Debug, clap::Args)]
struct Span {
    /// Only what was asked at this time or later: 2026-11-25 or 2026-11-25T14:00:00, in UTC, or with an offset
    #[arg(long, value_name = "TIME", value_parser = moment)]
    from: Option<Timestamp>,
    /// Only what was asked before this time
    #[arg(long, value_name = "TIME", value_parser = moment)]
    to: Option<Timestamp>,
}

impl Span {
    /// In UNIX milliseconds.
    fn milliseconds(self) -> Range<i64> {
        let or = |time: Option<Timestamp>, default| time.map_or(default, Timestamp::as_millisecond);
        or(self.from, i64::MIN)..or(self.to, i64::MAX)
    }
}

/// A time as people write it; without an offset it is UTC.
fn moment(text: &str) -> Result<Timestamp, String> {
    let utc = |time| TimeZone::UTC.to_timestamp(time);
    if let Ok(time) = text.parse::<Timestamp>() {
        return Ok(time);
    }
    text.parse::<DateTime>()
        .and_then(utc)
        .map_err(|_| "write a time as 2026-11-25 or 2026-11-25T14:00:00Z".into())
}

pub(super) fn run(command: &Command) -> Exit {
    let configured = match command {
        Command::Verify(args) => &args.configured,
        Command::Show(args) => &args.configured,
        Command::Export(args) => &args.configured,
    };
    let settings = match configured.load() {
        Ok(settings) => settings,
        Err(exit) => return exit,
    };
    super::block_on(async {
        let done = match command {
            Command::Verify(args) => verify::run(args, &settings).await,
            Command::Show(args) => show::run(args, &settings).await,
            Command::Export(args) => export::run(args, &settings).await,
        };
        done.unwrap_or_else(|trouble| trouble.tell())
    })
}

/// The ledger that a configuration names, and where it is.
fn open(settings: &Settings) -> Result<(Book, Place), Trouble> {
    let url = &settings.directory.url;
    let place = Place::of(url);
    if place.is_missing() {
        return Err(Trouble::failure(format!("there is no database at {place}, so there is no ledger")));
    }
    let database = Database::open(url).map_err(|error| Trouble::no_url(&error))?;
    Ok((Book::of(database), place))
}

/// A moment in UNIX milliseconds for people, to the millisecond, in UTC.
fn time(milliseconds: i64) -> String {
    let time = Timestamp::from_millisecond(milliseconds);
    time.map_or_else(|_| milliseconds.to_string(), |t| t.strftime("%Y-%m-%dT%H:%M:%S%.3fZ").to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_with_and_without_an_offset() {
        let midnight = "2026-11-25T00:00:00Z".parse::<Timestamp>().expect("a time");
        for text in ["2026-11-25", "2026-11-25T00:00", "2026-11-25T00:00:00Z", "2026-11-25T01:00:00+01:00"] {
            assert_eq!(moment(text), Ok(midnight), "{text}");
        }
        assert!(moment("yesterday").is_err());
        assert_eq!(time(midnight.as_millisecond() + 7), "2026-11-25T00:00:00.007Z");
        assert_eq!(time(i64::MAX), i64::MAX.to_string());
    }
}
