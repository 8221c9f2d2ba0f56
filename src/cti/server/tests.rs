use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::command::Command;
use crate::cti::{CtiCore, CtiSettings, Fault};
use crate::protocol::param::Param;

/// Long enough for any answer that comes.
const PATIENCE: Duration = Duration::from_secs(10);
/// Long enough to believe that none does.
const SILENCE: Duration = Duration::from_millis(100);

async fn core(fault: Fault) -> CtiCore {
    CtiCore::start(CtiSettings { fault, ..CtiSettings::default() }).await.expect("a core")
}

struct Client(TcpStream);

impl Client {
    async fn to(core: &CtiCore) -> Self {
        Self(TcpStream::connect(core.address()).await.expect("a connection"))
    }

    async fn send(&mut self, id: u32, kind: &str) {
        let request = format!(
            "<REQUEST><REQUESTID>{id}</REQUESTID><TYPE>{kind}</TYPE><DEVICEID>5</DEVICEID></REQUEST>\r\n"
        );
        self.0.write_all(request.as_bytes()).await.expect("a request is taken");
    }

    /// The next line; empty once the core has closed the connection.
    async fn line(&mut self) -> String {
        let mut line = Vec::new();
        while !line.ends_with(b"\n") {
            match timeout(PATIENCE, self.0.read_u8()).await.expect("an answer or the end") {
                Ok(byte) => line.push(byte),
                Err(_) => break,
            }
        }
        String::from_utf8_lossy(&line).into_owned()
    }

    /// The REQUESTID and RESULTTYPE of the next answer.
    async fn answer(&mut self) -> (String, String) {
        let line = self.line().await;
        let part = |name: &str| {
            let after = line.split_once(&format!("<{name}>")).map_or("", |(_, after)| after);
            after.split('<').next().unwrap_or("").to_owned()
        };
        assert!(line.starts_with("<RESULT>") && line.ends_with("</RESULT>\r\n"), "{line:?}");
        (part("REQUESTID"), part("RESULTTYPE"))
    }

    async fn ask(&mut self, id: u32, kind: &str) -> String {
        self.send(id, kind).await;
        let (answered, result) = self.answer().await;
        assert_eq!(answered, id.to_string());
        result
    }

    async fn hears_nothing(&mut self) -> bool {
        timeout(SILENCE, self.0.read_u8()).await.is_err()
    }
}

#[tokio::test]
async fn pipelined_requests_are_answered_in_order_and_remembered() {
    let core = core(Fault::None).await;
    let mut client = Client::to(&core).await;
    for (id, kind) in [(1, "CALLSTART"), (2, "BLACKOUTSTART"), (3, "NOPE")] {
        client.send(id, kind).await;
    }
    let answers = [client.answer().await, client.answer().await, client.answer().await];
    let expected = [("1", "API_OK"), ("2", "API_OK"), ("3", "API_UNKNOWN_MESSAGE_TYPE")];
    assert_eq!(answers, expected.map(|(id, result)| (id.into(), result.into())));
    let received: Vec<_> =
        core.received().iter().map(|r| (r.connection, r.command, r.request.id().to_owned())).collect();
    let (start, blackout) = (Some(Command::CallStart), Some(Command::BlackoutStart));
    assert_eq!(received, [(1, start, "1".into()), (1, blackout, "2".into()), (1, None, "3".into())]);
    assert!(core.state().call("5", None).is_some_and(|call| call.paused));
}

#[tokio::test]
async fn what_is_no_request_is_refused_and_the_next_is_read() {
    let core = core(Fault::None).await;
    let mut client = Client::to(&core).await;
    let mess = b"hello\r\n<REQUEST><REQUESTID>8</REQUESTID><A>1</B></REQUEST>\r\n";
    client.0.write_all(mess).await.expect("it is taken");
    let refused = |id: &str| (id.to_owned(), "API_INVALID_MESSAGE_FORMAT".to_owned());
    assert_eq!(client.answer().await, refused(""));
    assert_eq!(client.answer().await, refused("8"));
    assert_eq!(client.ask(9, "TEST").await, "API_OK");
    client.0.write_all(b"<!DOCTYPE x>").await.expect("it is taken");
    assert_eq!(client.answer().await, refused(""));
    assert_eq!(client.line().await, "", "the connection is closed");
    let ids: Vec<_> = core.received().iter().map(|r| r.request.get(Param::RequestId).is_some()).collect();
    assert_eq!(ids, [false, true], "the malformed one is in the list, without fields");
}

#[tokio::test]
async fn a_hanging_core_reads_and_does_nothing_and_healing_answers_what_is_new() {
    let core = core(Fault::Hang).await;
    let mut client = Client::to(&core).await;
    client.send(1, "CALLSTART").await;
    client.send(2, "TEST").await;
    assert!(client.hears_nothing().await);
    assert_eq!(core.received().len(), 2);
    assert!(core.state().devices.is_empty());
    core.set_fault(Fault::None);
    assert_eq!(client.ask(3, "CALLSTART").await, "API_OK");
}

#[tokio::test]
async fn a_refusing_core_closes_its_connections_and_its_port_and_heals_on_the_same_one() {
    let core = core(Fault::None).await;
    let mut client = Client::to(&core).await;
    assert_eq!(client.ask(1, "CALLSTART").await, "API_OK");
    for _ in 0..3 {
        core.set_fault(Fault::Refuse);
        let refused = TcpStream::connect(core.address()).await.expect_err("it refuses");
        assert_eq!(refused.kind(), std::io::ErrorKind::ConnectionRefused);
        assert_eq!(client.line().await, "", "the connection is closed");
        core.set_fault(Fault::None);
        client = Client::to(&core).await;
        assert_eq!(client.ask(2, "CALLUPDATE").await, "API_OK", "it remembers the call");
    }
}

