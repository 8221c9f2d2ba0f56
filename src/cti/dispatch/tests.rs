use std::time::Duration;

use super::*;
use crate::command::FUNCTIONS;
use crate::cti::state::Limits;
use crate::model::CoreId;
use crate::protocol::markup::children;
use crate::protocol::xml::Bounds;

/// `"CALLSTART DEVICEID=5 USER1=a"` as a request.
fn request(text: &str) -> Request {
    let mut words = text.split(' ');
    let kind = words.next().unwrap_or("");
    let fields = words.filter_map(|word| word.split_once('='));
    let fields: String = fields.map(|(name, value)| format!("<{name}>{value}</{name}>")).collect();
    let message = format!("<REQUEST><REQUESTID>7</REQUESTID><TYPE>{kind}</TYPE>{fields}</REQUEST>");
    Request::read(message.as_bytes(), Bounds { max_fields: 50, max_depth: 8 }).expect("a readable request")
}

/// A core on a given day: 2/1/2011, a second after 11:49:32 AM for each `second`.
struct Core(State);

impl Core {
    fn new() -> Self {
        Self(State::new(CoreId(2), Duration::from_mins(15), Limits::default()))
    }

    fn ask_at(&mut self, second: i64, text: &str) -> Reply {
        let now = Timestamp::from_second(1_296_560_972 + second).expect("a time in range");
        answer(&mut self.0, &Empty, &Codes::default(), &request(text), now)
    }

    fn code(&mut self, text: &str) -> i32 {
        self.ask_at(0, text).code
    }
}

#[test]
fn commands_are_accepted_or_refused_with_the_references_codes() {
    let mut core = Core::new();
    for (text, code, message) in [
        ("CALLSTART DEVICEALIAS=9", 8, "Could not find a device matching given parameters"),
        ("CALLUPDATE DEVICEID=555 USER1=a", 7, "Device 555 is not in a call on core 2"),
        ("CALLUPDATE DEVICEID=555 UPDATE_IF_NOT_RECORDING=Y", 34, "there is no previous call to update"),
        ("CALLUPDATE RECORDID=12", 34, "core 2 keeps no recording 12"),
        ("RECORDSTART DEVICEID=555", 7, "Device 555 is not in a call on core 2"),
        ("RECORDSTOP DEVICEID=555", 7, "Device 555 is not in a call on core 2"),
        ("CALLSTOP DEVICEID=555", 7, "Device 555 is not in a call on core 2"),
        ("BLACKOUTSTART DEVICEID=555", 7, "Device 555 is not in a call on core 2"),
        ("callstart DEVICEID=555 SYS_USER=x", 20, "CALLSTART accepted by core 2"),
        ("CALLUPDATE SYS_USER=x USER1=a", 20, "CALLUPDATE accepted by core 2"),
        ("RECORDSTOP DEVICEID=555", 20, "RECORDSTOP accepted by core 2"),
        ("RECORDSTART DEVICEID=555", 20, "RECORDSTART accepted by core 2"),
        ("RECORDSTART DEVICEID=555", 20, "RECORDSTART accepted by core 2"),
        ("BLACKOUTSTART DEVICEID=555", 20, "BLACKOUTSTART accepted by core 2"),
        ("BLACKOUTSTART DEVICEID=555 CALLINSTANCE=z", 7, "Device 555 is not in a call with instance z"),
        ("BLACKOUTSTOP SYS_USER=x TIMEOFFSET=-2.5", 20, "BLACKOUTSTOP accepted by core 2"),
        ("BLACKOUTSTOP SYS_USER=x TIMEOFFSET=soon", 16, "TIMEOFFSET soon is no number of seconds"),
        ("BLACKOUTSTART DEVICEID=5 SYS_USER=x", 16, "only one of"),
        ("AGENTBLACKOUTSTART SYS_USER=x", 20, "AGENTBLACKOUTSTART accepted by core 2"),
        ("AGENTBLACKOUTSTOP SYS_USER=x", 20, "AGENTBLACKOUTSTOP accepted by core 2"),
        ("AGENTBLACKOUTSTART SYS_USER=nobody", 8, "Could not find a device"),
        ("CALLSTOP DEVICEID=555", 20, "CALLSTOP accepted by core 2"),
        ("CALLSTOP DEVICEID=555", 20, "CALLSTOP accepted by core 2"),
        ("RECORDSTART DEVICEID=555", 7, "not in a call"),
        ("CALLUPDATE DEVICEID=555 USER1=b", 7, "not in a call"),
        ("CALLUPDATE DEVICEID=555 USER1=b UPDATE_IF_NOT_RECORDING=y", 20, "Updated recording in database"),
        ("CHATUPDATE SESSIONID=1 GROUP=2", 35, "session 1 is not known to core 2"),
        ("CHATSTART SESSIONID=1 KEYNAME=SYS_USER KEYVALUE=x", 20, "CHATSTART accepted by core 2"),
        ("CHATUPDATE SESSIONID=1 GROUP=2", 20, "CHATUPDATE accepted by core 2"),
        ("CHATSTOP SESSIONID=1", 20, "CHATSTOP accepted by core 2"),
        ("CHATSTOP SESSIONID=1", 35, "session 1 is not known to core 2"),
        ("STATIONS", 15, "STATIONS is not answered by core 2"),
        ("NONSENSE", 10, "NONSENSE is no function"),
    ] {
        let reply = core.ask_at(0, text);
        assert_eq!(reply.code, code, "{text}: {}", reply.message);
        assert!(reply.message.contains(message), "{text}: {}", reply.message);
    }
}

