//! `corecast core`: a simulated core.

use std::net::SocketAddr;

use super::serve::until_told_to_stop;
use super::{Exit, block_on, output};
use crate::cti::{CtiCore, CtiSettings, Fault};
use crate::model::CoreId;

/// Arguments of `core`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Its number, COREIDENT
    #[arg(long, default_value_t = 1)]
    id: u16,
    /// Where its API socket listens
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:6620")]
    listen: SocketAddr,
    /// Where it can be looked at and its fault be switched: GET / and POST /fault/hang
    #[arg(long, value_name = "ADDRESS")]
    control: Option<SocketAddr>,
    /// What is wrong with it: none, hang, refuse, close, garbage, delay:200ms or reject:7
    #[arg(long, value_name = "FAULT", default_value = "none")]
    fault: Fault,
}

pub(super) fn run(args: &Args) -> Exit {
    block_on(serve(args))
}

async fn serve(args: &Args) -> Exit {
    let settings = CtiSettings {
        id: CoreId(args.id),
        listen: args.listen,
        control: args.control,
        fault: args.fault,
        ..CtiSettings::default()
    };
    let core = match CtiCore::start(settings).await {
        Ok(core) => core,
        Err(error) => {
            errln!("corecast: core {} cannot listen on {}: {error}", args.id, args.listen);
            return Exit::Unavailable;
        }
    };
    output::line(format_args!("core {} listens on {}", args.id, core.address()));
    if let Some(control) = core.control() {
        output::line(format_args!(
            "look at it: http://{control}/ · break it: curl -X POST http://{control}/fault/hang"
        ));
    }
    until_told_to_stop().await;
    core.stop().await;
    Exit::Ok
}
