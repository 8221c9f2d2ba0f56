//! `corecast check`: reads a configuration and says all that is wrong with it.

use std::path::PathBuf;

use super::{Exit, output};
use crate::config::Settings;

/// Arguments of `check`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The configuration file
    #[arg(long, value_name = "FILE", default_value = "/etc/corecast/corecast.toml")]
    config: PathBuf,
}

pub(super) fn run(args: &Args) -> Exit {
    match Settings::load(&args.config) {
        Ok(settings) => {
            let (cores, rules) = (settings.cores.len(), settings.rules.len());
            output::line(format_args!(
                "{}: good, with {cores} cores and {rules} rules",
                args.config.display()
            ));
            Exit::Ok
        }
        Err(faults) => {
            eprintln!("{faults}");
            Exit::Config
        }
    }
}
