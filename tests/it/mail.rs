//! Mails to a real SMTP server, read again by Python's own reader.

use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use corecast::command::{Call, Refusal, check};
use corecast::media::mail::{Attachments, Encryption, Login, Mail, MailSettings};
use corecast::media::{Download, Format, MediaError};
use corecast::protocol::codes::{Codes, ResultType};
use corecast::protocol::request::Request;
use corecast::protocol::xml::Bounds;
use corecast::secret::Secret;
use futures::future::BoxFuture;
use futures::{FutureExt, StreamExt};
use serde_json::Value;
use tokio::time::Instant;

use super::lab::within;
use super::process::{Process, Scratch};
use super::python::python;

const LIMIT: usize = 64 * 1024;
const PASSWORD: &str = "s3cret-pässword";

/// Every byte there is, in an order that no text has, and line ends and dots where mail is touchy.
fn sound() -> Vec<u8> {
    let bytes = (0..30_000_u32).flat_map(|n| n.wrapping_mul(2_654_435_761).to_le_bytes());
    b"\r\n.\r\n.".iter().copied().chain(bytes.take(50_000)).chain(*b"\n.\n").collect()
}

/// What is asked of it is kept; what it gives is told by the first number.
#[derive(Default)]
struct Stub(Mutex<Vec<(bool, Vec<i64>, Format)>>);

impl Stub {
    fn give(&self, is_combined: bool, idents: &[i64], format: Format) -> Result<Download, Refusal> {
        self.0.lock().unwrap().push((is_combined, idents.to_vec(), format));
        let name = if idents.len() > 1 && !is_combined { "recordings.zip" } else { "Gespräch \"7\".wav" };
        let large = vec![Ok(Bytes::from(vec![0; LIMIT])), Ok(Bytes::from_static(b"x"))];
        let (length, pieces) = match idents[0] {
            404 => return Err(Refusal::new(ResultType::FileNotFound, "no recording 404")),
            1 => (Some(LIMIT as u64 + 1), large),
            2 => (None, large),
            3 => (None, vec![Err(MediaError::Unavailable("the disk is broken".into()))]),
            _ => (None, sound().chunks(1000).map(|piece| Ok(Bytes::copy_from_slice(piece))).collect()),
        };
        let content = futures::stream::iter(pieces).boxed();
        Ok(Download { content_type: format.content_type(), file_name: name.into(), length, content })
    }
}

impl Attachments for Stub {
    fn one_or_zip(&self, idents: Vec<i64>, format: Format) -> BoxFuture<'_, Result<Download, Refusal>> {
        async move { self.give(false, &idents, format) }.boxed()
    }

    fn combined(&self, idents: Vec<i64>, format: Format) -> BoxFuture<'_, Result<Download, Refusal>> {
        async move { self.give(true, &idents, format) }.boxed()
    }
}

/// A mail server.
pub struct Server {
    _process: Process,
    pub port: u16,
    folder: Scratch,
    python: PathBuf,
}

/// A mail that the server has kept.
#[derive(Debug)]
pub struct Kept {
    envelope: Value,
    mail: Value,
}

const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/smtp.py");

impl Server {
    pub async fn start(options: &[&str]) -> Option<Self> {
        let python = python("aiosmtpd, cryptography")?;
        let folder = Scratch::new();
        let mut command = Command::new(&python);
        command.arg(SCRIPT).arg("serve").arg(folder.path()).args(options);
        let mut process = Process::start(command, Stdio::null(), Stdio::piped());
        let port = process.line("port ").await["port ".len()..].parse().expect("a port");
        Some(Self { _process: process, port, folder, python })
    }

    fn settings(&self) -> MailSettings {
        settings(self.port)
    }

    fn authority(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("ca.pem")).expect("an authority")
    }

    /// How many mails it has accepted.
    fn count(&self) -> usize {
        let files = std::fs::read_dir(self.folder.path()).expect("a folder").flatten();
        files.filter(|file| file.path().extension().is_some_and(|extension| extension == "eml")).count()
    }

    pub fn kept(&self, number: usize) -> Kept {
        let file = |extension: &str| self.folder.path().join(format!("{number}.{extension}"));
        let read = Command::new(&self.python).arg(SCRIPT).arg("read").arg(file("eml")).output();
        let read = read.expect("Python runs");
        assert!(read.status.success(), "{}", String::from_utf8_lossy(&read.stderr));
        let envelope = std::fs::read(file("json")).expect("an envelope");
        Kept {
            envelope: serde_json::from_slice(&envelope).expect("JSON"),
            mail: serde_json::from_slice(&read.stdout).expect("JSON"),
        }
    }
}

