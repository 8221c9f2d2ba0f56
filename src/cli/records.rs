//! `corecast records`: lists call records, and removes recordings whose time is over.

mod list;
mod purge;

use super::Exit;
use super::configured::Configured;
use super::directory::{Place, Trouble};
use crate::config::Settings;
use crate::database::Database;
use crate::records::Records;

/// What is done with call records.
#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    /// List recordings that match all filters, the newest first
    List(list::Args),
    /// Say which recordings' time is over, and with --apply remove them
    Purge(purge::Args),
}

pub(super) fn run(command: &Command) -> Exit {
    let configured = match command {
        Command::List(args) => &args.configured,
        Command::Purge(args) => &args.configured,
    };
    let settings = match configured.load() {
        Ok(settings) => settings,
        Err(exit) => return exit,
    };
    super::block_on(async {
        let done = match command {
            Command::List(args) => list::run(args, &settings).await,
            Command::Purge(args) => purge::run(args, &settings).await,
        };
        done.unwrap_or_else(|trouble| trouble.tell())
    })
}

/// The call records that a configuration names, and where they are.
fn open(settings: &Settings) -> Result<(Records, Place), Trouble> {
    let url = &settings.directory.url;
    let place = Place::of(url);
    if place.is_missing() {
        return Err(Trouble::failure(format!(
            "there is no database at {place}, so there are no call records"
        )));
    }
    let database = Database::open(url).map_err(|error| Trouble::no_url(&error))?;
    Ok((Records::of(database), place))
}
