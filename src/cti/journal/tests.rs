use std::time::Duration;

use super::*;
use crate::cti::state::Limits;
use crate::cti::state::blackout::{Reach, Said};
use crate::cti::state::data::Data;
use crate::cti::state::names::Who;
use crate::cti::tests::Scratch;
use crate::model::CoreId;
use crate::protocol::param::Param;

fn sealed(n: u64) -> Event {
    Event::Sealed { device: "5".into(), take: n.to_string().into() }
}

fn played(folder: &Folder, saved: u64) -> Vec<u64> {
    let mut numbers = Vec::new();
    folder.play(saved, |entry| numbers.push(entry.number)).expect("it can be read");
    numbers
}

fn journal(scratch: &Scratch, entries: u64) -> Journal {
    let folder = Folder::take(scratch.path()).expect("a folder");
    let mut journal = Journal::begin(folder, 0).expect("a journal");
    (0..entries).for_each(|n| journal.append(Timestamp::UNIX_EPOCH, sealed(n)).expect("it is written"));
    journal
}

fn state() -> State {
    let mut state = State::new(CoreId(1), Duration::from_mins(15), Limits::default());
    let at = Timestamp::UNIX_EPOCH;
    let who = Who::of(|param| match param {
        Param::DeviceId => Some("5"),
        Param::SysUser => Some("x"),
        _ => None,
    });
    state.begin_call(&who, "", Data::default(), at).expect("a call");
    state.start_agent_blackout(&who, Said { reach: Reach::Agent, at, asked: None }, at).expect("a blackout");
    state
}

#[test]
fn a_folder_is_one_cores() {
    let scratch = Scratch::new();
    let journal = journal(&scratch, 0);
    let error = Folder::take(scratch.path()).expect_err("it is taken");
    assert!(error.to_string().starts_with("another core works in "), "{error}");
    drop(journal);
    assert!(Folder::take(scratch.path()).is_ok());
}

#[test]
fn entries_are_played_behind_the_snapshot_and_none_twice() {
    let scratch = Scratch::new();
    let mut journal = journal(&scratch, 3);
    let saved = journal.turn_page(&state()).expect("a new page");
    journal.append(Timestamp::UNIX_EPOCH, sealed(3)).expect("it is written");
    assert_eq!(played(&journal.folder, 0), [1, 2, 3, 4], "the snapshot was not written: a crash");
    saved.write().expect("it is saved");
    let (last, state) = journal.folder.saved().expect("it can be read").expect("a snapshot");
    assert_eq!((last, played(&journal.folder, 3)), (3, vec![4]));
    assert_eq!(played(&journal.folder, 0), [4], "what it covers is gone");
    assert!(state.devices().next().is_some_and(|d| d.calls[0].blackouts.is_on(Timestamp::UNIX_EPOCH)));
}

#[test]
fn a_torn_entry_is_dropped_and_the_rest_is_kept() {
    let scratch = Scratch::new();
    let journal = journal(&scratch, 3);
    let (_, path) = journal.folder.files().expect("files").remove(0);
    let whole = std::fs::read(&path).expect("the journal");
    for cut in [2, 10, 60] {
        std::fs::write(&path, &whole[..whole.len() - cut]).expect("it is cut");
        assert_eq!(played(&journal.folder, 0), [1, 2], "{cut}");
    }
}

#[test]
fn a_state_comes_back_from_its_snapshot_as_it_was() {
    let scratch = Scratch::new();
    let mut journal = journal(&scratch, 1);
    let before = state();
    journal.save_now(&before).expect("it is saved");
    let (_, mut after) = journal.folder.saved().expect("it can be read").expect("a snapshot");
    let view = |state: &State| crate::cti::Snapshot::of(state, Timestamp::UNIX_EPOCH);
    assert_eq!(view(&after), view(&before));
    let who = Who::of(|param| (param == Param::SysUser).then_some("x"));
    assert!(matches!(after.call(&who, None), Ok(Some(_))), "names are known");
}

#[test]
fn what_cannot_be_written_leaves_the_journal_as_it_was() {
    let scratch = Scratch::new();
    let mut journal = journal(&scratch, 2);
    let good = std::mem::replace(
        &mut journal.file,
        File::options().append(true).open("/dev/full").expect("it is there"),
    );
    let error = journal.append(Timestamp::UNIX_EPOCH, sealed(2)).expect_err("the disk is full");
    assert_eq!(error.kind(), io::ErrorKind::StorageFull);
    (journal.file, journal.is_torn) = (good, false);
    journal.append(Timestamp::UNIX_EPOCH, sealed(3)).expect("there is room again");
    journal.fall_behind(io::ErrorKind::StorageFull);
    assert!(journal.append(Timestamp::UNIX_EPOCH, sealed(4)).is_err());
    journal.save_now(&state()).expect("it is saved");
    journal.append(Timestamp::UNIX_EPOCH, sealed(5)).expect("it is written");
    assert_eq!(played(&journal.folder, 0), [4], "the snapshot holds 1 to 3");
}
