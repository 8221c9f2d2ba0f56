//! `corecast serve`: runs the proxy until it is told to stop.

use std::net::SocketAddr;

use tokio::signal::unix::{SignalKind, signal};
use tracing::field::display;

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
    let mut proxy = match Proxy::start(settings) {
        Ok(proxy) => proxy,
        Err(error) => {
            tracing::error!("{error}");
            return Exit::Unavailable;
        }
    };
    if let Err(error) = proxy.take_over().await {
        tracing::error!(%error, "cannot take over: whoever served serves on");
        proxy.drain().await;
        return Exit::Unavailable;
    }
    let on = |address: SocketAddr| (address.port() != 0).then(|| display(address));
    let [api, webapi, admin] = [proxy.api, proxy.webapi, proxy.admin].map(on);
    let [api_tls, webapi_tls, admin_tls] =
        [proxy.api_tls, proxy.webapi_tls, proxy.admin_tls].map(|address| address.map(display));
    tracing::info!(api, webapi, admin, api_tls, webapi_tls, admin_tls, cores, "serving");
    tokio::select! {
        () = until_told_to_stop() => {}
        () = proxy.relieved() => tracing::info!("a new version has taken over"),
    }
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
