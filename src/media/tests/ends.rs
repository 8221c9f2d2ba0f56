//! When work ends, what it holds while it lasts, and what it lets go.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use futures::{StreamExt, stream};

use super::pipe::{Limits, PIECE};
use super::zip::Entry;
use super::*;

const LIMITS: Limits = Limits { piece: Duration::from_secs(30), whole: Duration::from_hours(1) };

/// More than the little that a whole way may hold, in bytes.
const BOUND: u64 = 2 << 20;

/// Sound of so many bytes that counts what was taken of it.
fn counted(length: u64, taken: &Arc<AtomicU64>) -> ByteStream {
    let taken = taken.clone();
    let piece = Bytes::from(bytes(&noise(9))).slice(..PIECE);
    let give = move |_| {
        taken.fetch_add(PIECE as u64, Ordering::Relaxed);
        Ok(piece.clone())
    };
    stream::iter((0..length / PIECE as u64).map(give)).boxed()
}

/// Reads a file that becomes 1 byte out of `ratio`, and checks at each piece how much of the sound is under way.
async fn read_slowly(mut file: ByteStream, ratio: u64, taken: &AtomicU64) {
    let (mut read, mut most) = (0, 0);
    while let Some(piece) = file.next().await {
        read += piece.expect("a piece").len() as u64;
        // a reader that comes back later: everybody else goes on until they must wait
        for _ in 0..64 {
            tokio::task::yield_now().await;
        }
        most = most.max(taken.load(Ordering::Relaxed).saturating_sub(read * ratio));
    }
    assert!(most < BOUND, "{most} bytes were under way");
    assert!(read > 0);
}

#[tokio::test]
async fn a_long_recording_is_never_held_in_memory() {
    const LONG: u64 = 32 << 20;
    let taken = Arc::new(AtomicU64::new(0));
    let run = |content| pipe::run("a test".into(), content, LIMITS, ());
    read_slowly(run(counted(LONG, &taken)).await.expect("begun"), 1, &taken).await;
    taken.store(0, Ordering::Relaxed);
    read_slowly(run(vox::encode(counted(LONG, &taken))).await.expect("begun"), 4, &taken).await;
    taken.store(0, Ordering::Relaxed);
    let converter = converter::Converter::new(1, LIMITS.piece, LIMITS.piece);
    let seat = converter.seat().await.expect("a place");
    let cat = seat.run("media.mp3_command", &["cat".into()], counted(LONG, &taken)).await.expect("begun");
    read_slowly(run(cat).await.expect("begun"), 1, &taken).await;
    taken.store(0, Ordering::Relaxed);
    let entry =
        |n| Entry { name: format!("{n}"), time: jiff::Timestamp::UNIX_EPOCH, most: LONG, deflate: false };
    let source = taken.clone();
    let open = move |_| futures::future::ready(Ok(counted(LONG / 2, &source)));
    let zip = zip::archive(vec![entry(1), entry(2)], open);
    read_slowly(run(zip).await.expect("begun"), 1, &taken).await;
}

/// All places are free again.
async fn is_free(studio: &Studio, max: usize) {
    within("the end of the work", async {
        while studio.free_places() < max {
            tokio::task::yield_now().await;
        }
    })
    .await;
}

#[tokio::test]
async fn a_client_that_goes_away_ends_the_work() {
    let mut place = Place::new();
    place.settings.mp3_command = vec!["cat".into()];
    place.settings.max_exports = 1;
    place.settings.max_conversions = 1;
    let long = place.keep(1, &wav(&noise(120), RATE, 1)).await;
    let (studio, both) = (place.studio(), [long.clone(), long.clone()]);
    for format in [Format::Wav, Format::Vox, Format::Mp3] {
        for way in 0..3 {
            let file = match way {
                0 => studio.one(&long, format, None).await,
                1 => studio.combined(&both, format).await,
                _ => studio.zipped(&both, format).await,
            };
            // the only place is free again, and so is the only one for programs
            let mut file = file.unwrap_or_else(|error| panic!("{format:?} {way}: {error}"));
            assert_eq!(studio.free_places(), 0);
            file.content.next().await.expect("a piece").expect("of the file");
            drop(file);
            is_free(&studio, 1).await;
        }
    }
}

#[tokio::test]
async fn a_file_that_was_read_gives_its_place_back() {
    let place = Place::new();
    let short = place.keep(1, &wav(&silence(100), RATE, 1)).await;
    let studio = place.studio();
    let mut file = studio.one(&short, Format::Wav, None).await.expect("a file");
    while let Some(piece) = file.content.next().await {
        piece.expect("a piece");
    }
    is_free(&studio, place.settings.max_exports).await;
}

#[tokio::test(start_paused = true)]
async fn one_too_many_waits_and_is_refused() {
    let mut place = Place::new();
    place.settings.max_exports = 1;
    let record = place.keep(1, &wav(&noise(120), RATE, 1)).await;
    let studio = place.studio();
    let first = studio.one(&record, Format::Wav, None).await.expect("a file");
    let second = studio.one(&record, Format::Wav, None);
    let MediaError::Unavailable(said) = second.await.expect_err("refused") else { panic!("not overloaded") };
    assert!(said.contains("overloaded: 1 files are being handed out"), "{said}");
    let (third, ()) = tokio::join!(studio.one(&record, Format::Wav, None), async { drop(first) });
    third.expect("the place of the first one");
}

#[tokio::test(start_paused = true)]
async fn a_client_that_does_not_read_loses_its_place() {
    let place = Place::new();
    let record = place.keep(1, &wav(&noise(120), RATE, 1)).await;
    let studio = place.studio();
    let file = studio.one(&record, Format::Wav, None).await.expect("a file");
    let begun = tokio::time::Instant::now();
    while studio.free_places() < place.settings.max_exports {
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    let passed = begun.elapsed();
    assert!(passed >= place.settings.timeout && passed < place.settings.timeout * 2, "{passed:?}");
    let error = whole(file).await.map(drop).expect_err("what it reads now has no end");
    assert!(matches!(error, MediaError::Unavailable(_)), "{error}");
}

#[tokio::test(start_paused = true)]
async fn a_file_has_so_much_time_and_no_more() {
    let drip = stream::unfold((), |()| async {
        tokio::time::sleep(Duration::from_secs(20)).await;
        Some((Ok(Bytes::from_static(b"x")), ()))
    });
    let file = pipe::run("a test".into(), drip.boxed(), LIMITS, ()).await.expect("begun");
    let begun = tokio::time::Instant::now();
    let read: Vec<_> = file.collect().await;
    assert!(read.last().is_some_and(Result::is_err));
    assert!(begun.elapsed() <= LIMITS.whole + Duration::from_secs(1));
}

#[tokio::test]
async fn work_that_breaks_down_is_no_whole_file() {
    let broken = stream::iter([Ok(Bytes::from_static(b"x"))]).chain(stream::once(async { panic!("a test") }));
    let mut file = pipe::run("a test".into(), broken.boxed(), LIMITS, ()).await.expect("begun");
    assert_eq!(file.next().await, Some(Ok(Bytes::from_static(b"x"))));
    assert!(matches!(file.next().await, Some(Err(MediaError::Unavailable(_)))));
    assert_eq!(file.next().await, None);
}
