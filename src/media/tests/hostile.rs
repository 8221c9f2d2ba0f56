//! Files that are not there or not as they should be: an error, and never the beginning of a file.

use super::*;

/// Every way to ask for this recording, behind a sound one.
async fn ask(place: &Place, bad: &Record) -> Vec<MediaError> {
    let good = place.keep(99, &wav(&silence(100), RATE, 1)).await;
    let (studio, both) = (place.studio(), [good, bad.clone()]);
    let mut errors = Vec::new();
    for format in [Format::Wav, Format::Vox, Format::Mp3] {
        errors.push(studio.one(bad, format, None).await.expect_err("alone"));
        errors.push(studio.combined(&both, format).await.expect_err("combined"));
        errors.push(studio.zipped(&both, format).await.expect_err("in an archive"));
    }
    assert_eq!(studio.free_places(), place.settings.max_exports, "nothing is held");
    errors
}

#[tokio::test]
async fn a_bad_file_is_named_before_anything_is_handed_out() {
    let good = wav(&tone(440, 500, RATE), RATE, 1);
    let corrupt = [b"RIFFxxxxWAVEfmt ", &good[36..]].concat();
    for (bytes, reason) in [
        (&b""[..], "is empty"),
        (&good[..10], "is no WAV file"),
        (&good[..40], "ends within its head"),
        (&good[..44], "ends after 0 of the 8000 bytes of its sound"),
        (&good[..good.len() - 1], "ends after 7999 of the 8000 bytes of its sound"),
        (&corrupt[..], "its head"),
        (&vec![0; 100_000][..], "is no WAV file"),
        (&wav(&[], RATE, 1)[..], "holds no sound"),
    ] {
        let place = Place::new();
        let bad = place.keep(7, bytes).await;
        for error in ask(&place, &bad).await {
            let MediaError::NotFound(said) = error else { panic!("{error:?}") };
            assert!(said.contains("the recording 7 ") && said.contains(reason), "{said}, not {reason}");
        }
    }
}

#[tokio::test]
async fn a_recording_without_a_file_says_why() {
    let place = Place::new();
    let of = record(7, "2026/7.wav");
    let outside = Record { file: "../../etc/passwd".into(), ..of.clone() };
    for (bad, reason) in [
        (of.clone(), "2026/7.wav is not in the store of recordings"),
        (outside, "is no key of a recording"),
        (Record { file: String::new(), ..of.clone() }, "has no sound"),
        (Record { kind: RecordKind::Chat, ..of.clone() }, "is of a chat"),
        (Record { stopped: None, ..of.clone() }, "is still being made"),
        (Record { bytes: 0, ..of.clone() }, "is not in the store of recordings yet"),
    ] {
        for error in ask(&place, &bad).await {
            let MediaError::NotFound(said) = error else { panic!("{error:?}") };
            assert!(said.contains("the recording 7 ") && said.contains(reason), "{said}, not {reason}");
        }
    }
}

#[tokio::test]
async fn a_format_that_cannot_be_made_is_an_error_before_the_file() {
    let mut place = Place::new();
    let good = place.keep(1, &wav(&silence(100), RATE, 1)).await;
    let both = [good.clone(), good.clone()];
    for (command, reason) in [
        (vec!["/no/such/lame".to_owned()], "/no/such/lame"),
        (vec![], "media.mp3_command names none"),
        (vec!["false".into()], "exit status: 1"),
    ] {
        place.settings.mp3_command = command;
        let studio = place.studio();
        for error in [
            studio.one(&good, Format::Mp3, None).await.expect_err("alone"),
            studio.combined(&both, Format::Mp3).await.expect_err("combined"),
            studio.zipped(&both, Format::Mp3).await.expect_err("in an archive"),
        ] {
            let MediaError::Unavailable(said) = error else { panic!("{error:?}") };
            assert!(said.contains(reason), "{said}, not {reason}");
        }
    }
}

#[tokio::test]
async fn what_cannot_be_asked_for_is_refused() {
    let mut place = Place::new();
    place.settings.max_recordings = 2;
    let good = place.keep(1, &wav(&silence(100), RATE, 1)).await;
    let studio = place.studio();
    let three = [good.clone(), good.clone(), good.clone()];
    for refused in [
        studio.one(&good, Format::Wav, Some("secret")).await,
        studio.combined(&[], Format::Wav).await,
        studio.zipped(&[], Format::Wav).await,
        studio.combined(&three, Format::Wav).await,
        studio.zipped(&three, Format::Wav).await,
    ] {
        let MediaError::Invalid(said) = refused.expect_err("refused") else { panic!("not invalid") };
        assert!(!said.contains("secret"), "{said}");
    }
}

#[tokio::test]
async fn a_file_that_goes_while_it_is_read_is_an_error_in_the_stream() {
    let place = Place::new();
    let first = place.keep(1, &wav(&noise(120), RATE, 1)).await;
    let second = place.keep(2, &wav(&silence(100), RATE, 1)).await;
    let vault = Vault::open(&place.settings.vault).expect("a good URL");
    let both = [first, second];
    let combined = place.studio().combined(&both, Format::Wav).await.expect("begun");
    let zipped = place.studio().zipped(&both, Format::Wav).await.expect("begun");
    vault.delete("2026/2.wav").await.expect("deleted");
    for file in [combined, zipped] {
        let error = whole(file).await.map(drop).expect_err("the second one is gone");
        assert!(matches!(error, MediaError::NotFound(_)), "{error}");
    }
}
