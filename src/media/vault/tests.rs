//! The store in a folder, and in a bucket of a real service that speaks S3.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicU32, Ordering};

use bytes::BytesMut;
use futures::TryStreamExt;

use super::*;
use crate::media::tests::{Folder, not_run};

/// An empty bucket of the service at CORECAST_TEST_S3, such as `http://127.0.0.1:5000`, which takes any keys.
pub(in crate::media) fn bucket() -> Option<VaultSettings> {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let Ok(endpoint) = std::env::var("CORECAST_TEST_S3") else {
        not_run("CORECAST_TEST_S3 is not set, so the store was not tested on S3");
        return None;
    };
    let name = format!("test-{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
    let mut stream =
        TcpStream::connect(endpoint.trim_start_matches("http://")).expect("the service of the tests");
    let request =
        format!("PUT /{name} HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).expect("a request");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("an answer");
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    Some(settings(&format!("s3://{name}/some/prefix?endpoint={endpoint}&region=eu-central-1")))
}

fn settings(url: &str) -> VaultSettings {
    let s3 = S3Settings {
        access_key: Some(Secret::Text("AKIDNOBODY".into())),
        secret_key: Some(Secret::Text("verysecretindeed".into())),
        ..S3Settings::default()
    };
    VaultSettings { url: url.into(), s3, ..VaultSettings::default() }
}

fn folder(folder: &Folder) -> VaultSettings {
    settings(&format!("file://{}/a/b", folder.0.display()))
}

async fn content(stream: Result<ByteStream, MediaError>) -> Result<Vec<u8>, MediaError> {
    Ok(stream?.try_collect::<BytesMut>().await?.to_vec())
}

/// What every store does.
async fn a_store_keeps_what_it_is_given(settings: &VaultSettings) {
    let (vault, here) = (Vault::open(settings).expect("a good URL"), Folder::new());
    let small: Vec<u8> = (0..=255).collect();
    let large: Vec<u8> = (0..11_u32 << 20).map(|n| n.wrapping_mul(n).to_le_bytes()[1]).collect();
    let exact = vec![7; 10 << 20];
    for (key, bytes) in [("a.wav", &small), ("d/e f/ü#.wav", &large), ("exact", &exact), ("empty", &vec![])]
    {
        let path = here.write("out", bytes);
        let missing = vault.size(key).await.expect_err("nothing there yet");
        assert_eq!(missing, MediaError::NotFound(missing.to_string()));
        assert_eq!(vault.put_file(key, &path).await, Ok(bytes.len() as u64), "{key}");
        assert_eq!(vault.size(key).await, Ok(bytes.len() as u64));
        assert!(content(vault.read(key).await).await.expect(key) == *bytes, "{key} is what was put");
    }
    assert_eq!(content(vault.read_range("a.wav", 3..6).await).await, Ok(vec![3, 4, 5]));
    assert_eq!(
        content(vault.read_range("a.wav", 250..999).await).await,
        Ok(vec![250, 251, 252, 253, 254, 255])
    );
    assert_eq!(content(vault.read_range("a.wav", 3..3).await).await, Ok(vec![]));
    assert!(content(vault.read_range("a.wav", 256..257).await).await.is_err());
    vault.put_file("a.wav", &here.write("out", b"new")).await.expect("put again");
    assert_eq!(content(vault.read("a.wav").await).await, Ok(b"new".to_vec()));
    for _ in 0..2 {
        assert_eq!(vault.delete("a.wav").await, Ok(()), "gone already is as good");
        let gone = content(vault.read("a.wav").await).await.expect_err("deleted");
        assert_eq!(gone, MediaError::NotFound("a.wav is not in the store of recordings".into()));
    }
    let nothing = vault.put_file("x", &here.0.join("nothing")).await;
    assert!(matches!(nothing, Err(MediaError::NotFound(_))), "{nothing:?}");
    assert!(matches!(vault.size("x").await, Err(MediaError::NotFound(_))), "half of a file is no file");
}

#[tokio::test]
async fn a_folder_keeps_what_it_is_given() {
    let here = Folder::new();
    a_store_keeps_what_it_is_given(&folder(&here)).await;
    let left: Vec<_> =
        std::fs::read_dir(here.0.join("a/b")).expect("the folder was made").flatten().collect();
    assert_eq!(left.len(), 3, "nothing half-done is left: {left:?}");
}

#[tokio::test]
async fn a_bucket_keeps_what_it_is_given() {
    if let Some(settings) = bucket() {
        a_store_keeps_what_it_is_given(&settings).await;
    }
}

#[tokio::test]
async fn a_prefix_is_a_store_of_its_own() {
    let Some(settings) = bucket() else { return };
    let here = Folder::new();
    let vault = Vault::open(&settings).expect("a good URL");
    vault.put_file("a", &here.write("a", b"1")).await.expect("put in");
    let above = VaultSettings { url: settings.url.replace("/some/prefix", ""), ..settings.clone() };
    let above = Vault::open(&above).expect("a good URL");
    assert_eq!(content(above.read("some/prefix/a").await).await, Ok(b"1".to_vec()));
}

#[tokio::test]
async fn a_key_leads_to_no_other_place() {
    let here = Folder::new();
    let vault = Vault::open(&folder(&here)).expect("a good URL");
    let file = here.write("out", b"x");
    for key in [
        "",
        "/",
        "/etc/passwd",
        "..",
        "../x",
        "a/../../x",
        "a//b",
        "./a",
        "a/.",
        "a\\b",
        "a\nb",
        &"k".repeat(1025),
    ] {
        for done in [
            vault.put_file(key, &file).await.map(drop),
            vault.size(key).await.map(drop),
            vault.read(key).await.map(drop),
            vault.delete(key).await,
        ] {
            assert!(matches!(done, Err(MediaError::Invalid(_))), "{key:?}: {done:?}");
        }
    }
}

#[tokio::test]
async fn a_folder_that_cannot_be_made_is_a_store_that_cannot_be_used() {
    let here = Folder::new();
    here.write("file", b"no folder");
    let vault = Vault::open(&settings(&format!("file://{}/file/in", here.0.display()))).expect("a good URL");
    let error = vault.size("a").await.expect_err("no folder");
    assert!(matches!(&error, MediaError::Unavailable(reason) if !reason.contains("file/in")), "{error}");
}

#[tokio::test]
async fn a_bucket_that_is_not_there_and_a_service_that_refuses_are_no_missing_recordings() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let closed = format!("http://{}", listener.local_addr().expect("an address"));
    drop(listener);
    let mut settings = settings(&format!("s3://recordings?endpoint={closed}"));
    settings.timeout = Duration::from_secs(2);
    let vault = Vault::open(&settings).expect("a good URL");
    for error in [
        vault.size("a").await.expect_err("nobody there"),
        vault.read("a").await.map(drop).expect_err("nobody there"),
        vault.delete("a").await.expect_err("nobody there"),
    ] {
        assert!(matches!(&error, MediaError::Unavailable(_)), "{error}");
        assert!(!error.to_string().contains("127.0.0.1"), "{error}");
    }
}

/// A service that takes a connection and says nothing, or stops in the midst of an answer.
fn hanging(beginning: &'static str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address");
    std::thread::spawn(move || {
        let mut open = Vec::new();
        while let Ok((mut stream, _)) = listener.accept() {
            stream.write_all(beginning.as_bytes()).unwrap_or_default();
            open.push(stream);
        }
    });
    format!("http://{address}")
}

#[tokio::test]
async fn a_service_that_hangs_costs_no_more_than_its_deadline() {
    let head = "HTTP/1.1 200 OK\r\nLast-Modified: Wed, 25 Nov 2026 03:00:00 GMT\r\nETag: \"1\"\r\nContent-Length: 9\r\n\r\nabc";
    for beginning in ["", head] {
        let mut settings = settings(&format!("s3://recordings?endpoint={}", hanging(beginning)));
        settings.timeout = Duration::from_millis(600);
        let vault = Vault::open(&settings).expect("a good URL");
        let error = content(vault.read("a").await).await.expect_err("it hangs");
        assert!(matches!(&error, MediaError::Unavailable(_)), "{error}");
    }
}

#[test]
fn a_url_that_names_no_store_is_refused_without_repeating_it() {
    for url in [
        "",
        "recordings",
        "http://x",
        "s3://",
        "s3:///x",
        "s3://key:verysecretindeed@bucket",
        "s3://b?key=verysecretindeed",
    ] {
        let error = Vault::open(&settings(url)).expect_err(url);
        assert!(
            matches!(error, MediaError::Invalid(_)) && !error.to_string().contains("verysecret"),
            "{error}"
        );
    }
    let mut settings = settings("s3://recordings");
    settings.s3.secret_key = Some(Secret::File("/no/such/file".into()));
    let error = Vault::open(&settings).expect_err("no file").to_string();
    assert!(error.contains("secret_key") && error.contains("/no/such/file"), "{error}");
}

#[test]
fn no_secret_is_shown() {
    let here = Folder::new();
    let mut settings = settings("s3://recordings?endpoint=http://127.0.0.1:1");
    settings.s3.session_token = Some(Secret::File(here.write("token", b" verysecretindeed2\n")));
    let vault = Vault::open(&settings).expect("a good URL");
    let shown = format!("{settings:?} {vault:?}");
    assert!(!shown.contains("verysecret") && !shown.contains("AKIDNOBODY"), "{shown}");
    let echoed = vault.0.without_secrets("<AWSAccessKeyId>AKIDNOBODY</AWSAccessKeyId> verysecretindeed2");
    assert!(!echoed.contains("AKIDNOBODY") && !echoed.contains("verysecret"), "{echoed}");
}
