//! `corecast route`: where a command would go, and why.

use serde_json::json;
use tokio::time::Instant;

use super::configured::{Configured, with_all_cores};
use super::directory::load::snapshot;
use super::params::Typed;
use super::{Exit, block_on, output};
use crate::command::{Call, check};
use crate::config::Settings;
use crate::directory::snapshot::Snapshot;
use crate::model::CoreId;
use crate::protocol::request::Request;
use crate::protocol::xml::Bounds;
use crate::route::{Destination, Router};

/// Arguments of `route`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    configured: Configured,
    #[command(flatten)]
    command: Typed,
    /// Print JSON: the cores, and each step of why
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &Args) -> Exit {
    let settings = match args.configured.load() {
        Ok(settings) => settings,
        Err(exit) => return exit,
    };
    block_on(async {
        let settings = match with_all_cores(settings).await {
            Ok(settings) => settings,
            Err(exit) => return exit,
        };
        match snapshot(&settings).await {
            Ok(snapshot) => show(explain(&settings, &args.command, &snapshot), args.json),
            Err(trouble) => trouble.tell(),
        }
    })
}

/// Where a command goes, and why.
struct Way {
    cores: Vec<CoreId>,
    steps: Vec<String>,
}

fn show(way: Result<Way, String>, as_json: bool) -> Exit {
    match way {
        Ok(Way { cores, steps }) => {
            if as_json {
                output::line(json!({ "cores": cores, "because": steps }));
            } else {
                steps.iter().for_each(output::line);
            }
            Exit::Ok
        }
        Err(reason) => {
            errln!("corecast: {reason}");
            Exit::Failure
        }
    }
}

fn explain(settings: &Settings, command: &Typed, snapshot: &Snapshot) -> Result<Way, String> {
    let bounds = Bounds { max_fields: settings.limits.max_fields, max_depth: settings.limits.max_depth };
    let request = Request::read(command.to_xml().as_bytes(), bounds).map_err(|bad| bad.reason)?;
    let function =
        check(&request).map_err(|refusal| format!("{}: {}", refusal.result.label(), refusal.message))?;
    let router = Router::new(&settings.cores, &settings.rules, settings.unknown_device);
    let call = Call::new(function, request, Instant::now());
    let cores = match router.plan(&call, snapshot) {
        Ok(Destination::Cores(plan)) => plan.cores(),
        _ => Vec::new(),
    };
    Ok(Way { cores, steps: router.explain(&call, snapshot) })
}
