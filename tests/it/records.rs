//! Call records through a proxy: CALLLIST, CALLUPDATE of what has ended, and what happens without a database.

use std::collections::BTreeMap;

use corecast::client::Client;
use corecast::cti::Fault;
use corecast::database::Database;
use corecast::model::CoreId;
use corecast::protocol::param::Param;
use corecast::records::{Record, RecordKind, Records};
use jiff::{SignedDuration, Timestamp};

use super::lab::{Answer, Lab, ask, get, request, until};
use super::postgres::Postgres;
use super::process::Scratch;

const AWKWARD: &str = "O'Brien \"x\" & <b>; -- $1 %_\\ é 日本 😀\r\n]]>";

/// What the configuration adds: a player, and a small bound.
const PLAYER: &str = "[runtime]\nthreads = 1\n[records]\nmax_rows = 3\nplayback_link = \"http://10.10.10.10:80/a?b&c={recordid}/false\"\n";

fn record(id: &str, second: i64, said: &[(Param, &str)]) -> Record {
    let started = Timestamp::from_second(1_312_900_000 + second).expect("a time");
    Record {
        ident: 0,
        global_id: id.into(),
        core: CoreId(1),
        kind: RecordKind::Call,
        started,
        stopped: Some(started + SignedDuration::from_secs(60)),
        file: String::new(),
        bytes: 0,
        blackouts: vec![],
        said: said.iter().map(|(param, value)| (*param, (*value).to_owned())).collect::<BTreeMap<_, _>>(),
        agent: ("John".into(), "Smith".into()),
    }
}

/// A proxy and, as a core would have them, the records in its database.
struct Office {
    lab: Lab,
    records: Records,
    _scratch: Scratch,
}

impl Office {
    async fn new(faults: &[Fault], more: &str) -> Self {
        let scratch = Scratch::new();
        let url = format!("sqlite://{}", scratch.file("corecast.db", ""));
        let lab = Lab::at(faults, &url, more).await;
        let records = Records::of(Database::open(&url).expect("a good URL"));
        Self { lab, records, _scratch: scratch }
    }

    async fn with_a_day() -> Self {
        use Param::{Ani, CallDirection, DeviceAlias, DeviceId, User3};
        let office = Self::new(&[Fault::None; 2], PLAYER).await;
        let said = [(DeviceId, "1111"), (DeviceAlias, "1234"), (CallDirection, "I"), (User3, "12345")];
        let mut rows: Vec<_> = (0..5).map(|n| record(&format!("r{n}"), n * 100, &said)).collect();
        rows.push(record("other", 1000, &[(DeviceId, "2222"), (Ani, AWKWARD)]));
        office.records.put(rows).await.expect("written");
        office
    }

    /// The RECORDIDs that an answer lists.
    async fn listed(&self, params: &str) -> Vec<String> {
        elements(&told(&self.lab, "CALLLIST", params).await, "RECORDID")
    }
}

fn elements(answer: &Answer, name: &str) -> Vec<String> {
    let open = format!("<{name}>");
    let pieces = answer.text.split(&open).skip(1);
    pieces.map(|piece| piece.split('<').next().unwrap_or("").to_owned()).collect()
}

async fn told(lab: &Lab, kind: &str, params: &str) -> Answer {
    let answer = lab.ask(kind, params).await;
    assert_eq!(answer.label, "API_OK", "{params}: {}", answer.text);
    answer
}

async fn refused(lab: &Lab, kind: &str, params: &str, label: &str, words: &str) {
    let answer = lab.ask(kind, params).await;
    assert_eq!(answer.label, label, "{params}: {}", answer.text);
    assert!(answer.message.contains(words), "{params}: {}", answer.text);
}

