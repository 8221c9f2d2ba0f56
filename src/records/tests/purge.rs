//! Retention: what is over, what is kept, and removal that is interrupted, fails, or runs twice.

use std::collections::BTreeSet;
use std::sync::Mutex;

use super::super::purge::*;
use super::*;
use crate::media::MediaError;

/// Sounds in memory.
#[derive(Default)]
struct Shelf {
    there: Mutex<BTreeSet<String>>,
    /// The store fails for keys with this in them.
    broken: Option<&'static str>,
}

impl Shelf {
    fn left(&self) -> Vec<String> {
        self.there.lock().expect("no panic").iter().cloned().collect()
    }
}

impl Sounds for Shelf {
    fn remove<'a>(&'a self, key: &'a str) -> BoxFuture<'a, Result<(), MediaError>> {
        Box::pin(async move {
            if self.broken.is_some_and(|part| key.contains(part)) {
                return Err(MediaError::Unavailable("the disk is on fire".into()));
            }
            let was_there = self.there.lock().expect("no panic").remove(key);
            if was_there { Ok(()) } else { Err(MediaError::NotFound(key.into())) }
        })
    }
}

fn retention() -> Retention {
    let action = |id, keep_days, then| ArchiveAction { id, name: format!("action {id}"), keep_days, then };
    Retention { keep_days: 10, actions: vec![action(3, 100, Then::Delete), action(4, 1, Then::Keep)] }
}

const DAY: i64 = 24 * 3600;

/// Now: twenty days after the tests' first moment.
fn now() -> Timestamp {
    at(20 * DAY)
}

/// A recording that ended so many days ago, a minute before.
fn ended(id: &str, days: i64, said: &[(Param, &str)]) -> Record {
    record(id, (20 - days) * DAY - 120, said)
}

async fn filled(place: &Place) -> (Records, Shelf) {
    use Param::{ArchiveAction, KeepDays};
    let records = records(place);
    let rows = [
        ended("over", 10, &[]),
        ended("young", 9, &[]),
        ended("own days", 3, &[(KeepDays, "3")]),
        ended("own days, young", 15, &[(KeepDays, "16")]),
        ended("action", 50, &[(ArchiveAction, "3")]),
        ended("action over", 100, &[(ArchiveAction, "3")]),
        ended("kept", 500, &[(ArchiveAction, "4"), (KeepDays, "1")]),
        ended("strange", 500, &[(ArchiveAction, "77")]),
        ended("for ever", 500, &[(KeepDays, "0")]),
        Record { stopped: None, ..ended("open", 500, &[]) },
        Record { file: String::new(), ..ended("chat", 11, &[]) },
        ended("absurd", 500, &[(KeepDays, &"9".repeat(60_000))]),
    ];
    let there = rows.iter().map(|record| record.file.clone()).filter(|file| !file.is_empty()).collect();
    records.put(rows.to_vec()).await.expect("written");
    (records, Shelf { there: Mutex::new(there), broken: None })
}

async fn left(records: &Records) -> BTreeSet<String> {
    search(records, Filter::newest(99)).await.into_iter().collect()
}

const KEPT: [&str; 8] =
    ["young", "own days, young", "action", "kept", "strange", "for ever", "open", "absurd"];

on_both! {
    async fn a_survey_tells_what_is_over_and_changes_nothing(place: &Place) {
        let (records, _) = filled(place).await;
        let survey = records.survey(&retention(), now()).await.expect("surveyed");
        let lot = |action: &str, days: &str| {
            let found = survey.lots.iter().find(|lot| (&*lot.archive_action, &*lot.keep_days) == (action, days));
            found.map(|lot| lot.count).expect("the lot")
        };
        assert_eq!([lot("", ""), lot("", "3"), lot("", "16"), lot("3", "")], [2, 1, 0, 1]);
        assert_eq!((survey.lots.len(), survey.open, survey.begun), (7, 1, 0), "{survey:?}");
        let strange = survey.lots.iter().find(|lot| lot.archive_action == "77").expect("it is told");
        assert_eq!((&strange.fate, strange.count), (&Fate::Kept(Reason::UnknownAction), 1));
        let plain = survey.lots.iter().find(|lot| lot.archive_action.is_empty() && lot.keep_days.is_empty());
        let end = |days: i64| at((20 - days) * DAY - 60);
        assert_eq!(plain.and_then(|lot| lot.ended), Some((end(11), end(10))));
        assert_eq!(left(&records).await.len(), 12);
    }
}

