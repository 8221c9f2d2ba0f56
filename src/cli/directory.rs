//! `corecast directory`: fills the directory from files, saves it to files, and shows what it knows of a device.

mod apply;
mod apply_places;
mod apply_rest;
mod apply_users;
mod cells;
mod check;
mod columns;
mod csv_file;
mod export;
mod export_csv;
mod export_json;
mod faults;
mod import;
mod json_file;
pub(super) mod load;
mod onto;
mod place;
mod progress;
mod reader;
mod rows;
mod show;
mod tally;
mod trouble;

use super::Exit;
use super::configured::{Configured, with_all_cores};
pub(super) use place::Place;
pub(super) use trouble::Trouble;

/// What is done with the directory.
#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    /// Read a CSV or JSON file into the directory: all of it, or nothing if one row is wrong
    Import(import::Args),
    /// Write the directory to a file that import takes; passwords stay where they are
    Export(export::Args),
    /// Show what the directory knows of a device, and which cores own it
    Show(show::Args),
}

pub(super) fn run(command: &Command) -> Exit {
    let configured = match command {
        Command::Import(args) => &args.configured,
        Command::Export(args) => &args.configured,
        Command::Show(args) => &args.configured,
    };
    let settings = match configured.load() {
        Ok(settings) => settings,
        Err(exit) => return exit,
    };
    super::block_on(async {
        let settings = match with_all_cores(settings).await {
            Ok(settings) => settings,
            Err(exit) => return exit,
        };
        let done = match command {
            Command::Import(args) => import::run(args, &settings).await,
            Command::Export(args) => export::run(args, &settings).await,
            Command::Show(args) => show::run(args, &settings).await,
        };
        done.unwrap_or_else(|trouble| trouble.tell())
    })
}