#[test]
fn every_function_of_the_table_is_answered_or_refused_as_not_a_cores() {
    let all = "DEVICEID=1 SESSIONID=1 STATIONNAME=s ACTION=ADD PHONEID=1 AGENTID=1 LOCATIONID=1 UNIQUEFIELD=1 \
               UNIQUEID=1 MEDIA_FORMAT=WAV IDENT=1 GROUPNAME=1 ROLENAME=1 USERID=1 PERMISSIONNAME=1 TOADDRESS=1 \
               TONAME=1 FROMADDRESS=1 FROMNAME=1";
    for function in FUNCTIONS {
        let mut core = Core::new();
        core.code("CALLSTART DEVICEID=1 STATIONNAME=s");
        core.code("CHATSTART SESSIONID=1");
        let reply = core.ask_at(0, &format!("{} {all}", function.name));
        let is_a_cores = !matches!(function.scope, crate::command::Scope::Here(_)) || function.name == "TEST";
        assert_eq!(reply.code, if is_a_cores { 20 } else { 15 }, "{}: {}", function.name, reply.message);
    }
}

/// The names of the elements right inside the element of this path.
fn names_inside(body: &str, path: &[&str]) -> String {
    let whole = format!("<RESULT>{body}</RESULT>");
    let mut element = whole.as_str();
    for name in path {
        let found = children(element).into_iter().find(|(child, _)| child == name);
        element = found.unwrap_or_else(|| panic!("no {name} in {element}")).1;
    }
    children(element).into_iter().map(|(name, _)| name).collect::<Vec<_>>().join(" ")
}

const USERS: &str =
    "USER1 USER2 USER3 USER4 USER5 USER6 USER7 USER8 USER9 USER10 USER11 USER12 USER13 USER14 USER15";

