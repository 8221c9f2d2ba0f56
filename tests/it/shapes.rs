//! The results of the reference's Status, Call, Recording Control and Export sections, element by element in its order,
//! through a proxy and a core.

use corecast::cti::Fault;
use quick_xml::Reader;
use quick_xml::events::Event;

use super::lab::{Answer, Lab, get};

/// What every result begins with: "all messages reply with a minimum of" these.
const HEAD: &str = "REQUESTTYPE REQUESTID RESULTTYPE RESULTCODE RESULTMSG";
const USERS: &str =
    "USER1 USER2 USER3 USER4 USER5 USER6 USER7 USER8 USER9 USER10 USER11 USER12 USER13 USER14 USER15";
const NAMES: &str = "DEVICEID DEVICEALIAS SYS_USER CRM_USER";
const RECORDING: &str = "ISRECORDING ISRECORDINGVIDEO FILENAME CALLID SESSIONID CALLINSTANCE";

/// The names of a result's elements, those inside another in brackets, each section that repeats once.
fn shape(xml: &str) -> String {
    let (mut shape, mut reader) = (String::new(), Reader::from_str(xml));
    loop {
        match reader.read_event().expect("well-formed XML") {
            Event::Start(element) => {
                shape.push(' ');
                shape.push_str(element.name().as_ref());
                shape.push('(');
            }
            Event::End(_) if shape.ends_with('(') => drop(shape.pop()),
            Event::End(_) => shape.push(')'),
            Event::Eof => break,
            _ => {}
        }
    }
    let shape = shape.replace("( ", "(").trim().to_owned();
    ["DEVICE", "RECORDING", "CHANNEL", "SEARCHRESULT", "STATION", "TERMINOLOGY"].iter().fold(shape, once)
}

/// Sections of this name that stand side by side and look the same, as one.
fn once(shape: String, name: &&str) -> String {
    let Some(from) =
        shape.find(&format!("{name}(")).filter(|at| !shape[..*at].ends_with(char::is_alphanumeric))
    else {
        return shape;
    };
    let section = &shape[from..=from + closing(&shape[from..])];
    let twice = format!("{section} {section}");
    let mut shape = shape.clone();
    while shape.contains(&twice) {
        shape = shape.replace(&twice, section);
    }
    shape
}

/// Where the first bracket closes.
fn closing(text: &str) -> usize {
    let mut depth = 0;
    let is_end = |c: char| {
        depth += i32::from(c == '(') - i32::from(c == ')');
        c == ')' && depth == 0
    };
    text.find(is_end).expect("it closes")
}

async fn shaped(lab: &Lab, kind: &str, params: &str, expected: &str) -> Answer {
    let answer = lab.ask(kind, params).await;
    let separator = if expected.is_empty() { "" } else { " " };
    assert_eq!(shape(&answer.text), format!("RESULT({HEAD}{separator}{expected})"), "{kind}");
    answer
}

#[tokio::test]
async fn status_functions_answer_in_the_documented_order() {
    let lab = Lab::with_faults(&[Fault::None]).await;
    for instance in ["37", "38"] {
        let call = format!("<DEVICEID>7001</DEVICEID><CALLINSTANCE>{instance}</CALLINSTANCE>");
        let answer = lab.ask("CALLSTART", &format!("{call}<SYS_USER>jane.doe</SYS_USER>")).await;
        assert_eq!(answer.label, "API_OK", "{}", answer.text);
    }
    let station = "<DEVICEID>7001</DEVICEID><STATIONNAME>COMPUTER1</STATIONNAME><LOCATIONID>1</LOCATIONID>";
    assert_eq!(lab.ask("IMPORTWORKSTATION", station).await.label, "API_OK");
    let said = format!("GROUP GATE ANI DNIS {USERS} CALLDIRECTION ISTRUNK STATION STARTTIME STOPTIME");
    let device = format!("DEVICES(COUNT DEVICE({NAMES} {said} COREIDENT RECORDING({RECORDING})))");
    shaped(&lab, "DEVICELIST", "", &device).await;
    let one = "<DEVICEID>7001</DEVICEID>";
    let status = shaped(&lab, "DEVICESTATUS", one, &device).await;
    assert_eq!(status.message, "Found the following matching devices");
    let recordings = format!("DEVICE({NAMES} COREIDENT RECORDING({said} {RECORDING} STATUS))");
    shaped(&lab, "DEVICERECORDINGSTATUS", one, &recordings).await;
    let channel = "ID STATE PLAYBACKEXTENSION RECORDINGDEVICEALIAS RECORDINGDEVICE LASTSTATECHANGE";
    let channels = format!("COUNT CHANNELS(CHANNEL({channel} LASTSTATECHANGEUNIXTIME))");
    shaped(&lab, "CHANNELS", "", &channels).await;
    shaped(&lab, "STATIONS", "", "COUNT STATIONS(STATION(STATIONNAME DEVICEID))").await;
    shaped(&lab, "FETCHTERMINOLOGY", "", "COUNT SETTINGS(TERMINOLOGY(NAME VALUE))").await;
    let window = "DOMAIN IPADDRESS STATUS APPLICATIONTITLE LASTUPDATE";
    shaped(&lab, "AGENTWINDOW", "<USERNAME>jane.doe</USERNAME>", window).await;
    lab.end().await;
}

