//! What the cores of the demo recorded: fetched as anybody would, and listened to.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::{Instant, sleep};

use crate::app::Proxy;
use crate::cli::output;
use crate::cti::recorder::wav;
use crate::net::TcpStream;

/// How long recordings may take to be in the store.
const PATIENCE: Duration = Duration::from_secs(10);

/// How long the two blackouts are at least, in seconds: half a second before the first and one of talk; and the
/// time-out of the core that hangs. A machine that stalls may take so much of it.
const FIRST: f64 = 1.5;
const SECOND: f64 = 2.0;
const STALL: f64 = 1.0;

/// Fetches the recording of each core, and tells how much of it is silence; how many are not as they should be. Core 2
/// slept through the beginning of the second blackout, which lasts at least as long as its answer was waited for: it got
/// it late, and its recording is as silent as the others.
pub(super) async fn judge(proxy: &Proxy) -> io::Result<usize> {
    output::line(output::styled("\nWhat can be heard? The three recordings, by EXPORT:", "1"));
    let mut silences = Vec::new();
    for core in 1..=3 {
        let file = fetch(proxy.webapi, core).await?;
        let (length, silence) = listen_to(&file)?;
        output::line(format_args!("   core {core}: {length:.1} s, {silence:.1} s of it blacked out"));
        silences.push(silence);
    }
    let (least, most) =
        (silences.iter().copied().fold(f64::MAX, f64::min), silences.iter().copied().fold(0.0, f64::max));
    let is_right = silences.len() == 3 && least > FIRST + SECOND - STALL && most - least < STALL;
    let (mark, color) = if is_right { ("✓", "32") } else { ("✗", "31") };
    output::line(format_args!(
        "   {} all three cores kept both blackouts, core 2 the second one late",
        output::styled(mark, color)
    ));
    Ok(usize::from(!is_right))
}

/// The newest recording of a core, as soon as it is in the store.
async fn fetch(webapi: SocketAddr, core: u16) -> io::Result<Vec<u8>> {
    let query = format!("type=export&requestid=1&uniquefield=coreident&uniqueid={core}&media_format=wav");
    let deadline = Instant::now() + PATIENCE;
    loop {
        let answer = get(webapi, &query).await?;
        let body = answer.windows(4).position(|four| four == b"\r\n\r\n").map_or(answer.len(), |at| at + 4);
        let body = &answer[body..];
        if body.starts_with(b"RIFF") {
            return Ok(body.to_vec());
        }
        if Instant::now() > deadline {
            return Err(io::Error::other(String::from_utf8_lossy(body).into_owned()));
        }
        sleep(Duration::from_millis(50)).await;
    }
}

async fn get(webapi: SocketAddr, query: &str) -> io::Result<Vec<u8>> {
    let mut stream = TcpStream::connect(webapi).await?;
    let request = format!("GET /webAPI.aspx?{query} HTTP/1.1\r\nHost: {webapi}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await?;
    Ok(answer)
}

/// How long a recording is, and how much of it is silence, in seconds.
fn listen_to(file: &[u8]) -> io::Result<(f64, f64)> {
    let samples = wav::samples(file).map_err(io::Error::other)?;
    let seconds =
        |samples: usize| f64::from(u32::try_from(samples).unwrap_or(u32::MAX)) / f64::from(wav::RATE);
    let silent = samples.iter().filter(|sample| **sample == 0).count();
    Ok((seconds(samples.len()), seconds(silent)))
}