on_both! {
    async fn what_is_over_goes_with_its_sound_and_nothing_else(place: &Place) {
        let (records, shelf) = filled(place).await;
        let removed = records.purge(&retention(), now(), &shelf).await.expect("purged");
        assert_eq!((removed.recordings, removed.left, removed.failure), (4, 0, None));
        assert_eq!(left(&records).await, KEPT.map(str::to_owned).into());
        assert!(shelf.left().iter().all(|file| KEPT.iter().any(|id| *file == format!("{id}.wav"))), "{:?}", shelf.left());
        assert_eq!(shelf.left().len(), 8);
        let again = records.purge(&retention(), now(), &shelf).await.expect("purged");
        assert_eq!(again, Removed::default());
    }
}

on_both! {
    async fn a_store_that_fails_ends_the_run_and_the_next_one_goes_on(place: &Place) {
        let (records, mut shelf) = filled(place).await;
        shelf.broken = Some("over");
        let removed = records.purge(&retention(), now(), &shelf).await.expect("purged");
        assert_eq!((removed.recordings, removed.left), (1, 1), "the chat of the same batch has no sound");
        assert!(removed.failure.is_some_and(|failure| failure.to_string().contains("on fire")));
        assert!(!left(&records).await.contains("over"), "nobody is given what is half removed");
        let ident = Filter::newest(99);
        assert_eq!(records.search(ident).await.expect("searched").records.len(), 10);
        assert_eq!(records.survey(&retention(), now()).await.expect("surveyed").begun, 1);
        shelf.broken = None;
        let removed = records.purge(&retention(), now(), &shelf).await.expect("purged");
        assert_eq!(removed.recordings, 3);
        assert_eq!(left(&records).await, KEPT.map(str::to_owned).into());
        assert_eq!(shelf.left().len(), 8);
    }
}

on_both! {
    async fn two_runs_at_once_and_many_batches_do_no_harm(place: &Place) {
        let (records, shelf) = filled(place).await;
        let many: Vec<_> = (0..1200).map(|n| ended(&format!("many {n:04}"), 12, &[])).collect();
        shelf.there.lock().expect("no panic").extend(many.iter().map(|record| record.file.clone()));
        records.put(many).await.expect("written");
        let other = Records::of(place.store().database().clone());
        let (retention, now) = (retention(), now());
        let runs = futures::future::join(records.purge(&retention, now, &shelf), other.purge(&retention, now, &shelf));
        let (one, two) = runs.await;
        let removed = one.expect("purged").recordings + two.expect("purged").recordings;
        assert!(removed >= 1204, "{removed}");
        assert_eq!(left(&records).await, KEPT.map(str::to_owned).into());
        assert_eq!(shelf.left().len(), 8);
    }
}

on_both! {
    async fn what_is_being_removed_is_nobodys(place: &Place) {
        let records = records(place);
        records.put(vec![record("a", 0, &[(Param::DeviceId, "1")])]).await.expect("written");
        let ident = only(&records).await.ident;
        let mark = "UPDATE records SET purged = 1";
        direct(&records, Lane::Write, move |session| Box::pin(session.batch(mark))).await.expect("marked");
        assert_eq!(records.by_idents(&[ident]).await, Ok(vec![]));
        assert_eq!(records.update(ident, changes(&[(Param::User1, "x")]), "").await, Ok(false));
        let device = UniqueField::from_name("device_id").expect("it");
        assert_eq!(records.latest_by(device, "1").await, Ok(None));
        let last = records.update_last_of(vec![(Param::DeviceId, "1".into())], changes(&[]), "").await;
        assert_eq!(last, Ok(None));
    }
}
