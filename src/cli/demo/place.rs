//! Where the demo takes place: a folder with a database and a store of recordings, three cores, a proxy.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use crate::app::Proxy;
use crate::cli::logs::{self, Logs};
use crate::config::Settings;
use crate::cti::courier::Shared;
use crate::cti::recorder::synthetic::SyntheticSettings;
use crate::cti::studio::Terms;
use crate::cti::{CtiCore, CtiSettings, RecorderChoice};
use crate::model::CoreId;

/// A folder of the demo's own, gone when the demo is.
pub(super) struct Place(PathBuf);

impl Place {
    pub(super) fn make() -> io::Result<Self> {
        let folder = std::env::temp_dir().join(format!("corecast-demo-{}", std::process::id()));
        std::fs::create_dir_all(&folder)?;
        Ok(Self(folder))
    }

    fn database(&self) -> String {
        format!("sqlite://{}", self.0.join("corecast.db").display())
    }

    fn store(&self) -> String {
        format!("file://{}", self.0.join("recordings").display())
    }

    pub(super) async fn start_cores(&self) -> io::Result<Vec<CtiCore>> {
        let mut cores = Vec::new();
        for id in 1..=3 {
            cores.push(CtiCore::start(self.core(id)?).await?);
        }
        Ok(cores)
    }

    /// A core that hands its recordings over at once: nobody waits ten seconds for a demo.
    fn core(&self, id: u16) -> io::Result<CtiSettings> {
        let archive = Shared::open(&self.database(), &self.store()).map_err(io::Error::other)?;
        Ok(CtiSettings {
            id: CoreId(id),
            data: Some(self.0.join(format!("core-{id}"))),
            recorder: RecorderChoice::Synthetic(SyntheticSettings::default()),
            terms: Terms { hold: Duration::ZERO, ..CtiSettings::default().terms },
            archive: Some(Arc::new(archive)),
            ..CtiSettings::default()
        })
    }

    /// On the usual ports if they are free, so that the examples of the README work; `--once` needs none of them.
    /// The log lasts as long as what comes with it.
    pub(super) fn start_proxy(&self, cores: &[CtiCore], once: bool) -> io::Result<(Proxy, Logs)> {
        let local = |port| SocketAddr::from(([127, 0, 0, 1], port));
        let usual = [local(5620), local(2012), local(9620)];
        let is_free = |address: &SocketAddr| std::net::TcpListener::bind(address).is_ok();
        let listen = if !once && usual.iter().all(is_free) { usual } else { [local(0); 3] };
        let text = self.configuration(cores, listen);
        let settings = Settings::parse(&text, "the demo's configuration", std::iter::empty())
            .map_err(io::Error::other)?;
        let logs = logs::start(&settings.log)?;
        Ok((Proxy::start(settings).map_err(io::Error::other)?, logs))
    }

    /// Its time-outs are patient: on a machine that stalls for a moment, only the core that hangs may miss them.
    fn configuration(&self, cores: &[CtiCore], listen: [SocketAddr; 3]) -> String {
        let [api, webapi, admin] = listen;
        let core = |core: &CtiCore| {
            let (id, address) = (core.id(), core.address());
            format!("[[core]]\nid = {id}\nname = \"demo-{id}\"\naddress = \"{address}\"\npipeline = 16\n")
        };
        format!(
            "[listen]\napi = \"{api}\"\nwebapi = \"{webapi}\"\nadmin = \"{admin}\"\n\
             [limits]\ndeadline = \"3s\"\nleg_timeout = \"2s\"\nconnect_timeout = \"2s\"\n\
             [late_delivery]\nretry = \"200ms\"\n[directory]\nurl = {:?}\n[media]\nurl = {:?}\n\
             [[route.rule]]\ndevices = \"7000-7999\"\ncores = [1, 2, 3]\n[log]\nlevel = \"error\"\n{}",
            self.database(),
            self.store(),
            cores.iter().map(core).collect::<String>()
        )
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        std::fs::remove_dir_all(&self.0).unwrap_or_default();
    }
}
