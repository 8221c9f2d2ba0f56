use tokio::time::Instant;

use super::*;
use crate::command::check;
use crate::directory::snapshot::{AgentRecord, Delta};
use crate::protocol::url;
use crate::protocol::xml::Bounds;

fn core(id: u16, site: &str) -> Core {
    Core {
        id: CoreId(id),
        name: String::new(),
        site: site.into(),
        address: String::new(),
        at: Vec::new(),
        connections: 1,
        pipeline: 1,
        queue: 1,
        tls: None,
    }
}

fn router(unknown: UnknownDevice) -> Router {
    let rule = |devices: &str, owners: &[u16]| Rule {
        devices: devices.parse().expect("a pattern"),
        owners: Owners::Cores(owners.iter().map(|id| CoreId(*id)).collect()),
    };
    let cores = [core(1, "hq"), core(2, "hq"), core(8, "branch")];
    Router::new(&cores, &[rule("7000-7999", &[1, 2]), rule("7*", &[8])], unknown)
}

fn call(query: &str) -> Call {
    let request = url::read(query, "", Bounds { max_fields: 20, max_depth: 4 }).expect("a readable request");
    let function = check(&request).expect("a good request");
    Call::new(function, request, Instant::now())
}

fn cores(router: &Router, query: &str) -> String {
    match router.plan(&call(query), &office()) {
        Ok(Destination::Cores(plan)) => list(&plan.cores()),
        Ok(Destination::Here(room)) => format!("{room:?}"),
        Err(refusal) => refusal.message,
    }
}

#[test]
fn rules_are_asked_in_their_order() {
    let router = router(UnknownDevice::Broadcast);
    for (query, expected) in [
        ("type=callstart&requestid=1&deviceid=7100", "1,2"),
        ("type=callstart&requestid=1&deviceid=71000", "8"),
        ("type=callstart&requestid=1&deviceid=500", "1,2,8"),
        ("type=agentblackoutstart&requestid=1&sys_user=smith", "1,2,8"),
        ("type=devicelist&requestid=1", "1,2,8"),
        ("type=systemstatus&requestid=1&coreident=8", "8"),
        ("type=systemstatus&requestid=1&coreident=3", "COREIDENT 3 is no core of this system: it has 1,2,8"),
        ("type=chatstop&requestid=1&sessionid=5", "1,2,8"),
        ("type=callupdate&requestid=1&recordid=5", "Records"),
        ("type=test&requestid=1", "Echo"),
    ] {
        assert_eq!(cores(&router, query), expected, "{query}");
    }
}

#[test]
fn unknown_devices_may_be_refused() {
    let router = router(UnknownDevice::Reject);
    assert_eq!(cores(&router, "type=callstart&requestid=1&deviceid=7100"), "1,2");
    for query in ["type=callstart&requestid=1&deviceid=5", "type=callstart&requestid=1&sys_user=smith"] {
        assert_eq!(cores(&router, query), "Could not find a device matching given parameters");
    }
}

#[test]
fn only_a_broadcast_forgives_a_stranger() {
    let router = router(UnknownDevice::Broadcast);
    for (device, expected) in [("7100", false), ("500", true)] {
        let query = format!("type=callstart&requestid=1&deviceid={device}");
        let Ok(Destination::Cores(plan)) = router.plan(&call(&query), &office()) else {
            panic!("{query}: no plan")
        };
        assert_eq!(plan.forgives_strangers(), expected, "{device}");
    }
}

#[test]
fn sessions_spread_over_the_cores_and_stay_where_they_are() {
    let router = router(UnknownDevice::Broadcast);
    let first = |n: usize| {
        let order = cores(&router, &format!("type=chatstart&requestid=1&sessionid={n}"));
        order.split(',').next().unwrap_or("").to_owned()
    };
    let firsts: Vec<_> = (0..300).map(first).collect();
    for core in ["1", "2", "8"] {
        let share = firsts.iter().filter(|f| *f == core).count();
        assert!((60..140).contains(&share), "core {core} has {share} of 300");
    }
    assert_eq!(firsts, (0..300).map(first).collect::<Vec<_>>());
}

#[test]
fn the_reason_is_told_step_by_step() {
    let router = router(UnknownDevice::Reject);
    assert_eq!(
        router.explain(&call("type=callstart&requestid=1&deviceid=71000"), &office()),
        [
            "CALLSTART: a device has started a call",
            "device 71000, which is not in the directory",
            "route.rule 1 \"7000-7999\" does not match 71000",
            "route.rule 2 \"7*\" matches 71000",
            "cores 8 (All)",
        ]
    );
    let refused = router.explain(&call("type=callstart&requestid=1&deviceid=5"), &office());
    assert!(
        refused.last().is_some_and(|step| step.starts_with("refused: API_DEVICE_INVALID")),
        "{refused:?}"
    );
}

