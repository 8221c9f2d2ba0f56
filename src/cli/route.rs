//! `corecast route`: where a command would go, and why.

use tokio::time::Instant;

use super::configured::Configured;
use super::directory::load::snapshot;
use super::params::Typed;
use super::{Exit, block_on, output};
use crate::command::{Call, check};
use crate::config::Settings;
use crate::directory::snapshot::Snapshot;
use crate::protocol::request::Request;
use crate::protocol::xml::Bounds;
use crate::route::Router;

/// Arguments of `route`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    configured: Configured,
    #[command(flatten)]
    command: Typed,
}

pub(super) fn run(args: &Args) -> Exit {
    let settings = match args.configured.load() {
        Ok(settings) => settings,
        Err(exit) => return exit,
    };
    block_on(async {
        match snapshot(&settings).await {
            Ok(snapshot) => show(explain(&settings, &args.command, &snapshot)),
            Err(trouble) => trouble.tell(),
        }
    })
}

fn show(steps: Result<Vec<String>, String>) -> Exit {
    match steps {
        Ok(steps) => {
            steps.iter().for_each(output::line);
            Exit::Ok
        }
        Err(reason) => {
            errln!("corecast: {reason}");
            Exit::Failure
        }
    }
}

fn explain(settings: &Settings, command: &Typed, snapshot: &Snapshot) -> Result<Vec<String>, String> {
    let bounds = Bounds { max_fields: settings.limits.max_fields, max_depth: settings.limits.max_depth };
    let request = Request::read(command.to_xml().as_bytes(), bounds).map_err(|bad| bad.reason)?;
    let function =
        check(&request).map_err(|refusal| format!("{}: {}", refusal.result.label(), refusal.message))?;
    let router = Router::new(&settings.cores, settings.rules.clone(), settings.unknown_device);
    Ok(router.explain(&Call::new(function, request, Instant::now()), snapshot))
}
