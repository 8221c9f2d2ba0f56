//! `corecast check`: reads a configuration and says all that is wrong with it.

use serde_json::{Value, json};

use super::configured::Configured;
use super::{Exit, output};
use crate::app::check_files;
use crate::config::{Fault, Settings};

/// Arguments of `check`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    configured: Configured,
    /// Print JSON: what is wrong, each with its line
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &Args) -> Exit {
    if args.json {
        return for_programs(args);
    }
    match args.configured.load() {
        Ok(settings) => {
            if let Err(fault) = check_files(&settings) {
                errln!("corecast: {fault}");
                return Exit::Config;
            }
            let (file, cores, rules) =
                (args.configured.config.display(), settings.cores.len(), settings.rules.len());
            let listed = match settings.core_srv.len() {
                0 => String::new(),
                names => format!(", those that {names} names list,"),
            };
            output::line(format_args!("{file}: good, with {cores} cores{listed} and {rules} rules"));
            Exit::Ok
        }
        Err(exit) => exit,
    }
}

fn for_programs(args: &Args) -> Exit {
    let loaded = Settings::load(&args.configured.config);
    let faults: Vec<Value> = match &loaded {
        Ok(settings) => {
            let fault = check_files(settings).err().map(|fault| fault.to_string());
            fault.into_iter().map(|message| json!({ "message": message })).collect()
        }
        Err(faults) => faults.iter().map(describe).collect(),
    };
    let settings = loaded.ok();
    output::line(json!({
        "file": args.configured.config.display().to_string(),
        "good": faults.is_empty(),
        "cores": settings.as_ref().map(|settings| settings.cores.len()),
        "core_srv": settings.as_ref().map(|settings| settings.core_srv.len()),
        "rules": settings.as_ref().map(|settings| settings.rules.len()),
        "faults": faults,
    }));
    if faults.is_empty() { Exit::Ok } else { Exit::Config }
}

fn describe(fault: &Fault) -> Value {
    let (message, line, variable) = (fault.message(), fault.line(), fault.variable());
    json!({ "message": message, "line": line.filter(|_| variable.is_none()), "variable": variable })
}
