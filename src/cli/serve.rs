//! `corecast serve`: runs the proxy until it is told to stop.

use tokio::signal::unix::{SignalKind, signal};

use super::configured::Configured;
use super::{Exit, block_on, logs};
use crate::app::Proxy;
use crate::config::Settings;

/// Arguments of `serve`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    configured: Configured,
}

pub(super) fn run(args: &Args) -> Exit {
    match args.configured.load() {
        Ok(settings) => {
            logs::start(&settings.log);
            block_on(serve(settings))
        }
        Err(exit) => exit,
    }
}

async fn serve(settings: Settings) -> Exit {
    let cores = settings.cores.len();
    let proxy = match Proxy::start(settings) {
        Ok(proxy) => proxy,
        Err(error) => {
            tracing::error!("{error}");
            return Exit::Unavailable;
        }
    };
    tracing::info!(api = %proxy.api, webapi = %proxy.webapi, admin = %proxy.admin, cores, "serving");
    until_told_to_stop().await;
    tracing::info!("draining: nothing new is taken in, what was accepted is answered");
    proxy.drain().await;
    tracing::info!("stopped");
    Exit::Ok
}

/// Until SIGTERM, or Ctrl-C.
pub(super) async fn until_told_to_stop() {
    match signal(SignalKind::terminate()) {
        Ok(mut terminate) => {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = tokio::signal::ctrl_c() => {}
            }
        }
        Err(_) => drop(tokio::signal::ctrl_c().await),
    }
}
