//! `corecast audit verify`: walks every chain.

use super::{Configured, Trouble, open, time};
use crate::cli::{Exit, output};
use crate::config::Settings;
use crate::ledger::Chain;

/// Arguments of `audit verify`.
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Args {
    #[command(flatten)]
    pub configured: Configured,
}

/// What all chains come to.
#[derive(Default)]
struct Sum {
    chains: u64,
    entries: u64,
    broken: u64,
}

/// Walks, and tells of each writer.
pub(super) async fn run(settings: &Settings) -> Result<Exit, Trouble> {
    let (book, place) = open(settings)?;
    let mut sum = Sum::default();
    let tell = |chain: Chain| {
        sum.chains += 1;
        sum.entries += chain.entries;
        sum.broken += u64::from(chain.broken.is_some());
        output::line(describe(&chain));
    };
    book.verify(tell).await.map_err(|error| Trouble::of_store(&error, &place))?;
    Ok(conclude(&sum))
}

fn describe(chain: &Chain) -> String {
    let Chain { writer, entries, .. } = chain;
    let (first, last) = (time(chain.first), time(chain.last));
    let end = if chain.is_ended { "ended" } else { "no end: it runs still, or was killed" };
    let losses = match chain.lost {
        0 => String::new(),
        count => format!("; {count} entries were lost, as they say themselves"),
    };
    let verdict = match &chain.broken {
        None => "holds".into(),
        Some(broken) => output::styled(&format!("BROKEN at entry {}: {}", broken.seq, broken.fault), "31;1"),
    };
    format!("{writer}: {entries} entries, {first} to {last}, {end}{losses}: {verdict}")
}

fn conclude(sum: &Sum) -> Exit {
    let Sum { chains, entries, broken } = sum;
    output::line(format_args!("{chains} chains, {entries} entries, {broken} broken"));
    if *broken == 0 { Exit::Ok } else { Exit::Failure }
}