#[tokio::test]
async fn a_core_may_refuse_from_the_start() {
    let core = core(Fault::Refuse).await;
    assert!(TcpStream::connect(core.address()).await.is_err());
    core.set_fault(Fault::None);
    assert_eq!(Client::to(&core).await.ask(1, "TEST").await, "API_OK");
}

#[tokio::test]
async fn a_closing_core_reads_one_request_and_closes() {
    let core = core(Fault::Close).await;
    let mut client = Client::to(&core).await;
    client.send(1, "TEST").await;
    assert_eq!(client.line().await, "");
    assert_eq!(core.received().len(), 1);
    core.set_fault(Fault::None);
    assert_eq!(Client::to(&core).await.ask(2, "TEST").await, "API_OK");
}

#[tokio::test]
async fn garbage_is_a_line_and_no_result() {
    let core = core(Fault::Garbage).await;
    let mut client = Client::to(&core).await;
    client.send(1, "CALLSTART").await;
    let line = client.line().await;
    assert!(line.ends_with("\r\n") && !line.contains('<'), "{line:?}");
    assert!(core.state().devices.is_empty());
}

#[tokio::test]
async fn a_slow_core_works_at_once_and_answers_later_without_holding_up_others() {
    let delay = Duration::from_millis(300);
    let core = core(Fault::Delay(delay)).await;
    let mut client = Client::to(&core).await;
    let begun = Instant::now();
    assert_eq!(Client::to(&core).await.ask(1, "TEST").await, "API_OK");
    assert!(begun.elapsed() < delay, "TEST is not delayed");
    let begun = Instant::now();
    for id in 1..=20 {
        client.send(id, "CALLSTART").await;
    }
    for id in 1..=20 {
        assert_eq!(client.answer().await, (id.to_string(), "API_OK".into()));
    }
    assert!(begun.elapsed() >= delay && begun.elapsed() < delay * 10, "{:?}", begun.elapsed());
}

#[tokio::test]
async fn a_rejecting_core_does_nothing_and_still_answers_a_test() {
    let core = core(Fault::Reject(7)).await;
    let mut client = Client::to(&core).await;
    assert_eq!(client.ask(1, "CALLSTART").await, "API_DEVICE_NOT_IN_CALL");
    assert_eq!(client.ask(2, "TEST").await, "API_OK");
    assert!(core.state().devices.is_empty());
    core.set_fault(Fault::Reject(4711));
    assert_eq!(client.ask(3, "CALLSTART").await, "API_ERROR_UNKNOWN");
    core.set_fault(Fault::None);
    assert_eq!(client.ask(4, "CALLSTART").await, "API_OK");
}

async fn http(core: &CtiCore, request: &str) -> String {
    let address = core.control().expect("a control address");
    let mut stream = TcpStream::connect(address).await.expect("a connection");
    let request = format!("{request} HTTP/1.1\r\nHost: core\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.expect("it is taken");
    let mut answer = String::new();
    timeout(PATIENCE, stream.read_to_string(&mut answer)).await.expect("in time").expect("text");
    answer
}

#[tokio::test]
async fn the_control_address_shows_and_switches_under_every_fault() {
    let control = Some((std::net::Ipv4Addr::LOCALHOST, 0).into());
    let core = CtiCore::start(CtiSettings { control, ..CtiSettings::default() }).await.expect("a core");
    assert_eq!(Client::to(&core).await.ask(1, "CALLSTART").await, "API_OK");
    for fault in ["hang", "refuse", "close", "garbage", "delay:200ms", "reject:7", "none"] {
        let switched = http(&core, &format!("POST /fault/{fault}")).await;
        assert!(
            switched.starts_with("HTTP/1.1 200") && switched.ends_with(&format!("{fault}\n")),
            "{switched}"
        );
        assert!(http(&core, "GET /livez").await.starts_with("HTTP/1.1 200"));
        let shown = http(&core, "GET /").await;
        assert!(shown.contains(&format!("\"fault\":\"{fault}\"")), "{shown}");
        assert!(shown.contains("\"id\":\"5\"") && shown.contains("\"open\":true"), "{shown}");
    }
    assert_eq!(core.fault(), Fault::None);
    let refused = http(&core, "POST /fault/nonsense").await;
    assert!(refused.starts_with("HTTP/1.1 400") && refused.contains("is no fault"), "{refused}");
}

#[tokio::test]
async fn stopping_and_dropping_close_everything() {
    let control = Some((std::net::Ipv4Addr::LOCALHOST, 0).into());
    let core = CtiCore::start(CtiSettings { control, ..CtiSettings::default() }).await.expect("a core");
    let (address, http) = (core.address(), core.control().expect("a control address"));
    let mut client = Client::to(&core).await;
    assert_eq!(client.ask(1, "TEST").await, "API_OK");
    core.stop().await;
    assert_eq!(client.line().await, "");
    assert!(TcpStream::connect(address).await.is_err() && TcpStream::connect(http).await.is_err());

    let core = self::core(Fault::None).await;
    let mut client = Client::to(&core).await;
    assert_eq!(client.ask(1, "TEST").await, "API_OK");
    let address = core.address();
    drop(core);
    assert!(TcpStream::connect(address).await.is_err());
    assert_eq!(client.line().await, "");
}

#[tokio::test]
async fn the_list_of_what_was_received_is_bounded() {
    let core = core(Fault::None).await;
    let mut client = Client::to(&core).await;
    for batch in 0..5 {
        for id in 0..1000 {
            client.send(batch * 1000 + id, "TEST").await;
        }
        for _ in 0..1000 {
            client.answer().await;
        }
    }
    let received = core.received();
    assert_eq!((received.len(), received[0].request.id()), (4096, "904"));
}