#[test]
fn a_device_is_shown_with_the_references_elements_in_their_order() {
    let mut core = Core::new();
    core.code(
        "CALLSTART DEVICEID=1111 DEVICEALIAS=DESK1 STATIONNAME=PC CALLINSTANCE=2001 USER2=a&amp;b CALLID=c1",
    );
    for text in ["DEVICELIST", "DEVICESTATUS DEVICEALIAS=DESK1"] {
        let body = core.ask_at(5, text).body;
        assert_eq!(names_inside(&body, &["DEVICES"]), "COUNT DEVICE");
        let expected = format!(
            "DEVICEID DEVICEALIAS SYS_USER CRM_USER GROUP GATE ANI DNIS {USERS} CALLDIRECTION ISTRUNK STATION \
             STARTTIME STOPTIME COREIDENT RECORDING"
        );
        assert_eq!(names_inside(&body, &["DEVICES", "DEVICE"]), expected, "{text}");
        assert_eq!(
            names_inside(&body, &["DEVICES", "DEVICE", "RECORDING"]),
            "ISRECORDING ISRECORDINGVIDEO FILENAME CALLID SESSIONID CALLINSTANCE"
        );
        for part in [
            "<COUNT>1</COUNT>",
            "<USER2>a&amp;b</USER2>",
            "<STATION>PC</STATION><STARTTIME>2/1/2011 11:49:32 AM</STARTTIME><STOPTIME></STOPTIME>",
            "<COREIDENT>2</COREIDENT>",
            r"<ISRECORDING>Y</ISRECORDING>",
            r"<FILENAME>C:\Recordings\20110201\DESK1\DESK1-11-49-32.wav</FILENAME><CALLID>c1</CALLID>",
            "<CALLINSTANCE>2001</CALLINSTANCE>",
        ] {
            assert!(body.contains(part), "{part} is missing in {body}");
        }
    }
}

#[test]
fn device_status_shows_the_call_that_is_on_else_the_last() {
    let mut core = Core::new();
    core.ask_at(0, "CALLSTART DEVICEID=1 CALLINSTANCE=a CALLID=x");
    core.ask_at(1, "CALLSTART DEVICEID=1 CALLINSTANCE=b");
    core.ask_at(2, "CALLSTOP DEVICEID=1");
    let reply = core.ask_at(3, "DEVICESTATUS DEVICEID=1");
    assert_eq!(reply.message, "Found the following matching devices");
    assert!(reply.body.contains("<CALLINSTANCE>a<"), "{}", reply.body);
    core.ask_at(3600, "CALLSTOP DEVICEID=1");
    let over = core.ask_at(3601, "DEVICESTATUS DEVICEID=1").body;
    assert!(over.contains("<STOPTIME>2/1/2011 11:49:34 AM</STOPTIME>"), "{over}");
    assert!(over.contains("<ISRECORDING>N<"), "{over}");
    let by_call_id = core.ask_at(3601, "DEVICESTATUS DEVICEID=1 CALLID=x").body;
    assert!(by_call_id.contains("<STOPTIME>2/1/2011 12:49:32 PM</STOPTIME>"), "{by_call_id}");
    assert_eq!(core.code("DEVICESTATUS DEVICEID=1 CALLID=y"), 7);
    assert_eq!(core.code("DEVICESTATUS DEVICEID=2"), 8);
}

#[test]
fn recordings_stand_inside_their_device_with_their_status() {
    let mut core = Core::new();
    core.ask_at(0, "CALLSTART DEVICEID=1 CALLINSTANCE=a");
    core.ask_at(1, "CALLSTART DEVICEID=1 CALLINSTANCE=b");
    core.ask_at(10, "BLACKOUTSTART DEVICEID=1 CALLINSTANCE=a TIMEOFFSET=5");
    let statuses = |core: &mut Core, second| {
        let body = core.ask_at(second, "DEVICERECORDINGSTATUS DEVICEID=1").body;
        let status = |part: &str| part.split_once('<').map(|(status, _)| status.to_owned());
        body.split("<STATUS>").skip(1).filter_map(status).collect::<Vec<_>>()
    };
    assert_eq!(statuses(&mut core, 12), ["recording", "recording"]);
    assert_eq!(statuses(&mut core, 15), ["recordpaused", "recording"]);
    core.ask_at(20, "BLACKOUTSTOP DEVICEID=1 CALLINSTANCE=a TIMEOFFSET=-60");
    assert_eq!(statuses(&mut core, 20), ["recording", "recording"]);
    let body = core.ask_at(21, "DEVICERECORDINGSTATUS DEVICEID=1").body;
    let expected = "DEVICEID DEVICEALIAS SYS_USER CRM_USER COREIDENT RECORDING RECORDING";
    assert_eq!(names_inside(&body, &["DEVICE"]), expected);
    let expected = format!(
        "GROUP GATE ANI DNIS {USERS} CALLDIRECTION ISTRUNK STATION STARTTIME STOPTIME ISRECORDING ISRECORDINGVIDEO \
         FILENAME CALLID SESSIONID CALLINSTANCE STATUS"
    );
    assert_eq!(names_inside(&body, &["DEVICE", "RECORDING"]), expected);
}

