//! A real proxy on one worker thread with three cores behind it that confirm everything, and a client that waits on a
//! thread of its own. Nothing here runs on the worker.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::time::Duration;

use corecast::app::Proxy;
use corecast::config::Settings;
use tokio::runtime::Runtime;

const CORES: usize = 3;
/// Nothing is waited for longer.
const PATIENCE: Duration = Duration::from_secs(20);

pub struct Lab {
    api: SocketAddr,
    webapi: SocketAddr,
    _background: Runtime,
}

/// How a client speaks.
#[derive(Clone, Copy)]
pub enum Speech {
    Xml,
    Http,
}

impl Lab {
    pub fn start() -> Self {
        let background = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
        let background = background.expect("a runtime");
        let settings = settings(&[(); CORES].map(|()| echo_core()));
        let proxy = background.block_on(async { Proxy::start(settings) }).expect("the proxy starts");
        Self { api: proxy.api, webapi: proxy.webapi, _background: background }
    }

    pub fn client(&self, speech: Speech) -> Client {
        let address = match speech {
            Speech::Xml => self.api,
            Speech::Http => self.webapi,
        };
        let stream = TcpStream::connect(address).expect("the proxy listens");
        stream.set_nodelay(true).expect("a socket");
        stream.set_read_timeout(Some(PATIENCE)).expect("a socket");
        let writer = stream.try_clone().expect("a socket");
        Client { speech, writer, reader: BufReader::new(stream), line: String::new() }
    }
}

fn settings(cores: &[SocketAddr]) -> Settings {
    let core = |(id, address): (usize, &SocketAddr)| {
        format!("[[core]]\nid = {id}\naddress = \"{address}\"\nconnections = 1\npipeline = 64\n")
    };
    let text = format!(
        "[runtime]\nthreads = 1\n[listen]\napi = \"127.0.0.1:0\"\nwebapi = \"127.0.0.1:0\"\nadmin = \"127.0.0.1:0\"\n\
         [limits]\ndeadline = \"15s\"\nleg_timeout = \"10s\"\nconnect_timeout = \"5s\"\n\
         [directory]\nurl = \"sqlite::memory:\"\n\
         [[route.rule]]\ndevices = \"7000-7999\"\ncores = [1, 2, 3]\n{}",
        (1..).zip(cores).map(core).collect::<String>()
    );
    Settings::parse(&text, "the lab", std::iter::empty()).unwrap_or_else(|faults| panic!("{faults}"))
}

/// A core that confirms everything at once. Requests come to it a line each.
fn echo_core() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("an address");
    std::thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            std::thread::spawn(move || confirm_all(stream).unwrap_or_default());
        }
    });
    address
}

fn confirm_all(stream: TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut writer = stream.try_clone()?;
    for line in BufReader::new(stream).lines() {
        let line = line?;
        let number = line.split("<REQUESTID>").nth(1).and_then(|rest| rest.split('<').next()).unwrap_or("");
        let result = format!(
            "<RESULT><REQUESTTYPE>X</REQUESTTYPE><REQUESTID>{number}</REQUESTID><RESULTTYPE>API_OK</RESULTTYPE>\
             <RESULTCODE>20</RESULTCODE><RESULTMSG>done</RESULTMSG></RESULT>\r\n"
        );
        writer.write_all(result.as_bytes())?;
    }
    Ok(())
}

/// One connection to the proxy.
pub struct Client {
    speech: Speech,
    writer: TcpStream,
    reader: BufReader<TcpStream>,
    line: String,
}

impl Client {
    /// Asks for these functions in turn, `count` requests in all, `at_once` of them under way together. Each must be
    /// confirmed by all cores.
    pub fn ask(&mut self, kinds: &[&str], count: usize, at_once: usize) {
        let numbers: Vec<usize> = (1..=count).collect();
        for together in numbers.chunks(at_once) {
            let requests: String =
                together.iter().map(|n| self.request(kinds[n % kinds.len()], *n)).collect();
            self.writer.write_all(requests.as_bytes()).expect("it is sent");
            together.iter().for_each(|n| self.expect_ok(*n));
        }
    }

    fn request(&self, kind: &str, number: usize) -> String {
        let device = 7000 + number / 2 % 1000;
        match self.speech {
            Speech::Xml => format!(
                "<REQUEST><TYPE>{kind}</TYPE><REQUESTID>{number}</REQUESTID><DEVICEID>{device}</DEVICEID></REQUEST>\r\n"
            ),
            Speech::Http => format!(
                "GET /webapi.aspx?type={kind}&requestid={number}&deviceid={device} HTTP/1.1\r\nHost: corecast\r\n\r\n"
            ),
        }
    }

    fn expect_ok(&mut self, number: usize) {
        let answer = match self.speech {
            Speech::Xml => self.next_line(),
            Speech::Http => self.body(),
        };
        let is_ok = answer.contains("API_OK") && answer.contains(&format!("<REQUESTID>{number}<"));
        assert!(is_ok, "{number}: {answer}");
    }

    fn next_line(&mut self) -> String {
        self.line.clear();
        self.reader.read_line(&mut self.line).expect("an answer");
        self.line.clone()
    }

    fn body(&mut self) -> String {
        let mut length = 0;
        loop {
            let line = self.next_line().to_ascii_lowercase();
            if let Some(value) = line.strip_prefix("content-length:") {
                length = value.trim().parse().expect("a length");
            }
            if line.trim().is_empty() {
                break;
            }
        }
        let mut body = vec![0; length];
        self.reader.read_exact(&mut body).expect("a body");
        String::from_utf8(body).expect("UTF-8")
    }
}
