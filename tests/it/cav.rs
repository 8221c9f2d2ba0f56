//! `corecast cav`, and CAV files between ours and another program.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use bytes::Bytes;
use corecast::media::cav::seal;
use futures::StreamExt;
use serde_json::{Value, json};

use super::process::{Ended, Process, Scratch};
use super::python::python;

const PLAIN: &[u8] = include_bytes!("../fixtures/plain.cav");
const ENCRYPTED: &[u8] = include_bytes!("../fixtures/encrypted.cav");
const PASSWORD: &str = "pässword";
const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/cav.py");

/// The size of the fixtures' sound.
const SOUND_BYTES: usize = 204;

/// A folder with these files.
fn folder(files: &[(&str, &[u8])]) -> Scratch {
    let folder = Scratch::new();
    for (name, content) in files {
        std::fs::write(folder.path().join(name), content).expect("a file can be written");
    }
    folder
}

fn names(folder: &Scratch) -> Vec<String> {
    let files = std::fs::read_dir(folder.path()).expect("a folder").flatten();
    let mut names: Vec<_> = files.map(|file| file.file_name().into_string().expect("UTF-8")).collect();
    names.sort();
    names
}

/// `corecast cav` with files of this folder, which `@` stands for.
async fn cav(folder: &Scratch, password: Option<&str>, args: &[&str]) -> Ended {
    let mut command = Command::new(env!("CARGO_BIN_EXE_corecast"));
    let path = folder.path().to_str().expect("UTF-8");
    command.arg("cav").args(args.iter().map(|arg| arg.replace('@', path)));
    command.env_remove("CORECAST_CAV_PASSWORD");
    if let Some(password) = password {
        command.env("CORECAST_CAV_PASSWORD", password);
    }
    Process::start(command, Stdio::null(), Stdio::piped()).end().await
}

fn is_about(text: &str) {
    let about: Value = serde_json::from_str(text).expect("JSON");
    assert_eq!(about, json!({"ident": 7, "user1": "é \"<x>\" 😀"}));
}

fn read(folder: &Scratch, name: &str) -> Vec<u8> {
    std::fs::read(folder.path().join(name)).expect(name)
}

#[tokio::test]
async fn it_prints_what_is_known_and_writes_the_sound() {
    let folder = folder(&[("a.cav", PLAIN)]);
    let ended = cav(&folder, None, &["@/a.cav"]).await;
    assert_eq!(ended.code, Some(0), "{ended:?}");
    is_about(&ended.out);
    let sound = read(&folder, "a.wav");
    assert!(sound.len() == SOUND_BYTES && sound.starts_with(b"RIFF"), "{sound:?}");
    assert_eq!(names(&folder), ["a.cav", "a.wav"]);
    let ended = cav(&folder, None, &["@/a.cav", "--out", "@/b.wav"]).await;
    assert_eq!((ended.code, read(&folder, "b.wav")), (Some(0), sound), "{ended:?}");
}

#[tokio::test]
async fn it_writes_over_nothing_unless_it_is_told_to() {
    let folder = folder(&[("a.cav", PLAIN), ("a.wav", b"mine")]);
    let ended = cav(&folder, None, &["@/a.cav"]).await;
    assert_eq!((ended.code, &*ended.out), (Some(1), ""), "{ended:?}");
    assert!(ended.err.contains("a.wav is there already") && ended.err.contains("--force"), "{ended:?}");
    assert_eq!(read(&folder, "a.wav"), b"mine");
    let ended = cav(&folder, None, &["@/a.cav", "--force"]).await;
    assert_eq!((ended.code, read(&folder, "a.wav").len()), (Some(0), SOUND_BYTES), "{ended:?}");
    assert_eq!(names(&folder), ["a.cav", "a.wav"]);
}

#[tokio::test]
async fn a_password_comes_from_a_file_or_a_variable() {
    let line = format!("{PASSWORD}\n");
    let folder = folder(&[("a.cav", ENCRYPTED), ("right", line.as_bytes()), ("wrong", b"password\n")]);
    for (password, args) in [
        (Some(PASSWORD), &["@/a.cav", "--info"][..]),
        (Some("x"), &["@/a.cav", "--info", "--password-file", "@/right"]),
    ] {
        let ended = cav(&folder, password, args).await;
        assert_eq!(ended.code, Some(0), "{ended:?}");
        is_about(&ended.out);
    }
    for (password, args, words) in [
        (None, &["@/a.cav"][..], "give its password by --password-file or in CORECAST_CAV_PASSWORD"),
        (Some("s3cret"), &["@/a.cav"], "the password is wrong, or the file is damaged"),
        (None, &["@/a.cav", "--password-file", "@/wrong"], "the password is wrong"),
        (None, &["@/a.cav", "--password-file", "@/none"], "none: No such file"),
    ] {
        let ended = cav(&folder, password, args).await;
        assert_eq!((ended.code, &*ended.out), (Some(1), ""), "{ended:?}");
        assert!(ended.err.contains(words) && !ended.err.contains("s3cret"), "{ended:?}");
    }
    assert_eq!(names(&folder), ["a.cav", "right", "wrong"], "nothing was written");
    let ended = cav(&folder, Some(PASSWORD), &["@/a.cav"]).await;
    assert_eq!((ended.code, read(&folder, "a.wav").len()), (Some(0), SOUND_BYTES), "{ended:?}");
}