/// The reference's example, with an answer in its order.
#[tokio::test]
async fn the_references_example_of_calllist() {
    let office = Office::with_a_day().await;
    let example = "<DEVICEID>1111</DEVICEID><USER3>12345</USER3><CALLCOUNT>2</CALLCOUNT>\
        <CALLDATESTART>1312156800</CALLDATESTART><CALLDATEEND>1312934400</CALLDATEEND><PLAYBACKLINK>Y</PLAYBACKLINK>";
    let answer = told(&office.lab, "CALLLIST", example).await;
    let section = |place: u32, ident: u32, time: i64| {
        let users: String =
            (1..=15).map(|n| format!("<USER{n}>{}</USER{n}>", if n == 3 { "12345" } else { "" })).collect();
        format!(
            "<SEARCHRESULT><CALLNUMBER>{place}</CALLNUMBER><DEVICEID>1111</DEVICEID><DEVICEALIAS>1234</DEVICEALIAS>\
             <ANI></ANI><DNIS></DNIS><CALLDIRECTION>I</CALLDIRECTION><GROUP></GROUP><GATE></GATE>{users}\
             <RECORDID>{ident}</RECORDID><RECORDINGTIME>{time}</RECORDINGTIME><DURATION>60</DURATION>\
             <AGENTFIRSTNAME>John</AGENTFIRSTNAME><AGENTLASTNAME>Smith</AGENTLASTNAME><CRM_USER></CRM_USER>\
             <SYS_USER></SYS_USER><PLAYBACKLINK>http://10.10.10.10:80/a?b&amp;c={ident}/false</PLAYBACKLINK></SEARCHRESULT>"
        )
    };
    // Rows of one batch get their numbers in the order of their GLOBALIDs: "other" is 1.
    let expected = format!(
        "<RESULT><REQUESTTYPE>CALLLIST</REQUESTTYPE><REQUESTID>1</REQUESTID><RESULTTYPE>API_OK</RESULTTYPE>\
         <RESULTCODE>20</RESULTCODE><RESULTMSG>API_OK</RESULTMSG><TYPE>CALLLIST</TYPE>{}{}</RESULT>",
        section(1, 6, 1_312_900_400),
        section(2, 5, 1_312_900_300)
    );
    assert_eq!(answer.text.trim_end(), expected);
    office.lab.end().await;
}

#[tokio::test]
async fn a_list_is_bounded_and_says_how_to_go_on() {
    let office = Office::with_a_day().await;
    let filter = "<DEVICEID>1111</DEVICEID>";
    let answer = told(&office.lab, "CALLLIST", filter).await;
    assert_eq!(elements(&answer, "RECORDID"), ["6", "5", "4"]);
    assert!(
        answer.message.starts_with("API_OK: these are the newest 3 of more that match"),
        "{}",
        answer.message
    );
    let on = format!("{filter}<CALLDATEEND>{}</CALLDATEEND>", elements(&answer, "RECORDINGTIME")[2]);
    let answer = told(&office.lab, "CALLLIST", &on).await;
    assert_eq!(elements(&answer, "RECORDID"), ["4", "3", "2"], "the end is part of the period");
    assert_eq!(answer.message, "API_OK", "that is all");
    let many = format!("{filter}<CALLCOUNT>99999999999</CALLCOUNT>");
    assert!(told(&office.lab, "CALLLIST", &many).await.message.contains("newest 3 of more"));
    assert_eq!(office.listed("<CALLCOUNT>1</CALLCOUNT>").await, ["1"], "and no word of more");
    assert!(
        !told(&office.lab, "CALLLIST", filter).await.text.contains("PLAYBACKLINK"),
        "only where it is asked for"
    );
    office.lab.end().await;
}

#[tokio::test]
async fn bad_filters_are_named() {
    let office = Office::with_a_day().await;
    for (params, words) in [
        ("<CALLCOUNT>0</CALLCOUNT>", "CALLCOUNT 0 is no number of calls"),
        ("<CALLCOUNT>-1</CALLCOUNT>", "CALLCOUNT -1"),
        ("<CALLCOUNT>all</CALLCOUNT>", "CALLCOUNT all"),
        ("<CALLDATESTART>2011-08-01</CALLDATESTART>", "CALLDATESTART 2011-08-01 is no UNIX time"),
        ("<CALLDATEEND>99999999999999999</CALLDATEEND>", "CALLDATEEND 99999999999999999 is no UNIX time"),
        (
            "<CALLDATESTART>20</CALLDATESTART><CALLDATEEND>10</CALLDATEEND>",
            "CALLDATEEND 10 lies before CALLDATESTART 20",
        ),
    ] {
        refused(&office.lab, "CALLLIST", params, "API_INVALID_MESSAGE_FORMAT", words).await;
    }
    assert_eq!(
        office.listed("<CALLCOUNT></CALLCOUNT><GROUP> </GROUP><CALLDATEEND>0</CALLDATEEND>").await.len(),
        0
    );
    office.lab.end().await;
}

#[tokio::test]
async fn any_text_is_found_and_comes_back_over_both_doors() {
    let office = Office::with_a_day().await;
    let xml = "O'Brien \"x\" &amp; &lt;b&gt;; -- $1 %_\\ é 日本 😀&#13;&#10;]]&gt;";
    let answer = told(&office.lab, "CALLLIST", &format!("<ANI>{xml}</ANI>")).await;
    assert_eq!(elements(&answer, "RECORDID"), ["1"]);
    assert_eq!(answer.element("ANI"), xml);
    let percent: String = AWKWARD.bytes().map(|byte| format!("%{byte:02X}")).collect();
    let (_, body) =
        get(office.lab.proxy.webapi, &format!("/webapi.aspx?type=calllist&requestid=1&ani={percent}")).await;
    assert_eq!(Answer::read(body.as_bytes()).element("ANI"), xml);
    office.lab.end().await;
}

