//! `corecast demo`: three cores that record and a proxy in one process, and a worked conversation.

mod conversation;
mod place;
mod recordings;

use std::io;

use super::serve::until_told_to_stop;
use super::{Exit, block_on, output};
use crate::app::Proxy;
use crate::cti::CtiCore;
use place::Place;

/// Arguments of `demo`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// End after the conversation, with status 0 only if every answer and every recording was the expected one
    #[arg(long)]
    once: bool,
}

pub(super) fn run(args: &Args) -> Exit {
    block_on(async {
        match demo(args.once).await {
            Ok(exit) => exit,
            Err(error) => {
                errln!("corecast: the demo stopped: {error}");
                Exit::Failure
            }
        }
    })
}

async fn demo(once: bool) -> io::Result<Exit> {
    let place = Place::make()?;
    let cores = place.start_cores().await?;
    let (proxy, _logs) = place.start_proxy(&cores, once)?;
    let played = tokio::select! {
        played = play(&cores, &proxy, once) => played,
        // It is a show: without anybody who watches it is over.
        () = output::unread(io::stdout()) => Ok(Exit::Ok),
    };
    proxy.drain().await;
    for core in cores {
        core.stop().await;
    }
    played
}

/// The conversation, and what was recorded of it; without `once` it serves then, until it is told to stop.
async fn play(cores: &[CtiCore], proxy: &Proxy, once: bool) -> io::Result<Exit> {
    introduce(cores, proxy);
    let failed = conversation::converse(cores, proxy.api).await?;
    let failed = failed + recordings::judge(proxy).await?;
    if failed > 0 {
        output::line(output::styled(
            &format!("\n{failed} answers or recordings were not the expected ones."),
            "31",
        ));
    } else {
        output::line(output::styled("\nEvery answer and every recording was the expected one.", "32"));
    }
    if !once {
        invite(proxy);
        until_told_to_stop().await;
    }
    Ok(if failed == 0 { Exit::Ok } else { Exit::Failure })
}

fn introduce(cores: &[CtiCore], proxy: &Proxy) {
    output::line(output::styled("Corecast demo: three cores that record and a proxy, in this process", "1"));
    for core in cores {
        output::line(format_args!("  core {}  {}", core.id(), core.address()));
    }
    output::line(format_args!("  API     {}", proxy.api));
    output::line(format_args!("  WebAPI  http://{}/webAPI.aspx", proxy.webapi));
    output::line(format_args!("  admin   http://{}/metrics", proxy.admin));
}

fn invite(proxy: &Proxy) {
    let (api, webapi, admin) = (proxy.api, proxy.webapi, proxy.admin);
    output::line(format_args!(
        "\nServing until Ctrl-C. Try:\n  corecast call {api} CALLSTART DEVICEID=7002\n  \
         curl 'http://{webapi}/webAPI.aspx?type=devicelist&requestid=1'\n  curl http://{admin}/api/v1/cores"
    ));
}
