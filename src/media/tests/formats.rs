//! Every format, alone, combined and in an archive.

use super::*;

const PCM: &str = "-f s16le -ac 1 -ar 8000 -";

/// The sound of a file, as ffmpeg or sox hears it.
fn heard(format: Format, file: &[u8]) -> Option<Vec<i16>> {
    let raw = match format {
        Format::Wav => program(&format!("ffmpeg -v error -f wav -i - {PCM}"), file),
        Format::Mp3 => program(&format!("ffmpeg -v error -f mp3 -i - {PCM}"), file),
        Format::Vox => program("sox -V1 -D -t vox -r 8000 - -t raw -e signed -b 16 -", file),
        Format::Cav => unreachable!("no other program reads it"),
    };
    raw.map(|raw| samples(&raw))
}

/// How exact a format is: milliseconds of where things are, and the loudest silence.
fn slack(format: Format) -> (usize, u16) {
    match format {
        Format::Wav => (0, 0),
        Format::Vox => (0, 200),
        // frames of 72 ms, and what the encoder puts in front
        _ => (200, 200),
    }
}

const HEARD: [Format; 3] = [Format::Wav, Format::Vox, Format::Mp3];

#[tokio::test]
async fn a_recording_is_heard_in_every_format() {
    let place = Place::new();
    let record = place.keep(1, &wav(&conversation(), RATE, 1)).await;
    for format in HEARD {
        let file = place.studio().one(&record, format, None).await.expect("a file");
        assert_eq!(file.content_type, format.content_type());
        assert_eq!(file.file_name, format!("7001-20261125T030405Z.{}", format.extension()));
        assert_eq!(file.length.is_some(), format != Format::Mp3);
        let file = whole(file).await.expect("to its end");
        let Some(heard) = heard(format, &file) else { return };
        let (slack, quiet) = slack(format);
        assert_is_conversation(&heard, slack, quiet);
        if format == Format::Wav {
            assert!(heard == conversation(), "sample by sample");
        }
    }
}

#[tokio::test]
async fn recordings_are_combined_in_their_order() {
    let place = Place::new();
    let parts = [tone(440, 1000, RATE), silence(1000), tone(1000, 1000, RATE)];
    let mut records = Vec::new();
    for (ident, part) in (1..).zip(&parts) {
        records.push(place.keep(ident, &wav(part, RATE, 1)).await);
    }
    for format in HEARD {
        let file = place.studio().combined(&records, format).await.expect("a file");
        assert_eq!(file.file_name, format!("7001-20261125T030405Z-and-2-more.{}", format.extension()));
        let file = whole(file).await.expect("to its end");
        let Some(heard) = heard(format, &file) else { return };
        let (slack, quiet) = slack(format);
        assert_is_conversation(&heard, slack, quiet);
    }
}

#[tokio::test]
async fn recordings_of_another_kind_are_converted_to_the_exact_length() {
    let place = Place::new();
    let stereo: Vec<_> = tone(440, 1000, 44_100).into_iter().flat_map(|sample| [sample, sample]).collect();
    let records = [
        place.keep(1, &wav(&stereo, 44_100, 2)).await,
        place.keep(2, &wav(&silence(1000), RATE, 1)).await,
        place.keep(3, &wav(&tone(1000, 1000, 16_000), 16_000, 1)).await,
    ];
    if program("ffmpeg -v error -version", b"").is_none() {
        return;
    }
    let file = place.studio().combined(&records, Format::Wav).await.expect("a file");
    assert_eq!(file.length, Some(44 + 3 * 16_000));
    let sound = heard(Format::Wav, &whole(file).await.expect("to its end")).expect("ffmpeg");
    assert_is_conversation(&sound, 20, 200);
    let vox = place.studio().one(&records[0], Format::Vox, None).await.expect("a file");
    assert_eq!(vox.length, Some(4000));
    let vox = whole(vox).await.expect("to its end");
    let Some(sound) = heard(Format::Vox, &vox) else { return };
    assert!((pitch(&sound[800..7200], RATE) - 440.0).abs() < 10.0);
    let mp3 = place.studio().combined(&records, Format::Mp3).await.expect("a file");
    let sound = heard(Format::Mp3, &whole(mp3).await.expect("to its end")).expect("ffmpeg");
    assert_is_conversation(&sound, 200, 200);
}

#[tokio::test]
async fn a_wav_of_another_kind_passes_as_it_is_and_needs_no_program() {
    let mut place = Place::new();
    place.settings.pcm_command.clear();
    let stereo = wav(&tone(440, 500, 44_100), 44_100, 2);
    let record = place.keep(1, &stereo).await;
    let file = whole(place.studio().one(&record, Format::Wav, None).await.expect("a file")).await;
    assert!(file == Ok(stereo));
    for refused in [
        place.studio().one(&record, Format::Vox, None).await,
        place.studio().combined(std::slice::from_ref(&record), Format::Wav).await,
    ] {
        let error = refused.expect_err("no program").to_string();
        assert!(error.contains("media.pcm_command names none"), "{error}");
    }
}

#[tokio::test]
async fn an_archive_has_a_file_for_each_with_a_name_of_its_own() {
    let place = Place::new();
    let mut records = Vec::new();
    for ident in 1..=3 {
        let sound = tone(200 * u32::try_from(ident).expect("small"), 1000, RATE);
        records.push(place.keep(ident, &wav(&sound, RATE, 1)).await);
    }
    records[2].said.insert(Param::DeviceId, "7002".into());
    for format in HEARD {
        let file = place.studio().zipped(&records, format).await.expect("a file");
        assert_eq!((file.content_type, file.length), ("application/zip", None));
        assert_eq!(file.file_name, "7001-20261125T030405Z-and-2-more.zip");
        let zip = whole(file).await.expect("to its end");
        let archive = place.folder.write("files.zip", &zip);
        let listed = program(&format!("unzip -Z1 {}", archive.display()), b"");
        let Some(listed) = listed else { return };
        let stems = ["7001-20261125T030405Z", "7001-20261125T030405Z-2", "7002-20261125T030405Z"];
        let names: Vec<_> = stems.iter().map(|stem| format!("{stem}.{}", format.extension())).collect();
        assert_eq!(String::from_utf8_lossy(&listed).lines().collect::<Vec<_>>(), names);
        for (name, hertz) in names.iter().zip([200.0, 400.0, 600.0]) {
            let content = program(&format!("unzip -p {} {name}", archive.display()), b"").expect("unzip");
            let Some(sound) = heard(format, &content) else { return };
            assert!((pitch(&sound[1600..6400], RATE) - hertz).abs() < 10.0, "{name}");
        }
    }
}

#[tokio::test]
async fn a_store_on_s3_gives_the_same_files() {
    let Some(vault) = vault::tests::bucket() else { return };
    let mut place = Place::new();
    place.settings.vault = vault;
    let records = [
        place.keep(1, &wav(&tone(440, 1000, RATE), RATE, 1)).await,
        place.keep(2, &wav(&[silence(1000), tone(1000, 1000, RATE)].concat(), RATE, 1)).await,
    ];
    let wav =
        whole(place.studio().combined(&records, Format::Wav).await.expect("a file")).await.expect("whole");
    assert!(samples(&wav[44..]) == conversation());
    let missing = record(3, "2026/3.wav");
    let error = place.studio().one(&missing, Format::Wav, None).await.expect_err("missing");
    assert!(matches!(error, MediaError::NotFound(_)), "{error}");
}