impl Kept {
    /// All headers of this name.
    fn headers(&self, name: &str) -> Vec<&str> {
        let headers = self.mail["headers"].as_array().expect("headers").iter();
        let named = headers.filter(|header| header[0].as_str().is_some_and(|n| n.eq_ignore_ascii_case(name)));
        named.map(|header| header[1].as_str().expect("text")).collect()
    }

    /// Name, type and content of the one attachment.
    pub fn attachment(&self) -> (&str, &str, Vec<u8>) {
        let [attachment] = self.mail["attachments"].as_array().expect("a list").as_slice() else {
            panic!("not one attachment: {}", self.mail)
        };
        let text = |key: &str| attachment[key].as_str().expect("text");
        let hex = text("content").as_bytes();
        let byte = |pair: &[u8]| u8::from_str_radix(str::from_utf8(pair).unwrap(), 16).unwrap();
        (text("name"), text("type"), hex.chunks(2).map(byte).collect())
    }
}

fn settings(port: u16) -> MailSettings {
    MailSettings {
        host: "127.0.0.1".into(),
        port,
        encryption: Encryption::None,
        authorities: None,
        login: None,
        from: "Recorder <recorder@corecast.test>".parse().unwrap(),
        hello: "corecast.test".into(),
        timeout: Duration::from_secs(15),
        max_bytes: LIMIT,
        max_at_once: 4,
    }
}

fn open(settings: MailSettings) -> (Mail, Arc<Stub>) {
    let stub = Arc::new(Stub::default());
    (Mail::open(Some(settings), stub.clone()).expect("it opens"), stub)
}

/// The answer's type and message.
async fn ask(mail: &Mail, kind: &str, params: &[(&str, &str)]) -> (ResultType, String) {
    let mut xml = format!("<REQUEST><TYPE>{kind}</TYPE><REQUESTID>1</REQUESTID>");
    for (name, value) in params {
        corecast::protocol::write::element(&mut xml, name, value);
    }
    xml.push_str("</REQUEST>");
    let request = Request::read(xml.as_bytes(), Bounds { max_fields: 50, max_depth: 8 }).expect("readable");
    let answer = async {
        let function = check(&request)?;
        let call = Call::new(function, request, Instant::now());
        mail.answer(&Codes::default(), &call, "192.0.2.7").await
    };
    match within(kind, answer).await {
        Ok(reply) => (reply.result.expect("a known type"), reply.message.into_owned()),
        Err(refusal) => (refusal.result, refusal.message),
    }
}

async fn email(mail: &Mail, to: &str, ident: &str, format: &str) -> (ResultType, String) {
    ask(mail, "EMAIL", &[("IDENT", ident), ("TOADDRESS", to), ("MEDIA_FORMAT", format)]).await
}

fn ok() -> (ResultType, String) {
    (ResultType::Ok, "API_OK".into())
}

#[tokio::test]
async fn email_sends_one_recording_or_a_zip() {
    let Some(server) = Server::start(&[]).await else { return };
    let (mail, stub) = open(server.settings());
    assert_eq!(email(&mail, "jdoe@uptivity.com", "488373", "wav").await, ok());
    assert_eq!(email(&mail, "jdoe@uptivity.com", "10, 20,30", "Mp3").await, ok());
    let (one, several) = (server.kept(1), server.kept(2));
    assert_eq!(one.attachment(), ("Gespräch \"7\".wav", "audio/wav", sound()));
    assert_eq!(several.attachment().0, "recordings.zip");
    assert_eq!(one.headers("From"), ["Recorder <recorder@corecast.test>"]);
    assert_eq!(one.headers("To"), ["jdoe@uptivity.com"]);
    assert_eq!(
        (one.headers("Subject"), several.headers("Subject")),
        (vec!["Recording 488373"], vec!["Recordings 10, 20, 30"])
    );
    assert_eq!(one.headers("Sender"), [""; 0]);
    assert_eq!(
        [&one.envelope["from"], &one.envelope["to"][0]],
        ["recorder@corecast.test", "jdoe@uptivity.com"]
    );
    assert!(one.mail["text"].as_str().unwrap().contains("recording 488373"), "{}", one.mail);
    let asked = stub.0.lock().unwrap().clone();
    assert_eq!(asked, [(false, vec![488_373], Format::Wav), (false, vec![10, 20, 30], Format::Mp3)]);
}