#[tokio::test]
async fn a_finished_recording_is_updated() {
    let office = Office::with_a_day().await;
    let lab = &office.lab;
    let update = "<RECORDID>6</RECORDID><USER4>Sales &amp; Call</USER4><USER3> </USER3><CALLDIRECTION>O</CALLDIRECTION>\
        <DEVICEID>3333</DEVICEID><SYS_USER>nobody</SYS_USER><KEEPDAYS>30</KEEPDAYS>";
    let answer = told(lab, "CALLUPDATE", update).await;
    assert_eq!(answer.message, "Updated recording in database");
    let answer = told(lab, "CALLLIST", "<DEVICEID>3333</DEVICEID>").await;
    assert_eq!(elements(&answer, "RECORDID"), ["6"]);
    let said = ["USER4", "USER3", "CALLDIRECTION", "SYS_USER"].map(|name| answer.element(name));
    assert_eq!(said, ["Sales &amp; Call", "12345", "O", ""], "a blank value wipes out nothing");
    let record = office.records.by_idents(&[6]).await.expect("asked").remove(0);
    assert_eq!(record.said.get(&Param::KeepDays).map(String::as_str), Some("30"));
    for (params, label, words) in [
        (
            "<RECORDID>554853</RECORDID>",
            "API_RECORDID_INVALID",
            "RECORDID 554853 is the number of no recording",
        ),
        ("<RECORDID>six</RECORDID>", "API_RECORDID_INVALID", "RECORDID six is not the number"),
        ("<RECORDID>99999999999999999999</RECORDID>", "API_RECORDID_INVALID", "is not the number"),
        ("<RECORDID>6</RECORDID><KEEPDAYS>soon</KEEPDAYS>", "API_INVALID_MESSAGE_FORMAT", "KEEPDAYS soon"),
        (
            "<RECORDID>6</RECORDID><ARCHIVEACTION>-1</ARCHIVEACTION>",
            "API_INVALID_MESSAGE_FORMAT",
            "ARCHIVEACTION -1",
        ),
    ] {
        refused(lab, "CALLUPDATE", params, label, words).await;
    }
    assert!(lab.cores.iter().all(|core| core.received().is_empty()), "no core is asked");
    office.lab.end().await;
}

const FOLLOW_UP: &str =
    "<USER3>Follow up on order</USER3><UPDATE_IF_NOT_RECORDING>Y</UPDATE_IF_NOT_RECORDING>";

#[tokio::test]
async fn without_a_call_the_last_recording_is_updated() {
    let office = Office::new(&[Fault::None; 2], "[runtime]\nthreads = 1\n").await;
    let lab = &office.lab;
    let params = format!("<DEVICEID>7001</DEVICEID>{FOLLOW_UP}");
    refused(lab, "CALLUPDATE", &params, "API_RECORDID_INVALID", "no recording of it to update").await;
    let rows =
        [record("old", 0, &[(Param::DeviceId, "7001")]), record("new", 9, &[(Param::DeviceId, "7001")])];
    office.records.put(rows.to_vec()).await.expect("written");
    let answer = told(lab, "CALLUPDATE", &format!("{params}<DETAIL>Y</DETAIL>")).await;
    assert_eq!(answer.message, "Updated recording in database");
    assert!(
        answer.text.contains("<OUTCOME>REJECTED</OUTCOME>"),
        "what the cores said is told: {}",
        answer.text
    );
    assert_eq!(office.listed("<USER3>Follow up on order</USER3>").await.len(), 1);
    // A call that is on is the cores', as is one of which nobody asked for more.
    told(lab, "CALLSTART", "<DEVICEID>7001</DEVICEID>").await;
    let answer = told(lab, "CALLUPDATE", &params).await;
    assert_eq!(answer.message, "CALLUPDATE sent to all of the following cores: 1,2");
    told(lab, "CALLSTOP", "<DEVICEID>7001</DEVICEID>").await;
    let plain =
        "<DEVICEID>7002</DEVICEID><USER3>x</USER3><UPDATE_IF_NOT_RECORDING>N</UPDATE_IF_NOT_RECORDING>";
    let answer = lab.ask("CALLUPDATE", plain).await;
    assert!(["API_DEVICE_NOT_IN_CALL", "API_DEVICE_INVALID"].contains(&&*answer.label), "{}", answer.text);
    office.lab.end().await;
}

