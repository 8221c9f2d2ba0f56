//! Programs that do as they should, and others.

use std::path::Path;

use futures::TryStreamExt;

use super::*;
use crate::media::tests::{Folder, within};

fn converter(max: usize) -> Converter {
    Converter::new(max, Duration::from_millis(20), Duration::from_secs(10))
}

fn shell(script: &str) -> Vec<String> {
    ["sh", "-c", script].map(str::to_owned).to_vec()
}

fn sound(pieces: usize) -> ByteStream {
    stream::iter((0..pieces).map(|n| Ok(Bytes::from(vec![n.to_le_bytes()[0]; PIECE])))).boxed()
}

async fn converted(command: &[String], sound: ByteStream) -> Result<Vec<u8>, MediaError> {
    let seat = converter(1).seat().await?;
    let content = seat.run("media.mp3_command", command, sound).await?;
    Ok(content.try_collect::<BytesMut>().await?.to_vec())
}

#[tokio::test]
async fn a_program_reads_and_writes_at_the_same_time() {
    // far more than the pipes hold, both ways
    let back = within("cat", converted(&shell("cat"), sound(64))).await.expect("converted");
    let sent = sound(64).try_collect::<BytesMut>().await.expect("sound");
    assert!(back == sent);
}

#[tokio::test]
async fn a_program_that_fails_says_so_and_not_half_a_file() {
    for (script, reason) in [
        ("exit 3", "exit status: 3"),
        ("cat > /dev/null", "wrote nothing"),
        ("cat; exit 3", "exit status: 3"),
        ("cat; kill -9 $$", "signal: 9"),
        ("echo enough", "did not read all of the sound"),
    ] {
        let error = within(script, converted(&shell(script), sound(8))).await.expect_err(script);
        assert!(matches!(&error, MediaError::Unavailable(_)), "{error}");
        let shown = error.to_string();
        assert!(shown.contains(reason) && shown.contains("media.mp3_command"), "{script}: {shown}");
    }
}

#[tokio::test]
async fn a_program_that_is_not_there_is_named() {
    let error = converted(&["/no/such/program".into()], sound(1)).await.expect_err("not there").to_string();
    assert!(error.contains("/no/such/program") && error.contains("media.mp3_command"), "{error}");
    let error = converted(&[], sound(1)).await.expect_err("none").to_string();
    assert!(error.contains("media.mp3_command names none"), "{error}");
}

#[tokio::test(start_paused = true)]
async fn a_program_that_hangs_is_given_up() {
    for script in ["sleep 1000", "echo begun; exec sleep 1000", "echo begun; exec 1>&-; exec sleep 1000"] {
        let error = converted(&shell(script), sound(8)).await.expect_err(script).to_string();
        assert!(error.contains("wrote nothing for 10s") || error.contains("does not end"), "{error}");
    }
}

#[tokio::test]
async fn sound_that_ends_too_early_is_no_file_even_if_the_program_is_content() {
    let lost = MediaError::Unavailable("lost".into());
    let broken = sound(8).chain(stream::iter([Err(lost.clone())])).boxed();
    assert_eq!(within("cat", converted(&shell("cat"), broken)).await, Err(lost));
}

#[tokio::test]
async fn there_are_no_more_programs_than_places() {
    let converter = converter(1);
    let seat = converter.seat().await.expect("a place");
    let error = converter.seat().await.expect_err("taken").to_string();
    assert!(error.contains("try again later"), "{error}");
    let running = seat.run("media.mp3_command", &shell("cat"), sound(100)).await.expect("begun");
    drop(seat);
    assert!(converter.seat().await.is_err(), "the place is the program's");
    drop(running);
    converter.seat().await.expect("a place again");
}

#[tokio::test]
async fn a_program_is_killed_when_nobody_reads_any_more() {
    let folder = Folder::new();
    let note = folder.0.join("pid");
    let seat = converter(1).seat().await.expect("a place");
    let script = format!("echo $$ > {}; exec cat", note.display());
    let running = seat.run("media.mp3_command", &shell(&script), sound(100)).await.expect("begun");
    let pid = std::fs::read_to_string(&note).expect("it has begun").trim().to_owned();
    assert!(is_alive(&pid), "it waits for a reader");
    drop(running);
    within("its end", async {
        while is_alive(&pid) {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await;
}

fn is_alive(pid: &str) -> bool {
    let stat = std::fs::read_to_string(Path::new("/proc").join(pid).join("stat"));
    stat.is_ok_and(|stat| !stat.contains(") Z "))
}

#[tokio::test]
async fn only_the_end_of_a_complaint_is_kept() {
    let long = [vec![b'x'; 100_000], b" the end\n".to_vec()].concat();
    let kept = tail(&long[..]).await;
    assert!(kept.len() <= COMPLAINT && kept.ends_with("the end"), "{}", kept.len());
}