#[test]
fn a_device_without_a_call_has_no_recordings() {
    let mut core = Core::new();
    core.code("CALLSTART DEVICEID=1");
    core.code("CALLSTOP DEVICEID=1");
    let reply = core.ask_at(1, "DEVICERECORDINGSTATUS DEVICEID=1");
    assert_eq!(reply.code, 20);
    assert!(reply.message.starts_with("No active call instances found"), "{}", reply.message);
    assert!(!reply.body.contains("<RECORDING>"), "{}", reply.body);
}

#[test]
fn every_device_in_a_call_has_a_channel() {
    let mut core = Core::new();
    core.ask_at(0, "CALLSTART DEVICEID=7002");
    core.ask_at(0, "CALLSTART DEVICEID=7003");
    core.ask_at(1, "CALLSTOP DEVICEID=7002");
    assert_eq!(
        core.ask_at(2, "CHANNELS").body,
        "<COUNT>1</COUNT><CHANNELS><CHANNEL><ID>2</ID><STATE>Recording</STATE>\
         <PLAYBACKEXTENSION></PLAYBACKEXTENSION><RECORDINGDEVICEALIAS></RECORDINGDEVICEALIAS>\
         <RECORDINGDEVICE>7003</RECORDINGDEVICE><LASTSTATECHANGE>2/1/2011 11:49:32 AM</LASTSTATECHANGE>\
         <LASTSTATECHANGEUNIXTIME>1296560972</LASTSTATECHANGEUNIXTIME></CHANNEL></CHANNELS>"
    );
}

#[test]
fn an_agents_window_is_shown_by_station_or_user() {
    let mut core = Core::new();
    assert_eq!(core.code("AGENTWINDOW USERNAME=jsmith"), 24);
    core.code("CALLSTART DEVICEID=1 SYS_USER=jsmith STATIONNAME=PC");
    for text in ["AGENTWINDOW USERNAME=jsmith", "AGENTWINDOW COMPUTERNAME=PC"] {
        let body = core.ask_at(0, text).body;
        assert_eq!(names_inside(&body, &[]), "DOMAIN IPADDRESS STATUS APPLICATIONTITLE LASTUPDATE", "{text}");
        assert!(body.contains("<LASTUPDATE>Feb 1 2011 11:49AM</LASTUPDATE>"), "{body}");
    }
}

#[test]
fn a_test_comes_back() {
    let reply = Core::new().ask_at(0, "TEST USER1=a&amp;b X=1");
    assert_eq!((&*reply.message, reply.body.as_str()), ("API_OK", "<USER1>a&amp;b</USER1><X>1</X>"));
}

#[test]
fn all_that_was_said_of_a_call_is_kept() {
    let mut core = Core::new();
    core.code("CALLSTART DEVICEID=1 USER1=a USER2=b MADEUP=c");
    core.code("CALLUPDATE DEVICEID=1 USER2=d KEEPDAYS=30 USER1=");
    let device = core.0.devices().next().expect("a device");
    let kept: Vec<_> = device.calls[0].data.iter().collect();
    let expected = [("DEVICEID", "1"), ("KEEPDAYS", "30"), ("MADEUP", "c"), ("USER1", "a"), ("USER2", "d")];
    assert_eq!(kept, expected);
}
