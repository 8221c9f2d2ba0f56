use std::io;
use std::sync::{Arc, Mutex};

use jiff::Timestamp;
use serde_json::{Value, json};

use super::*;
use crate::command::function;
use crate::lines::Writer;
use crate::model::CoreId;
use crate::protocol::request::Request;
use crate::protocol::xml::Bounds;

const BOUNDS: Bounds = Bounds { max_fields: 64, max_depth: 4 };
const STARTED: Duration = Duration::from_millis(3);

/// What was written.
#[derive(Clone, Default)]
struct Page(Arc<Mutex<Vec<u8>>>);

impl io::Write for Page {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

struct Desk {
    trail: Trail,
    page: Page,
    writer: Writer,
    metrics: Metrics,
}

impl Desk {
    fn new(format: LogFormat, share: Share, failures: bool) -> Self {
        let (page, metrics) = (Page::default(), Metrics::default());
        let (lines, writer) = Lines::start(page.clone(), |_| String::new()).unwrap();
        let trail = Trail::new(lines, format, AccessSettings { share, failures }, None, &metrics);
        Self { trail, page, writer, metrics }
    }

    fn told(self) -> Vec<String> {
        drop((self.trail, self.writer));
        let page = self.page.0.lock().unwrap();
        String::from_utf8_lossy(&page).lines().map(Into::into).collect()
    }
}

fn request(xml: &str) -> Request {
    Request::read(xml.as_bytes(), BOUNDS).unwrap()
}

fn tell(trail: &Trail, xml: &str, result: &str, legs: &[LegStory]) {
    let begun = trail.begin(Instant::now(), "api", Some([10, 0, 0, 9].into()), None);
    let Some(mut story) = begun else { return };
    let request = request(xml);
    story.asks(function(request.kind()), &request);
    story.legs(legs.iter().cloned());
    trail.end(story, result, result == "API_OK");
}

fn leg(number: u16, outcome: &'static str, code: Option<i32>) -> LegStory {
    LegStory {
        core: CoreId(number),
        outcome,
        code,
        has_failed: outcome != "ok",
        is_earlier: number == 3,
        begun: Duration::ZERO,
        elapsed: STARTED,
        sent: None,
    }
}

const START: &str = "<REQUEST><TYPE>CALLSTART</TYPE><REQUESTID>17</REQUESTID><DEVICEID>7001</DEVICEID>\
                     <CALLERID>4111111111111111</CALLERID></REQUEST>";

fn three_legs() -> [LegStory; 3] {
    [leg(1, "ok", None), leg(2, "rejected", Some(12)), leg(3, "ok", None)]
}

#[tokio::test(start_paused = true)]
async fn a_line_of_json_has_the_documented_keys() {
    let desk = Desk::new(LogFormat::Json, Share::NONE, true);
    tell(&desk.trail, START, "API_PARTIAL_CORE_RESPONSE", &three_legs());
    tell(&desk.trail, START, "API_OK", &[]);
    let lines = desk.told();
    assert_eq!(lines.len(), 1, "{lines:?}");
    let mut line: Value = serde_json::from_str(&lines[0]).unwrap();
    let at: Timestamp = line["timestamp"].take().as_str().unwrap().parse().unwrap();
    assert!(at.duration_until(Timestamp::now()).as_secs() < 60);
    assert_eq!(
        line,
        json!({
            "timestamp": null,
            "level": "INFO",
            "message": "access",
            "function": "CALLSTART",
            "result": "API_PARTIAL_CORE_RESPONSE",
            "ms": 0.0,
            "listener": "api",
            "peer": "10.0.0.9",
            "device": "7001",
            "request": "17",
            "legs": [
                { "core": 1, "outcome": "ok", "ms": 3.0 },
                { "core": 2, "outcome": "rejected", "ms": 3.0, "code": 12 },
                { "core": 3, "outcome": "ok", "ms": 3.0, "earlier": true },
            ],
        })
    );
}

#[tokio::test(start_paused = true)]
async fn a_line_for_people_says_the_same() {
    let desk = Desk::new(LogFormat::Text, Share::ALL, false);
    tell(&desk.trail, START, "API_OK", &three_legs());
    tell(&desk.trail, START, "API_DEVICE_INVALID", &[]);
    let lines = desk.told();
    assert_eq!(lines.len(), 1, "{lines:?}");
    let (_, said) = lines[0].split_once("Z  INFO ").unwrap();
    assert_eq!(
        said,
        "access function=CALLSTART result=API_OK ms=0 listener=api peer=10.0.0.9 device=7001 request=17 \
         legs=1:ok:3,2:rejected(12):3,3:ok:3:earlier"
    );
}

#[tokio::test(start_paused = true)]
async fn no_card_number_and_no_password_is_ever_in_a_line() {
    for format in [LogFormat::Text, LogFormat::Json] {
        let desk = Desk::new(format, Share::ALL, true);
        for xml in [
            START,
            "<REQUEST><TYPE>CALLSTART</TYPE><REQUESTID>4111 1111 1111 1111</REQUESTID>\
             <DEVICEID>4111111111111111</DEVICEID></REQUEST>",
            "<REQUEST><TYPE>4111-1111-1111-1111</TYPE><REQUESTID>1</REQUESTID></REQUEST>",
            "<REQUEST><TYPE>ADDUSER</TYPE><REQUESTID>1</REQUESTID><USERNAME>u</USERNAME>\
             <PASSWORD>hunter2</PASSWORD></REQUEST>",
            "<REQUEST><TYPE>BLACKOUTSTART</TYPE><REQUESTID>1</REQUESTID>\
             <SYS_USER>4111111111111111</SYS_USER></REQUEST>",
        ] {
            tell(&desk.trail, xml, "API_OK", &[]);
        }
        let lines = desk.told();
        assert_eq!(lines.len(), 5, "{lines:?}");
        let all = lines.concat();
        assert!(all.contains("************1111") && all.contains("SYS_USER=****"), "{all}");
        for secret in ["4111", "hunter2"] {
            assert!(!all.contains(secret), "{secret} in {all}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_line_stays_one_line_whatever_a_client_writes() {
    let desk = Desk::new(LogFormat::Text, Share::ALL, true);
    let mut story = desk.trail.begin(Instant::now(), "api", None, None).unwrap();
    story.names("A\r\nB \"x\" result=API_OK", "");
    desk.trail.end(story, "API_UNKNOWN_MESSAGE_TYPE", false);
    let lines = desk.told();
    assert_eq!(lines.len(), 1, "{lines:?}");
    assert!(
        lines[0].contains(r#" function="A\u{fffd}\u{fffd}B \"x\" result=API_OK" result=API_UNKNOWN"#)
            || lines[0]
                .contains("function=\"A\u{fffd}\u{fffd}B \\\"x\\\" result=API_OK\" result=API_UNKNOWN"),
        "{lines:?}"
    );
    assert!(!lines[0].contains("peer=") && !lines[0].contains("device="), "{lines:?}");
}

#[tokio::test(start_paused = true)]
async fn a_flood_of_failures_is_cut_short_and_counted() {
    let desk = Desk::new(LogFormat::Text, Share::NONE, true);
    for _ in 0..2 {
        (0..250).for_each(|_| tell(&desk.trail, START, "API_ERROR_RECORDER_NOT_RUNNING", &[]));
        tokio::time::advance(Duration::from_secs(1)).await;
    }
    tell(&desk.trail, START, "API_OK", &[]);
    let text = desk.metrics.render();
    assert!(text.contains("corecast_log_lines_left_out_total{reason=\"flood\"} 300"), "{text}");
    let lines = desk.told();
    let told: Vec<_> = lines.iter().filter(|line| line.contains("left out")).collect();
    assert_eq!((lines.len(), told.len()), (202, 2), "{lines:?}");
    assert!(told.iter().all(|line| line.ends_with(" count=150")), "{told:?}");
}

#[tokio::test(start_paused = true)]
async fn where_nothing_is_wanted_no_story_begins() {
    let desk = Desk::new(LogFormat::Text, Share::NONE, false);
    assert!(desk.trail.begin(Instant::now(), "api", None, None).is_none());
}