/// What the directory of these tests holds: devices with cores of their own, at sites, and agents.
fn office() -> Snapshot {
    let mut delta = Delta { revision: 1, ..Delta::default() };
    let rows = &mut delta.rows;
    let ids = |ids: &[u16]| ids.iter().copied().map(CoreId).collect::<Vec<_>>();
    rows.device("d-own", "Own", "branch", &ids(&[1])).expect("room");
    rows.device("d-site", "", "Branch", &[]).expect("room");
    rows.device("d-lost", "", "", &ids(&[1, 99])).expect("room");
    rows.device("7001", "", "branch", &[]).expect("room");
    rows.station("PC-1", "d-site", 5).expect("room");
    let agent = |id, sys_user| AgentRecord { id, sys_user, active: true, ..AgentRecord::default() };
    rows.agent(&agent(1, "one"), ["d-own"]).expect("room");
    rows.agent(&AgentRecord { site: "branch", ..agent(2, "two") }, ["d-own", "7001"]).expect("room");
    rows.agent(&agent(3, "twin"), ["d-own"]).expect("room");
    rows.agent(&agent(4, "twin"), ["d-site"]).expect("room");
    rows.agent(&AgentRecord { site: "branch", ..agent(5, "idle") }, []).expect("room");
    Snapshot::default().apply(delta).expect("room")
}

/// The cores of a plan, with the DEVICEID that each is told.
fn legs(query: &str) -> String {
    match router(UnknownDevice::Reject).plan(&call(query), &office()) {
        Ok(Destination::Cores(plan)) => {
            let leg = |leg: &Aim| format!("{}:{}", leg.core.id, plan.device(*leg).unwrap_or(""));
            plan.legs.iter().map(leg).collect::<Vec<_>>().join(" ")
        }
        Ok(Destination::Here(room)) => format!("{room:?}"),
        Err(refusal) => refusal.result.label().into(),
    }
}

#[test]
fn owners_are_the_devices_own_cores_then_a_rules_then_its_sites() {
    for (query, expected) in [
        ("type=callstart&deviceid=D-OWN", "1:"),
        ("type=callstart&deviceid=7001", "1: 2:"),
        ("type=callstart&deviceid=d-site", "8:"),
        ("type=callstart&deviceid=other", "API_DEVICE_INVALID"),
        ("type=callstart&deviceid=d-lost", "1: 99:"),
    ] {
        assert_eq!(legs(&format!("{query}&requestid=1")), expected, "{query}");
    }
}

#[test]
fn every_name_finds_its_device_and_cores_are_told_the_deviceid() {
    for (query, expected) in [
        ("type=callstart&devicealias=own", "1:d-own"),
        ("type=callstart&stationname=pc-1", "8:d-site"),
        ("type=blackoutstart&sys_user=ONE", "1:d-own"),
        ("type=callstart&devicealias=nobody&sys_user=one", "1:d-own"),
        ("type=callstart&sys_user=twin", "API_DEVICE_INVALID"),
        ("type=callstart&sys_user=nobody", "API_DEVICE_INVALID"),
        ("type=callstart&sys_user=idle", "API_DEVICE_INVALID"),
    ] {
        assert_eq!(legs(&format!("{query}&requestid=1")), expected, "{query}");
    }
}

#[test]
fn of_an_agent_with_several_phones_the_cores_know_which_is_meant() {
    let query = "type=callstop&requestid=1&sys_user=two";
    assert_eq!(legs(query), "1: 2:");
    let Ok(Destination::Cores(plan)) = router(UnknownDevice::Reject).plan(&call(query), &office()) else {
        panic!("no plan")
    };
    assert!(plan.forgives_strangers());
}

#[test]
fn an_agents_blackout_goes_to_all_of_its_devices_and_to_its_screens() {
    for (query, expected) in [
        // d-own on core 1 and 7001 on cores 1 and 2; and by name wherever those are and at its site.
        ("type=agentblackoutstart&sys_user=two", "1:d-own 1:7001 1: 2:7001 2: 8:"),
        ("type=agentblackoutstart&deviceid=d-site", "8:d-site"),
        ("type=agentblackoutstart&sys_user=idle", "8:"),
        ("type=agentblackoutstart&sys_user=twin", "API_AGENT_NOT_FOUND"),
        ("type=agentblackoutstart&sys_user=nobody", "API_AGENT_NOT_FOUND"),
        ("type=agentblackoutstart&deviceid=7999", "1: 2:"),
    ] {
        assert_eq!(legs(&format!("{query}&requestid=1")), expected, "{query}");
    }
}

#[test]
fn a_chat_goes_to_its_agents_site() {
    for (query, expected) in [
        ("agentid=2", "8:"),
        ("keyname=SYS_USER&keyvalue=two", "8:"),
        ("keyname=SYS_USER&keyvalue=nobody", "API_AGENT_NOT_FOUND"),
        ("keyname=SYS_USER&keyvalue=twin", "API_AGENT_NOT_FOUND"),
        ("keyname=HAIR&keyvalue=red", "API_INVALID_MESSAGE_FORMAT"),
    ] {
        assert_eq!(legs(&format!("type=chatstart&requestid=1&sessionid=5&{query}")), expected, "{query}");
    }
    let anywhere = legs("type=chatstart&requestid=1&sessionid=5&agentid=1");
    assert_eq!(anywhere.split(' ').count(), 3, "an agent without a site");
}
