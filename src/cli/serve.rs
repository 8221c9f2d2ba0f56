//! `corecast serve`: runs the proxy until it is told to stop.

use std::net::SocketAddr;

use tokio::signal::unix::{SignalKind, signal};
use tracing::field::display;

use super::configured::Configured;
use super::{Exit, block_on, logs};
use crate::app::{Given, Proxy};
use crate::config::Settings;
use crate::lines::Lines;
use crate::systemd::{self, Systemd};

/// Arguments of `serve`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    configured: Configured,
}

pub(super) fn run(args: &Args) -> Exit {
    let given = match systemd::sockets() {
        Ok(sockets) => Given::named(sockets),
        Err(error) => {
            errln!("corecast: a socket that the service manager gives is of no use: {error}");
            return Exit::Unavailable;
        }
    };
    match args.configured.load() {
        Ok(settings) => {
            let logs = match logs::start(&settings.log) {
                Ok(logs) => logs,
                Err(error) => return logs::none(&error),
            };
            block_on(serve(settings, given, logs.lines.clone()))
        }
        Err(exit) => exit,
    }
}

async fn serve(settings: Settings, given: Given, lines: Lines) -> Exit {
    let systemd = Systemd::from_environment();
    let cores = settings.cores.len();
    let mut proxy = match Proxy::start_with(settings, given, lines) {
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
    systemd.ready("serving");
    tokio::select! {
        () = until_told_to_stop() => {}
        () = proxy.relieved() => tracing::info!("a new version has taken over"),
        () = systemd.keep_alive(|within| proxy.is_alive(within)) => {}
        () = reload_when_told(&proxy, &systemd) => {}
    }
    systemd.stopping("draining");
    tracing::info!("draining: nothing new is taken in, what was accepted is answered");
    proxy.drain().await;
    tracing::info!("stopped");
    Exit::Ok
}

/// At each SIGHUP, for ever.
async fn reload_when_told(proxy: &Proxy, systemd: &Systemd) {
    let Ok(mut hang_up) = signal(SignalKind::hangup()) else { return std::future::pending().await };
    while hang_up.recv().await.is_some() {
        systemd.reloading();
        let reloaded = proxy.reload("SIGHUP").await;
        systemd.ready(if reloaded.is_ok() {
            "serving"
        } else {
            "serving; the new configuration is at fault"
        });
    }
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
