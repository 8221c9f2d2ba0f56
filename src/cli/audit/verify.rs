//! `corecast audit verify`: walks every chain.

use serde_json::{Value, json};

use super::{Configured, Trouble, open, time};
use crate::cli::{Exit, output};
use crate::config::Settings;
use crate::ledger::Chain;

/// Arguments of `audit verify`.
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Args {
    #[command(flatten)]
    pub configured: Configured,
    /// One chain to a line as JSON, and the sum of them on the last
    #[arg(long)]
    pub json: bool,
}

/// What all chains come to.
#[derive(Default)]
struct Sum {
    chains: u64,
    entries: u64,
    broken: u64,
}

/// Walks, and tells of each writer.
pub(super) async fn run(args: &Args, settings: &Settings) -> Result<Exit, Trouble> {
    let (book, place) = open(settings)?;
    let mut sum = Sum::default();
    let tell = |chain: Chain| {
        sum.chains += 1;
        sum.entries += chain.entries;
        sum.broken += u64::from(chain.broken.is_some());
        output::line(if args.json { as_json(&chain).to_string() } else { describe(&chain) });
    };
    book.verify(tell).await.map_err(|error| Trouble::of_store(&error, &place))?;
    Ok(conclude(&sum, args.json))
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

fn as_json(chain: &Chain) -> Value {
    let broken = chain.broken.map(|broken| json!({ "seq": broken.seq, "fault": broken.fault.to_string() }));
    json!({
        "writer": chain.writer, "entries": chain.entries, "first": time(chain.first), "last": time(chain.last),
        "ended": chain.is_ended, "lost": chain.lost, "holds": chain.broken.is_none(), "broken": broken,
    })
}

fn conclude(sum: &Sum, as_json: bool) -> Exit {
    let Sum { chains, entries, broken } = sum;
    output::line(if as_json {
        json!({ "chains": chains, "entries": entries, "broken": broken, "holds": *broken == 0 }).to_string()
    } else {
        format!("{chains} chains, {entries} entries, {broken} broken")
    });
    if *broken == 0 { Exit::Ok } else { Exit::Failure }
}
