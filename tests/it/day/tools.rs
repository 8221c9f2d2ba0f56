//! Programs that know nothing of Corecast: they fetch, decode and unpack.

use std::net::SocketAddr;
use std::process::Stdio;

use tokio::io::AsyncWriteExt;
use tokio::process::Command;

use crate::it::lab::{Answer, within};
use crate::it::process::Scratch;

/// Whether these programs are here; without them, a test does not run.
pub fn have(programs: &[&str]) -> bool {
    let is_here = |program: &&&str| {
        let asked = std::process::Command::new("sh").args(["-c", &format!("command -v {program}")]).output();
        asked.is_ok_and(|asked| asked.status.success())
    };
    let Some(missing) = programs.iter().find(|program| !is_here(program)) else { return true };
    let required = std::env::var("CORECAST_TEST_REQUIRE_SERVICES").is_ok_and(|value| value == "1");
    assert!(!required, "there is no {missing}, and the services are required");
    eprintln!("NOT RUN: there is no {missing}");
    false
}

/// What a URL of the WebAPI gave.
pub struct File {
    pub kind: String,
    pub disposition: String,
    pub content: Vec<u8>,
}

impl File {
    /// The RESULT that came in place of a file.
    pub fn result(&self) -> Answer {
        Answer::read(&self.content)
    }
}

/// Fetches a URL by curl, which fails where an answer ends early.
pub async fn fetch(webapi: SocketAddr, query: &str) -> File {
    let url = format!("http://{webapi}/webAPI.aspx?requestid=7&{query}");
    let out = run("curl", &["--silent", "--show-error", "--fail", "--include", &url], b"").await;
    let head = out.windows(4).position(|four| four == b"\r\n\r\n").expect("headers");
    let headers = String::from_utf8_lossy(&out[..head]).into_owned();
    let header = |name: &str| {
        let lines = headers.lines().filter_map(|line| line.split_once(": "));
        let value = lines.filter(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value).next();
        value.unwrap_or("").to_owned()
    };
    let content = out[head + 4..].to_vec();
    File { kind: header("content-type"), disposition: header("content-disposition"), content }
}

/// A file as another program hears it: bare samples, 8000 a second.
pub async fn heard(format: &str, file: &[u8]) -> Vec<u8> {
    let bare = ["-f", "s16le", "-ac", "1", "-ar", "8000", "-"];
    match format {
        "vox" => {
            let args =
                ["-V1", "-D", "-t", "vox", "-r", "8000", "-", "-t", "raw", "-e", "signed", "-b", "16", "-"];
            run("sox", &args, file).await
        }
        _ => run("ffmpeg", &[&["-v", "error", "-f", format, "-i", "-"][..], &bare].concat(), file).await,
    }
}

/// What is in an archive: names with contents.
pub async fn unzipped(scratch: &Scratch, archive: &[u8]) -> Vec<(String, Vec<u8>)> {
    let path = scratch.path().join("archive.zip");
    std::fs::write(&path, archive).expect("a file can be written");
    let path = path.to_str().expect("a path in UTF-8");
    run("unzip", &["-tq", path], b"").await;
    let names = String::from_utf8(run("unzip", &["-Z1", path], b"").await).expect("names");
    let mut files = Vec::new();
    for name in names.lines() {
        files.push((name.to_owned(), run("unzip", &["-p", path, name], b"").await));
    }
    files
}

/// Runs a program with this input; its output.
async fn run(program: &str, args: &[&str], input: &[u8]) -> Vec<u8> {
    let mut command = Command::new(program);
    command.args(args).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
    let mut child = command.spawn().unwrap_or_else(|error| panic!("{program}: {error}"));
    let mut stdin = child.stdin.take().expect("it is piped");
    let (written, output) = within(program, async {
        let write = async {
            let written = stdin.write_all(input).await;
            drop(stdin);
            written
        };
        tokio::join!(write, child.wait_with_output())
    })
    .await;
    let output = output.expect("it ends");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{program} {args:?}: {errors}");
    written.unwrap_or_else(|error| panic!("{program} did not read: {error}"));
    output.stdout
}
