//! `corecast audit export`: the rows as they are, for whoever checks them with a program of their own.

use super::{Configured, Span, Trouble, open};
use crate::cli::{Exit, output};
use crate::config::Settings;
use crate::ledger::Order;

/// Arguments of `audit export`.
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Args {
    #[command(flatten)]
    span: Span,
    #[command(flatten)]
    pub configured: Configured,
}

/// Prints them, chain by chain.
pub(super) async fn run(args: &Args, settings: &Settings) -> Result<Exit, Trouble> {
    let (book, place) = open(settings)?;
    let mut unwritable = None;
    let print = |row| match serde_json::to_string(&row) {
        Ok(json) => output::line(json),
        Err(error) => unwritable = Some(error),
    };
    let read = book.read(Order::Chain, args.span.milliseconds(), print).await;
    read.map_err(|error| Trouble::of_store(&error, &place))?;
    unwritable.map_or(Ok(Exit::Ok), |error| Err(Trouble::failure(error.to_string())))
}