#[tokio::test]
async fn combinedemail_has_an_author_and_names_that_stay_names() {
    let Some(server) = Server::start(&[]).await else { return };
    let (mail, stub) = open(server.settings());
    let mut params = vec![
        ("TOADDRESS", "jane.doe@uptivity.com"),
        ("TONAME", "jane\r\nBcc: evil@example.com\r\n\r\n<b>"),
        ("FROMADDRESS", "jörg@uptivity.com"),
        ("FROMNAME", "Jörg, \"the\" <boss@example.com>\nX-Evil: 1"),
        ("IDENT", "1509,1510"),
        ("UNIQUEID", "ident"),
    ];
    assert_eq!(ask(&mail, "COMBINEDEMAIL", &params).await, ok());
    let kept = server.kept(1);
    assert_eq!(kept.envelope["to"], serde_json::json!(["jane.doe@uptivity.com"]));
    assert_eq!(kept.envelope["from"], "recorder@corecast.test", "what comes back comes to us");
    assert_eq!(kept.headers("Sender"), ["Recorder <recorder@corecast.test>"]);
    assert_eq!((kept.headers("Bcc"), kept.headers("X-Evil")), (vec![], vec![]));
    for header in ["From", "To", "Subject", "Date", "Message-ID", "MIME-Version"] {
        assert_eq!(kept.headers(header).len(), 1, "{header}: {}", kept.mail);
    }
    assert!(kept.headers("To")[0].contains("jane.doe@uptivity.com"), "{}", kept.mail);
    assert!(kept.headers("From")[0].contains("Jörg"), "{}", kept.mail);
    assert_eq!(kept.attachment().2, sound());
    params.push(("MEDIA_FORMAT", "VOX"));
    params[5].1 = "1509,1510";
    assert_eq!(ask(&mail, "COMBINEDEMAIL", &params).await, ok());
    let asked = stub.0.lock().unwrap().clone();
    assert_eq!(asked, [(true, vec![1509, 1510], Format::Wav), (true, vec![1509, 1510], Format::Vox)]);
    params[5].1 = "user2";
    assert_eq!(ask(&mail, "COMBINEDEMAIL", &params).await.0, ResultType::InvalidMessageFormat);
}

#[tokio::test]
async fn what_cannot_be_mailed_is_refused_with_the_reason() {
    use ResultType::{EmailNotValid, FileNotFound, InvalidMessageFormat, ProcessingMessage};
    let Some(server) = Server::start(&[]).await else { return };
    let (mail, _) = open(server.settings());
    for (to, ident, format, result, words) in [
        ("jdoe", "5", "wav", EmailNotValid, "TOADDRESS jdoe is no address"),
        ("a@b.test>\r\nRCPT TO:<c@d.test", "5", "wav", EmailNotValid, "is no address"),
        ("a@b.test, c@d.test", "5", "wav", EmailNotValid, "is no address"),
        ("nobody@b.test", "5", "wav", EmailNotValid, "550 5.1.1 nobody of this name lives here"),
        ("later@b.test", "5", "wav", ProcessingMessage, "451 4.7.1 try again later"),
        ("rejected@b.test", "5", "wav", ProcessingMessage, "554 5.7.1 looks like spam"),
        ("a@b.test", "5", "ogg", InvalidMessageFormat, "MEDIA_FORMAT ogg is not one of"),
        ("a@b.test", "5,x", "wav", InvalidMessageFormat, "IDENT x is not an integer"),
        ("a@b.test", " , ", "wav", InvalidMessageFormat, "IDENT names no recording"),
        ("a@b.test", "404", "wav", FileNotFound, "no recording 404"),
        ("a@b.test", "1", "wav", ProcessingMessage, "has 65537 bytes, and mail.max_bytes is 65536"),
        ("a@b.test", "2", "wav", ProcessingMessage, "has more than 65536 bytes"),
        ("a@b.test", "3", "wav", ProcessingMessage, "the disk is broken"),
    ] {
        let (got, message) = email(&mail, to, ident, format).await;
        assert!(got == result && message.contains(words), "{to} {ident} {format}: {got:?} {message}");
    }
    assert_eq!(server.count(), 0);
}

