//! `corecast core`: a CTI core.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use super::params::time;
use super::serve::until_told_to_stop;
use super::{Exit, block_on, logs, output};
use crate::config::Log;
use crate::cti::courier::{Archive, Shared};
use crate::cti::recorder::rtpengine::{Rtpengine, RtpengineSettings};
use crate::cti::recorder::synthetic::{Sources, SyntheticSettings};
use crate::cti::studio::Terms;
use crate::cti::{CtiCore, CtiError, CtiSettings, Fault, RecorderChoice, Schedule};
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
    /// A fault to simulate: none, hang, refuse, close, garbage, delay:200ms or reject:7
    #[arg(long, value_name = "FAULT", default_value = "none")]
    fault: Fault,
    /// Its folder: the journal that it comes back from after a restart, and its recordings until they are handed over
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Who records: none (what should be recorded is taken for recorded), synthetic (a tone or a given sound for each
    /// device), or rtpengine
    #[arg(long, value_enum, default_value_t)]
    recorder: RecorderName,
    /// Which calls are recorded without RECORDSTART: all, none, or those on devices such as 7000-7999,61*
    #[arg(long, value_name = "WHICH", default_value = "all")]
    record: Schedule,
    /// How many recordings are made at once [default: any number]
    #[arg(long, value_name = "N")]
    channels: Option<usize>,
    /// How long a blackout lasts whose stop never arrives
    #[arg(long, value_name = "TIME", default_value = "15m", value_parser = time)]
    max_blackout: Duration,
    /// How long a finished recording is kept back, so that a blackout that comes late still reaches it
    #[arg(long, value_name = "TIME", default_value = "10s", value_parser = time)]
    hold: Duration,
    /// synthetic: the tones of devices, in Hz: 7001=440,7002=880
    #[arg(long, value_name = "DEVICE=HZ", value_delimiter = ',', value_parser = of_device::<u32>)]
    tone: Vec<(String, u32)>,
    /// synthetic: the sound of a device, repeated: a WAV of 8000 samples a second, 16 bits, one channel
    #[arg(long, value_name = "DEVICE=FILE", value_parser = of_device::<PathBuf>)]
    sound: Vec<(String, PathBuf)>,
    /// synthetic: record nothing new with less than this free on the disk
    #[arg(long, value_name = "MB", default_value_t = 0)]
    min_free_mb: u64,
    /// rtpengine: its listen-ng
    #[arg(long, value_name = "HOST:PORT", default_value = "127.0.0.1:2223")]
    rtpengine: String,
    /// rtpengine: its recording-dir, as this machine sees it
    #[arg(long, value_name = "DIR", default_value = "/var/spool/rtpengine")]
    spool: PathBuf,
    /// Where call records are written, as directory.url: sqlite://FILE or postgres://USER@HOST/NAME; with --store. Also
    /// from the environment, where a password is better kept: CORECAST_DATABASE
    #[arg(long, value_name = "URL")]
    database: Option<String>,
    /// Where finished recordings are put, as media.url: file:///DIR or s3://BUCKET/PREFIX; with --database. Also from
    /// the environment: CORECAST_STORE
    #[arg(long, value_name = "URL")]
    store: Option<String>,
}

#[derive(Clone, Copy, Debug, Default, clap::ValueEnum)]
enum RecorderName {
    #[default]
    None,
    Synthetic,
    Rtpengine,
}

fn of_device<T: FromStr>(text: &str) -> Result<(String, T), String> {
    let (device, value) = text.split_once('=').filter(|(device, _)| !device.is_empty()).unwrap_or_default();
    let value = value.parse().map_err(|_| format!("{text} is not DEVICEID=VALUE"))?;
    if device.is_empty() { Err(format!("{text} is not DEVICEID=VALUE")) } else { Ok((device.into(), value)) }
}

pub(super) fn run(args: &Args) -> Exit {
    match logs::start(&Log::default()) {
        Ok(_logs) => block_on(serve(args)),
        Err(error) => logs::none(&error),
    }
}

async fn serve(args: &Args) -> Exit {
    let settings = match settings(args) {
        Ok(settings) => settings,
        Err(why) => {
            errln!("corecast: {why}");
            return Exit::Config;
        }
    };
    let core = match CtiCore::start(settings).await {
        Ok(core) => core,
        Err(error) => {
            errln!("corecast: core {}: {error}", args.id);
            return exit(&error);
        }
    };
    introduce(args, &core);
    until_told_to_stop().await;
    core.stop().await;
    Exit::Ok
}

const fn exit(error: &CtiError) -> Exit {
    match error {
        CtiError::NoFolder => Exit::Config,
        _ => Exit::Unavailable,
    }
}

fn introduce(args: &Args, core: &CtiCore) {
    output::line(format_args!("core {} listens on {}", args.id, core.address()));
    if let Some(control) = core.control() {
        output::line(format_args!(
            "look at it: http://{control}/ · break it: curl -X POST http://{control}/fault/hang"
        ));
    }
    if let Some(folder) = &args.data {
        output::line(format_args!("journal and recordings: {}", folder.display()));
    }
}

fn settings(args: &Args) -> Result<CtiSettings, String> {
    let defaults = CtiSettings::default();
    Ok(CtiSettings {
        id: CoreId(args.id),
        listen: args.listen,
        control: args.control,
        fault: args.fault,
        max_blackout: args.max_blackout,
        data: args.data.clone(),
        recorder: recorder(args)?,
        schedule: args.record.clone(),
        channels: args.channels,
        archive: archive(args)?,
        terms: Terms { hold: args.hold, ..defaults.terms },
        ..defaults
    })
}

fn recorder(args: &Args) -> Result<RecorderChoice, String> {
    match args.recorder {
        RecorderName::None => Ok(RecorderChoice::None),
        RecorderName::Synthetic => Ok(RecorderChoice::Synthetic(SyntheticSettings {
            sources: sources(args)?,
            min_free: args.min_free_mb,
            ..SyntheticSettings::default()
        })),
        RecorderName::Rtpengine => {
            let settings = RtpengineSettings::new(args.rtpengine.clone(), args.spool.clone());
            let recorder = Rtpengine::new(settings).map_err(|error| error.to_string())?;
            Ok(RecorderChoice::Other(Arc::new(recorder)))
        }
    }
}

/// A row that has no sound is of no use, and neither is a sound that has no row: both are given or none.
fn archive(args: &Args) -> Result<Option<Arc<dyn Archive>>, String> {
    let given = |flag: &Option<String>, name| flag.clone().or_else(|| std::env::var(name).ok());
    let (database, store) =
        (given(&args.database, "CORECAST_DATABASE"), given(&args.store, "CORECAST_STORE"));
    match (database, store) {
        (None, None) => Ok(None),
        (Some(database), Some(store)) => Ok(Some(Arc::new(Shared::open(&database, &store)?))),
        (Some(_), None) => {
            Err("--database needs --store: where the recordings of the call records are put".into())
        }
        (None, Some(_)) => {
            Err("--store needs --database: where the call records of the recordings are written".into())
        }
    }
}

fn sources(args: &Args) -> Result<Sources, String> {
    let mut sources = Sources::default();
    for (device, hertz) in &args.tone {
        sources.set_tone(device, *hertz).map_err(|why| format!("--tone {device}={hertz}: {why}"))?;
    }
    for (device, path) in &args.sound {
        sources.set_file(device, Path::new(path)).map_err(|why| format!("--sound {device}: {why}"))?;
    }
    Ok(sources)
}
