//! `--config FILE` of every command that needs a configuration.

use std::io;
use std::path::PathBuf;

use super::{Exit, output};
use crate::config::Settings;
use crate::names::all_cores;

/// The configuration that a command works with.
#[derive(Debug, clap::Args)]
pub(super) struct Configured {
    /// The configuration file
    #[arg(long, value_name = "FILE", default_value = "/etc/corecast/corecast.toml")]
    pub config: PathBuf,
}

impl Configured {
    /// The settings; or all that is wrong with them, told on standard error.
    pub fn load(&self) -> Result<Settings, Exit> {
        Settings::load(&self.config).map_err(|faults| {
            if output::has_colours(&io::stderr()) {
                errln!("{faults:#}");
            } else {
                errln!("{faults}");
            }
            Exit::Config
        })
    }
}

/// The same settings with the cores that names list at the moment, as far as there are such names; or why they cannot be
/// looked up, told on standard error.
pub(super) async fn with_all_cores(settings: Settings) -> Result<Settings, Exit> {
    if settings.core_srv.is_empty() {
        return Ok(settings);
    }
    match all_cores(&settings.cores, &settings.core_srv, &settings.dns).await {
        Ok(cores) => Ok(Settings { cores, ..settings }),
        Err(faults) => {
            faults.iter().for_each(|fault| errln!("corecast: {fault}"));
            Err(Exit::Unavailable)
        }
    }
}