#[tokio::test]
async fn an_agent_is_looked_for_by_the_device_and_then_by_the_name() {
    let office = Office::new(&[Fault::None; 2], "[runtime]\nthreads = 1\n").await;
    let lab = &office.lab;
    office.records.put(vec![record("moved", 0, &[(Param::SysUser, "ann")])]).await.expect("written");
    let params = format!("<SYS_USER>ann</SYS_USER>{FOLLOW_UP}");
    told(lab, "CALLUPDATE", &params).await;
    let agent = "<ACTION>ADD</ACTION><USERNAME>ann</USERNAME><FIRSTNAME>Ann</FIRSTNAME>\
        <LASTNAME>Lee</LASTNAME><SYS_USER>ann</SYS_USER><PHONES>7001</PHONES>";
    told(lab, "IMPORTUSER", agent).await;
    office.records.put(vec![record("there", 9, &[(Param::DeviceId, "7001")])]).await.expect("written");
    until("the directory knows the phone", async || {
        told(lab, "CALLUPDATE", &params).await;
        office.listed("<DEVICEID>7001</DEVICEID><USER3>Follow up on order</USER3>").await.len() == 1
    })
    .await;
    office.lab.end().await;
}

/// Nobody knows whether a call is on where a core was not heard.
#[tokio::test]
async fn with_a_core_unheard_the_verdict_stays() {
    let office = Office::new(&[Fault::None, Fault::Hang], "[runtime]\nthreads = 1\n").await;
    office.records.put(vec![record("a", 0, &[(Param::DeviceId, "7001")])]).await.expect("written");
    let answer = office.lab.ask("CALLUPDATE", &format!("<DEVICEID>7001</DEVICEID>{FOLLOW_UP}")).await;
    assert_ne!(answer.label, "API_OK", "{}", answer.text);
    assert_eq!(office.listed("<USER3>Follow up on order</USER3>").await, Vec::<String>::new());
    office.lab.end().await;
}

/// A client need not wait between two changes and a look.
#[tokio::test]
async fn what_one_client_asks_is_done_in_order() {
    let office = Office::with_a_day().await;
    let mut client: Client = office.lab.client().await;
    let set = |value: &str| format!("<RECORDID>6</RECORDID><USER9>{value}</USER9>");
    let all = [
        request("CALLUPDATE", 1, &set("one")),
        request("CALLUPDATE", 2, &set("two")),
        request("CALLLIST", 3, "<USER9>two</USER9>"),
    ];
    client.send(all.concat().as_bytes()).await.expect("sent");
    for _ in 0..2 {
        assert_eq!(super::lab::receive(&mut client).await.label, "API_OK");
    }
    assert_eq!(elements(&super::lab::receive(&mut client).await, "RECORDID"), ["6"]);
    drop(client);
    office.lab.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_that_is_down_is_told_and_used_again() {
    let Some(postgres) = Postgres::start() else { return };
    let lab = Lab::on(&postgres.url()).await;
    let records = Records::of(Database::open(&postgres.url()).expect("a good URL"));
    records.put(vec![record("a", 0, &[(Param::DeviceId, "7001")])]).await.expect("written");
    let mut client = lab.client().await;
    let follow_up = format!("<DEVICEID>7001</DEVICEID>{FOLLOW_UP}");
    told(&lab, "CALLUPDATE", &follow_up).await;
    postgres.kill();
    for (kind, params) in [
        ("CALLLIST", "<DEVICEID>7001</DEVICEID>"),
        ("CALLUPDATE", "<RECORDID>1</RECORDID><USER1>x</USER1>"),
        ("CALLUPDATE", &*follow_up),
    ] {
        let answer = ask(&mut client, kind, params).await;
        assert_eq!(answer.label, "API_DATABASE_QUERY_ERROR", "{}", answer.text);
        assert!(answer.message.contains("call records"), "{}", answer.text);
        assert!(!answer.text.contains("/tmp/"), "a client need not know where it is: {}", answer.text);
    }
    assert!(records.put(vec![record("b", 0, &[])]).await.is_err());
    postgres.up();
    let answer = ask(&mut client, "CALLLIST", "<DEVICEID>7001</DEVICEID>").await;
    assert_eq!(
        (&*answer.label, answer.element("USER3")),
        ("API_OK", "Follow up on order"),
        "{}",
        answer.text
    );
    records.put(vec![record("b", 0, &[])]).await.expect("written");
    drop(client);
    lab.end().await;
}