#[tokio::test]
async fn system_status_tells_of_every_processor() {
    let lab = Lab::with_faults(&[Fault::None]).await;
    let answer = lab.ask("SYSTEMSTATUS", "").await;
    let disk = "RECORDINGTOTALDISKCAPACITY RECORDINGTOTALDISKFREE RECORDINGTOTALDISKFREEPCT";
    let processors: Vec<_> = (0..answer.text.matches("<SYSTEMPROCESSORSPEED>").count())
        .map(|number| format!("PROCESSOR{number}(SYSTEMPROCESSORSPEED SYSTEMPROCESSORTYPE)"))
        .collect();
    assert!(!processors.is_empty(), "{}", answer.text);
    let memory = "SYSTEMRAMTOTAL SYSTEMRAMFREE SYSTEMRAMUSED SYSTEMRAMUSEDPCT";
    let processors = processors.join(" ");
    let expected = format!("RECORDINGPATH RECORDINGSPACEINFO {disk} SYSTEMUPTIME {processors} {memory}");
    assert_eq!(shape(&answer.text), format!("RESULT({HEAD} {expected})"));
    for name in ["RECORDINGTOTALDISKCAPACITY", "SYSTEMRAMTOTAL"] {
        assert!(
            answer.element(name).parse::<u64>().is_ok_and(|megabytes| megabytes > 0),
            "{name}: {}",
            answer.text
        );
    }
    lab.end().await;
}

#[tokio::test]
async fn calls_recordings_and_chats_are_answered_with_the_documented_words() {
    let lab = Lab::with_faults(&[Fault::None]).await;
    let device = "<DEVICEID>7001</DEVICEID><USER1>test</USER1>";
    let session = "<SESSIONID>82738</SESSIONID>";
    for (kind, params) in [
        ("CALLSTART", device),
        ("CALLUPDATE", device),
        ("RECORDSTART", device),
        ("RECORDSTOP", device),
        ("BLACKOUTSTART", "<DEVICEID>7001</DEVICEID><TIMEOFFSET>-5</TIMEOFFSET>"),
        ("BLACKOUTSTOP", "<DEVICEID>7001</DEVICEID>"),
        ("AGENTBLACKOUTSTART", "<DEVICEID>7001</DEVICEID>"),
        ("AGENTBLACKOUTSTOP", "<DEVICEID>7001</DEVICEID>"),
        ("CALLSTOP", "<DEVICEID>7001</DEVICEID>"),
        ("CHATSTART", session),
        ("CHATUPDATE", session),
        ("CHATSTOP", session),
    ] {
        let answer = shaped(&lab, kind, params, "").await;
        assert_eq!(answer.message, format!("{kind} sent to all of the following cores: 1"));
        assert_eq!([answer.element("REQUESTTYPE"), answer.element("RESULTCODE")], [kind, "20"]);
    }
    lab.end().await;
}

#[tokio::test]
async fn call_lists_and_exports_without_a_recording_have_their_shapes_too() {
    let lab = Lab::with_faults(&[Fault::None]).await;
    let answer = shaped(&lab, "CALLLIST", "", "TYPE").await;
    assert_eq!(answer.element("TYPE"), "CALLLIST");
    for query in [
        "type=export&requestid=10482345&uniquefield=user2&uniqueid=10121968&media_format=mp3&encrypt=Y&password=test",
        "type=combinedexport&requestid=10482345&ident=10121967,10121968,10121969&media_format=mp3",
        "type=multiexport&requestid=10482345&ident=10121967,10121968,10121969&media_format=mp3",
    ] {
        let (status, body) = get(lab.proxy.webapi, &format!("/webAPI.aspx?{query}")).await;
        let answer = Answer::read(body.as_bytes());
        assert_eq!((status, answer.label.as_str()), (200, "API_FILE_NOT_FOUND"), "{body}");
        assert_eq!(shape(&body), format!("RESULT({HEAD})"));
        assert!(!body.contains("password") && !body.contains("test"), "{body}");
    }
    lab.end().await;
}