#[tokio::test]
async fn of_a_damaged_file_nothing_is_written() {
    let mut changed = PLAIN.to_vec();
    *changed.last_mut().expect("bytes") ^= 1;
    let folder = folder(&[("changed.cav", &changed), ("short.cav", &PLAIN[..300]), ("a.cav", b"RIFF")]);
    let before = names(&folder);
    for (file, words) in [
        ("@/changed.cav", "it is damaged: chunk 3 is not as it was written"),
        ("@/short.cav", "it is damaged: chunk 3"),
        ("@/a.cav", "it is not a CAV file"),
        ("@/none.cav", "No such file"),
    ] {
        let ended = cav(&folder, None, &[file]).await;
        assert_eq!((ended.code, &*ended.out), (Some(1), ""), "{ended:?}");
        assert!(ended.err.contains(words), "{words}: {ended:?}");
    }
    assert_eq!(names(&folder), before);
}

/// Several chunks of what is no pattern.
fn long_sound() -> Vec<u8> {
    (0..50_000_u32).flat_map(|n| n.wrapping_mul(2_654_435_761).to_le_bytes()).collect()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn run(python: &Path, args: &[&str], input: &str) -> Vec<u8> {
    let mut command = Command::new(python);
    command.arg(SCRIPT).args(args).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = command.spawn().expect("Python runs");
    child.stdin.take().expect("piped").write_all(input.as_bytes()).expect("it reads");
    let output = child.wait_with_output().expect("it ends");
    assert!(output.status.success(), "{args:?}");
    output.stdout
}

#[tokio::test]
async fn another_program_opens_our_files() {
    let Some(python) = python("argon2, cryptography") else { return };
    let (folder, sound) = (Scratch::new(), long_sound());
    let path = folder.path().join("ours.cav");
    let path = path.to_str().expect("UTF-8");
    for password in [None, Some(PASSWORD)] {
        let pieces: Vec<_> = sound.chunks(10_000).map(|piece| Ok(Bytes::copy_from_slice(piece))).collect();
        let about = json!({"ident": 1, "user1": "ä"});
        let made =
            seal(futures::stream::iter(pieces).boxed(), sound.len() as u64, about.clone(), password).await;
        let file: Vec<_> = made.expect("made").0.map(|piece| piece.expect("sound")).collect().await;
        std::fs::write(path, file.concat()).expect("written");
        let args: Vec<_> = ["open", path].into_iter().chain(password).collect();
        let found: Value = serde_json::from_slice(&run(&python, &args, "")).expect("JSON");
        assert!(found["about"] == about && found["sound"] == hex(&sound), "{password:?}");
    }
}

#[tokio::test]
async fn we_open_another_programs_files() {
    let Some(python) = python("argon2, cryptography") else { return };
    let (folder, sound) = (Scratch::new(), long_sound());
    let about = json!({"ident": 7, "user1": "é \"<x>\" 😀"}).to_string();
    let plain = json!({"about": about, "sound": hex(&sound), "chunk": 1000});
    let mut encrypted = plain.clone();
    for (name, value) in [
        ("password", json!(PASSWORD)),
        ("memory", json!(64)),
        ("passes", json!(1)),
        ("lanes", json!(4)),
        ("salt", json!("ff".repeat(16))),
        ("prefix", json!("01".repeat(7))),
    ] {
        encrypted[name] = value;
    }
    for (name, wanted) in [("plain", plain), ("encrypted", encrypted)] {
        let path = folder.path().join(format!("{name}.cav"));
        run(&python, &["make", path.to_str().expect("UTF-8")], &wanted.to_string());
        let ended = cav(&folder, Some(PASSWORD), &[&format!("@/{name}.cav")]).await;
        assert_eq!(ended.code, Some(0), "{ended:?}");
        is_about(&ended.out);
        assert!(read(&folder, &format!("{name}.wav")) == sound, "{name}");
    }
}