#[tokio::test]
async fn without_a_server_there_is_no_client() {
    let nobody = Mail::open(None, Arc::new(Stub::default())).expect("it opens");
    let (result, message) = email(&nobody, "a@b.test", "5", "wav").await;
    assert_eq!(
        (result, &*message),
        (ResultType::ClientNotFound, "no mail server is configured: set mail.server")
    );
    // A socket that is bound and does not listen: its port is nobody else's, and refuses.
    let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).expect("a socket");
    socket.bind(&std::net::SocketAddr::from(([127, 0, 0, 1], 0)).into()).expect("a free port");
    let port = socket.local_addr().unwrap().as_socket().unwrap().port();
    let (result, message) = email(&open(settings(port)).0, "a@b.test", "5", "wav").await;
    assert_eq!(result, ResultType::ClientNotFound);
    assert!(message.contains(&format!("127.0.0.1:{port} cannot be reached: ")), "{message}");
}

#[tokio::test]
async fn starttls_and_a_login() {
    let login = format!("recorder:{PASSWORD}");
    let Some(server) = Server::start(&["--tls", "starttls", "--login", &login]).await else { return };
    let with = |password: &str| Some(Login { username: "recorder".into(), password: Secret::new(password) });
    let good = MailSettings {
        encryption: Encryption::StartTls,
        authorities: Some(server.authority()),
        login: with(PASSWORD),
        ..server.settings()
    };
    assert!(!format!("{good:?}").contains(PASSWORD));
    let stranger = MailSettings { authorities: None, ..good.clone() };
    let (result, message) = email(&open(stranger).0, "a@b.test", "5", "wav").await;
    assert_eq!(result, ResultType::ClientNotFound);
    assert!(message.contains("UnknownIssuer") && message.contains("mail.ca_file"), "{message}");
    let wrong = MailSettings { login: with("wr0ng-password"), ..good.clone() };
    let (result, message) = email(&open(wrong).0, "a@b.test", "5", "wav").await;
    assert_eq!(result, ResultType::ProcessingMessage);
    assert!(message.contains("does not let recorder log in: it said 535"), "{message}");
    assert!(!message.contains("wr0ng") && server.count() == 0, "{message}");
    assert_eq!(email(&open(good).0, "a@b.test", "5", "wav").await, ok());
    let kept = server.kept(1);
    assert_eq!((&kept.envelope["tls"], &kept.envelope["login"]), (&true.into(), &"recorder".into()));
    assert_eq!(kept.attachment().2, sound());
}

#[tokio::test]
async fn nothing_is_said_in_the_open_where_tls_is_wanted() {
    let Some(server) = Server::start(&[]).await else { return };
    let wanted = MailSettings { encryption: Encryption::StartTls, ..server.settings() };
    let (result, message) = email(&open(wanted).0, "a@b.test", "5", "wav").await;
    assert_eq!((result, server.count()), (ResultType::ClientNotFound, 0));
    assert!(message.contains("STARTTLS is not supported"), "{message}");
}

#[tokio::test]
async fn tls_from_the_first_byte() {
    let Some(server) = Server::start(&["--tls", "implicit"]).await else { return };
    let good = MailSettings {
        encryption: Encryption::Implicit,
        authorities: Some(server.authority()),
        ..server.settings()
    };
    let stranger = MailSettings { authorities: None, ..good.clone() };
    let (result, message) = email(&open(stranger).0, "a@b.test", "5", "wav").await;
    assert!(result == ResultType::ClientNotFound && message.contains("UnknownIssuer"), "{message}");
    assert_eq!(email(&open(good).0, "a@b.test", "5", "wav").await, ok());
    assert_eq!(server.kept(1).envelope["tls"], true);
}

#[tokio::test]
async fn a_slow_server_is_given_up_and_holds_nobody_else_up() {
    let Some(server) = Server::start(&[]).await else { return };
    let (mail, _) = open(MailSettings { timeout: Duration::from_secs(4), ..server.settings() });
    let (slow, other) =
        tokio::join!(email(&mail, "slow@b.test", "5", "wav"), email(&mail, "a@b.test", "5", "wav"));
    assert_eq!(other, ok());
    assert_eq!(slow.0, ResultType::ProcessingMessage);
    assert!(slow.1.contains("has not accepted the mail in time, and may still do so"), "{}", slow.1);
    let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let port = silent.local_addr().unwrap().port();
    let (mail, _) = open(MailSettings { timeout: Duration::from_millis(50), ..settings(port) });
    let (result, message) = email(&mail, "a@b.test", "5", "wav").await;
    assert_eq!(result, ResultType::ClientNotFound);
    assert!(message.contains("cannot be reached: it did not answer in time"), "{message}");
}
