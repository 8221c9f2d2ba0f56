//! Two copies of the proxy on one PostgreSQL: clients go to either, and each core records what it was asked to.

use std::ops::Range;
use std::path::Path;

use corecast::cti::recorder::synthetic::SyntheticSettings;
use corecast::cti::{CtiCore, CtiSettings, Fault, RecorderChoice};
use corecast::model::CoreId;
use corecast::protocol::param::Param;
use corecast::records::Record;

use super::super::core::sound::Sound;
use super::super::lab::{ask, get, receive, request, until};
use super::super::postgres::Postgres;
use super::super::process::{Scratch, Serving};
use super::{PARTIAL, shared_by};

/// How far two cores may be apart in what is silent, in samples: 0.4 seconds.
const APART: u64 = 3200;

/// So long a copy knows nothing of what another one owes, unless it is told by chance.
const SELDOM: &str = "poll = \"2s\"";

async fn recording_core(id: u16, folder: &Path) -> CtiCore {
    let settings = CtiSettings {
        id: CoreId(id),
        data: Some(folder.join(id.to_string())),
        recorder: RecorderChoice::Synthetic(SyntheticSettings::default()),
        ..CtiSettings::default()
    };
    CtiCore::start(settings).await.expect("a core starts")
}

/// What is silent in the recordings that a core has ended, in the order in which their devices are numbered.
fn silent(folder: &Path, id: u16) -> Vec<Vec<Range<u64>>> {
    let items = std::fs::read_dir(folder.join(id.to_string()).join("recordings")).expect("the folder");
    let paths = items.map(|item| item.expect("an item").path());
    let records = paths.filter(|path| path.extension().is_some_and(|extension| extension == "json"));
    let read = |path: std::path::PathBuf| {
        let record: Record =
            serde_json::from_slice(&std::fs::read(&path).expect("a record")).expect("it is whole");
        let sound = Sound::read(&std::fs::read(path.with_extension("wav")).expect("a recording"));
        (record.said.get(&Param::DeviceId).cloned(), sound.silent)
    };
    let mut silent: Vec<_> = records.map(read).collect();
    silent.sort_by(|one, other| one.0.cmp(&other.0));
    silent.into_iter().map(|(_, silent)| silent).collect()
}

async fn owes_nothing(proxy: &Serving) -> bool {
    let (_, metrics) = get(proxy.admin, "/metrics").await;
    metrics.lines().any(|line| line == "corecast_obligations{core=\"2\",state=\"pending\"} 0")
}

fn device(number: u16) -> String {
    format!("<DEVICEID>{number}</DEVICEID>")
}

async fn does(proxy: &Serving, kind: &str, number: u16) {
    let answer = ask(&mut proxy.client().await, kind, &device(number)).await;
    assert_eq!(answer.label, "API_OK", "{kind} {number}: {}", answer.text);
}

/// Both at once, so that both miss the core.
async fn miss(proxy: &Serving, commands: [(&str, u16); 2]) {
    let mut client = proxy.client().await;
    for (kind, number) in commands {
        client.send(request(kind, 1, &device(number)).as_bytes()).await.expect("it is sent");
    }
    for _ in commands {
        let answer = receive(&mut client).await;
        assert_eq!(answer.label, PARTIAL, "{}", answer.text);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_goes_through_another_copy_is_not_undone_by_what_comes_late() {
    let Some(postgres) = Postgres::start() else { return };
    let files = Scratch::new();
    let cores = [recording_core(1, files.path()).await, recording_core(2, files.path()).await];
    let configuration = shared_by(&[cores[0].address(), cores[1].address()], &postgres.url(), SELDOM);
    let one = Serving::start(&configuration).await;
    for (kind, number) in [("CALLSTART", 7001), ("CALLSTART", 7002), ("BLACKOUTSTART", 7002)] {
        does(&one, kind, number).await;
    }
    let other = Serving::start(&configuration).await;
    cores[1].set_fault(Fault::Hang);
    miss(&one, [("BLACKOUTSTART", 7001), ("BLACKOUTSTOP", 7002)]).await;
    cores[1].set_fault(Fault::None);
    // It has looked when it started, and does not know yet: these go straight to the core.
    does(&other, "BLACKOUTSTOP", 7001).await;
    does(&other, "BLACKOUTSTART", 7002).await;

    let is_on =
        |core: &CtiCore, number: &str| core.state().call(number, None).is_some_and(|call| call.paused);
    until("both say the same", async || {
        owes_nothing(&one).await
            && owes_nothing(&other).await
            && cores.iter().all(|core| !is_on(core, "7001") && is_on(core, "7002"))
    })
    .await;
    for (kind, number) in [("BLACKOUTSTOP", 7002), ("CALLSTOP", 7001), ("CALLSTOP", 7002)] {
        does(&one, kind, number).await;
    }

    let [told, late] = [1, 2].map(|id| silent(files.path(), id));
    assert_eq!(told.iter().map(Vec::len).collect::<Vec<_>>(), [1, 2], "{told:?}");
    assert_eq!(late.iter().map(Vec::len).collect::<Vec<_>>(), [1, 2], "{told:?} {late:?}");
    for (told, late) in told.iter().flatten().zip(late.iter().flatten()) {
        let is_near = told.start.abs_diff(late.start) < APART && told.end.abs_diff(late.end) < APART;
        assert!(is_near, "{told:?} {late:?}");
    }
    for core in cores {
        core.stop().await;
    }
}
