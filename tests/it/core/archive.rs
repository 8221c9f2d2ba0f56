//! An archive that can be down.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use corecast::cti::courier::{Archive, Undelivered};
use corecast::records::{Record, RecordKind};
use futures::future::BoxFuture;

use super::sound::Sound;
use super::{Desk, nine};
use crate::it::lab::until;

/// Call records and sounds in memory.
#[derive(Debug, Default)]
pub struct Depot {
    pub is_down: AtomicBool,
    pub is_store_down: AtomicBool,
    tried: AtomicUsize,
    records: Mutex<BTreeMap<String, Record>>,
    sounds: Mutex<BTreeMap<String, Vec<u8>>>,
}

impl Depot {
    /// The recordings that are here whole, in the order of their GLOBALIDs.
    pub fn finished(&self) -> Vec<(Record, Sound)> {
        let (records, sounds) = (self.records.lock().expect("records"), self.sounds.lock().expect("sounds"));
        let whole = records.values().filter(|r| r.stopped.is_some() && (r.bytes > 0 || r.file.is_empty()));
        let sound =
            |record: &Record| sounds.get(&record.file).map_or_else(Sound::default, |wav| Sound::read(wav));
        whole.map(|record| (record.clone(), sound(record))).collect()
    }

    fn records(&self) -> Vec<Record> {
        self.records.lock().expect("records").values().cloned().collect()
    }

    fn tried(&self) -> usize {
        self.tried.load(Ordering::Relaxed)
    }

    fn answer(&self, is_down: &AtomicBool) -> Result<(), Undelivered> {
        self.tried.fetch_add(1, Ordering::Relaxed);
        if is_down.load(Ordering::Relaxed) { Err(Undelivered("it is down".into())) } else { Ok(()) }
    }
}

impl Archive for Depot {
    fn put_records(&self, records: Vec<Record>) -> BoxFuture<'_, Result<(), Undelivered>> {
        Box::pin(async move {
            self.answer(&self.is_down)?;
            let mut known = self.records.lock().expect("records");
            for record in records {
                let bytes = known.get(&record.global_id).map_or(0, |r| r.bytes).max(record.bytes);
                known.insert(record.global_id.clone(), Record { bytes, ..record });
            }
            Ok(())
        })
    }

    fn put_sound<'a>(&'a self, key: &'a str, file: &'a Path) -> BoxFuture<'a, Result<u64, Undelivered>> {
        Box::pin(async move {
            self.answer(&self.is_store_down)?;
            let wav = std::fs::read(file).expect("the sound is there");
            let bytes = wav.len() as u64;
            self.sounds.lock().expect("sounds").insert(key.into(), wav);
            Ok(bytes)
        })
    }
}

/// Lets the clock go on until the courier has tried this often again.
async fn tried(desk: &Desk, times: usize) {
    let before = desk.depot.tried();
    until("the courier has tried", async || {
        desk.clock.advance(Duration::from_secs(1));
        desk.depot.tried() >= before + times
    })
    .await;
}

#[tokio::test]
async fn rows_are_written_at_the_start_and_when_something_changed() {
    let mut desk = Desk::new().await;
    desk.does(["CALLSTART"]).await;
    until("the row is there", async || desk.depot.records().len() == 1).await;
    assert_eq!(desk.depot.records()[0].stopped, None);
    let update = "<DEVICEID>7001</DEVICEID><USER1>gold</USER1>";
    assert_eq!(desk.ask("CALLUPDATE", update).await.label, "API_OK");
    let user = corecast::protocol::param::Param::User1;
    until("the row has changed", async || desk.depot.records()[0].said.get(&user).is_some()).await;
    desk.does(["BLACKOUTSTART"]).await;
    until("the row has changed", async || desk.depot.records()[0].blackouts.len() == 1).await;
}

#[tokio::test]
async fn what_the_database_or_the_store_does_not_take_is_delayed_and_not_lost() {
    let mut desk = Desk::new().await;
    desk.depot.is_down.store(true, Ordering::Relaxed);
    for _ in 0..5 {
        desk.does(["CALLSTART"]).await;
        desk.advance(10.0);
        desk.does(["CALLSTOP"]).await;
    }
    tried(&desk, 4).await;
    assert_eq!(desk.depot.records().len(), 0);
    desk.crash().await;
    desk.advance(3600.0);
    desk.start().await;
    tried(&desk, 3).await;
    desk.depot.is_store_down.store(true, Ordering::Relaxed);
    desk.depot.is_down.store(false, Ordering::Relaxed);
    until("the rows are there", async || {
        desk.clock.advance(Duration::from_secs(1));
        desk.depot.records().len() == 5
    })
    .await;
    tried(&desk, 4).await;
    assert_eq!(desk.depot.finished().len(), 0, "their sound is not");
    desk.depot.is_store_down.store(false, Ordering::Relaxed);
    let finished = desk.archived(5).await;
    let starts: Vec<_> = finished.iter().map(|(record, sound)| (record.started, sound.length)).collect();
    let expected: Vec<_> = (0..5).map(|n| (nine() + Duration::from_secs(n * 10), 80_000)).collect();
    assert_eq!(starts, expected);
    assert!(finished.iter().all(|(record, _)| record.kind == RecordKind::Call));
    until("nothing is left here", async || {
        std::fs::read_dir(desk.folder("done")).expect("the folder is there").count() == 0
    })
    .await;
}
