//! VOX against sox, which knows nothing of this program.

use futures::TryStreamExt;

use super::*;
use crate::media::tests::{bytes, program, samples, tone};

const SOX: &str = "sox -D -V1 -t raw -r 8000 -e signed -b 16 -c 1 - -t vox -";
const SOX_BACK: &str = "sox -D -V1 -t vox -r 8000 - -t raw -e signed -b 16 -";

/// Loud tones, noise that leaps from end to end, silence, and a sample without a second one.
fn hard() -> Vec<i16> {
    let mut random = fastrand::Rng::with_seed(1);
    let tone = tone(640, 500, 8000);
    let tone = tone.into_iter().map(|sample| sample.saturating_mul(2));
    let leaps = (0..1000).map(|n| if n % 7 < 3 { i16::MIN } else { i16::MAX });
    let mut all: Vec<_> = tone.chain(leaps).chain([0; 500]).collect();
    all.extend((0..4001).map(|_| random.i16(..)));
    all
}

async fn encoded(pieces: Vec<Bytes>) -> Vec<u8> {
    let sound = stream::iter(pieces.into_iter().map(Ok)).boxed();
    encode(sound).try_collect::<BytesMut>().await.expect("encoded").to_vec()
}

fn decoded(vox: &[u8]) -> Vec<i16> {
    let mut state = State::default();
    let codes = vox.iter().flat_map(|byte| [byte >> 4, byte & 15]);
    codes.map(|code| i16::try_from(state.decode(code)).expect("16 bit")).collect()
}

#[tokio::test]
async fn it_is_bit_exact_with_sox_both_ways() {
    let sound = bytes(&hard());
    let ours = encoded(vec![sound.clone().into()]).await;
    assert_eq!(ours.len() as u64, length(sound.len() as u64));
    let Some(theirs) = program(SOX, &sound) else { return };
    assert!(ours == theirs, "the same bytes as sox");
    let back = program(SOX_BACK, &ours).expect("sox is there");
    assert!(decoded(&ours) == samples(&back), "the same samples as sox");
}

#[tokio::test]
async fn pieces_may_end_anywhere() {
    let sound = bytes(&hard());
    let whole = encoded(vec![sound.clone().into()]).await;
    let mut random = fastrand::Rng::with_seed(2);
    let (mut rest, mut pieces) = (Bytes::from(sound), Vec::new());
    while !rest.is_empty() {
        pieces.push(rest.split_to(random.usize(0..=9).min(rest.len())));
    }
    assert!(encoded(pieces).await == whole);
    assert_eq!(encoded(vec![]).await, Vec::<u8>::new());
}

#[tokio::test]
async fn an_error_in_the_sound_is_one_in_the_file() {
    let lost = MediaError::Unavailable("lost".into());
    let sound = stream::iter([Ok(Bytes::from_static(&[1; 8])), Err(lost.clone())]).boxed();
    assert_eq!(encode(sound).try_collect::<BytesMut>().await, Err(lost));
}
