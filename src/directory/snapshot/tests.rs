use proptest::prelude::*;

use super::*;
use crate::model::CoreId;

type DeviceTuple<'a> = (&'a str, &'a str, &'a str, &'a [u16]);

fn cores(ids: &[u16]) -> Vec<CoreId> {
    ids.iter().copied().map(CoreId).collect()
}

fn agent(id: i64, sys_user: &str) -> AgentRecord<'_> {
    AgentRecord { id, sys_user, active: true, ..AgentRecord::default() }
}

fn devices(rows: &[DeviceTuple<'_>]) -> Delta {
    let mut delta = Delta { revision: 1, ..Delta::default() };
    for (id, alias, site, ids) in rows {
        delta.rows.device(id, alias, site, &cores(ids)).expect("there is room");
    }
    delta
}

fn office() -> Snapshot {
    let mut delta =
        devices(&[("7000", "Desk-1", "hq", &[1, 2]), ("7001", "Twin", "", &[]), ("7002", "TWIN", "", &[])]);
    let rows = &mut delta.rows;
    rows.station("PC-Öst", "7001", 5).expect("room");
    rows.station("PC-2", "soft-9", 6).expect("room");
    let sally = AgentRecord {
        username: "Sally Smith",
        employee_id: "E5",
        first_name: "Sally",
        last_name: "Smith",
        crm_user: "sallys",
        site: "branch",
        ..agent(2, "Smith.1")
    };
    rows.agent(&sally, ["7000", "7002", "9999"]).expect("room");
    rows.agent(&agent(3, "shared"), []).expect("room");
    rows.agent(&agent(4, "SHARED"), ["8000"]).expect("room");
    delta.locations = vec![(5, "north".into())];
    Snapshot::default().apply(delta).expect("room")
}

fn device_of(snapshot: &Snapshot, key: Key, value: &str) -> Option<String> {
    match snapshot.resolve(key, value).one()? {
        Target::Device(device) => Some(device.id().into()),
        Target::Agent(_) => None,
    }
}

fn agent_of(snapshot: &Snapshot, key: Key, value: &str) -> Option<i64> {
    snapshot.agent(key, value).one().map(Agent::id)
}

#[test]
fn devices_are_found_by_every_key_in_any_case() {
    let office = office();
    assert_eq!(device_of(&office, Key::DeviceId, "7000").as_deref(), Some("7000"));
    assert_eq!(device_of(&office, Key::DeviceAlias, "DESK-1").as_deref(), Some("7000"));
    assert_eq!(device_of(&office, Key::StationName, "pc-öST").as_deref(), Some("7001"));
    assert_eq!(
        device_of(&office, Key::StationName, "pc-2").as_deref(),
        Some("soft-9"),
        "without a row of its own"
    );
    let device = office.device("7000").expect("it is there");
    assert_eq!(
        (device.alias(), device.cores(), device.site()),
        (Some("Desk-1"), &*cores(&[1, 2]), Some("hq"))
    );
}

#[test]
fn agents_are_found_by_every_key_in_any_case() {
    let office = office();
    for (key, value) in [
        (Key::AgentId, "2"),
        (Key::UserName, "sally SMITH"),
        (Key::EmployeeId, "e5"),
        (Key::SysUser, "smith.1"),
        (Key::CrmUser, "SallyS"),
        (Key::DeviceId, "7002"),
        (Key::DeviceAlias, "desk-1"),
    ] {
        assert_eq!(agent_of(&office, key, value), Some(2), "{key:?}");
    }
    let sally = office.agent_by_id(2).expect("she is there");
    assert_eq!(sally.phones().collect::<Vec<_>>(), ["7000", "7002", "9999"]);
    assert_eq!(
        (sally.first_name(), sally.last_name(), sally.is_active()),
        (Some("Sally"), Some("Smith"), true)
    );
    let ids: Vec<_> = Target::Agent(sally).devices().map(Device::id).collect();
    assert_eq!(ids, ["7000", "7002", "9999"]);
}

#[test]
fn what_several_have_names_none_of_them() {
    let office = office();
    assert_eq!(office.device_by_alias("twin"), Match::Several);
    assert_eq!(office.agent(Key::SysUser, "Shared"), Match::Several);
    assert_eq!(office.agent(Key::DeviceAlias, "twin"), Match::Several);
}

#[test]
fn what_nobody_has_is_not_found() {
    let office = office();
    for key in Key::ALL {
        for value in ["", "nobody", "99999999999999999999", "é"] {
            assert_eq!(office.resolve(key, value), Match::None, "{key:?} {value}");
            assert_eq!(Snapshot::default().resolve(key, value), Match::None);
        }
    }
}

#[test]
fn a_device_is_at_its_own_site_else_its_stations_else_its_agents() {
    let office = office();
    let site = |id: &str| office.device(id).and_then(Device::site);
    assert_eq!(site("7000"), Some("hq"), "its own, though its agent has another");
    assert_eq!(site("7001"), Some("north"), "by its station's location");
    assert_eq!(site("9999"), Some("branch"), "by its agent");
    assert_eq!(site("soft-9"), None, "location 6 is unknown");
    assert_eq!(office.device("7001").and_then(Device::station), Some("PC-Öst"));
}

#[test]
fn a_phone_that_moves_is_found_at_its_new_agent_only() {
    let mut delta = Delta { revision: 9, ..Delta::default() };
    delta.rows.agent(&agent(2, "smith.1"), ["7000"]).expect("room");
    delta.rows.agent(&agent(4, "other"), ["8000", "7002"]).expect("room");
    let before = office();
    let after = before.apply(delta).expect("room");
    assert_eq!(
        (agent_of(&before, Key::DeviceId, "7002"), agent_of(&after, Key::DeviceId, "7002")),
        (Some(2), Some(4))
    );
    assert_eq!(agent_of(&after, Key::SysUser, "shared"), Some(3), "ambiguous no more");
    assert_eq!(after.device("9999"), None, "nobody names it any more");
    assert_eq!((after.agents(), after.revision()), (3, 9));
}

#[test]
fn rows_that_are_gone_are_found_by_no_key() {
    let gone = Gone { devices: vec!["7000".into()], stations: vec!["pc-öst".into()], agents: vec![2, 77] };
    let after = office().apply(Delta { gone, ..devices(&[("7003", "", "", &[4])]) }).expect("room");
    for (key, value) in [
        (Key::DeviceId, "7000"),
        (Key::DeviceAlias, "desk-1"),
        (Key::StationName, "PC-Öst"),
        (Key::AgentId, "2"),
        (Key::UserName, "Sally Smith"),
        (Key::EmployeeId, "e5"),
    ] {
        assert_eq!(after.resolve(key, value), Match::None, "{key:?}");
    }
    assert_eq!((after.devices(), after.agents(), after.stations()), (3, 2, 1));
    assert_eq!(after.device("7003").map(|d| d.cores().to_vec()), Some(cores(&[4])));
}

#[test]
fn what_was_deleted_and_made_again_is_there() {
    let gone = Gone { devices: vec!["7000".into()], ..Gone::default() };
    let after = office().apply(Delta { gone, ..devices(&[("7000", "new", "", &[])]) }).expect("room");
    assert_eq!(after.device("7000").and_then(Device::alias), Some("new"));
    assert_eq!(after.devices(), 3);
}

/// One step of a made-up history: the device of this number gets these cores, or goes.
type Step = (u8, Option<u8>);

fn applied(snapshot: &Snapshot, steps: &[Step]) -> Snapshot {
    let mut delta = Delta::default();
    let last: HashMap<_, _> = steps.iter().copied().collect();
    for (device, core) in last {
        let id = format!("d{device}");
        match core {
            Some(core) => {
                delta.rows.device(&id, &format!("a{core}"), "", &[CoreId(core.into())]).expect("room");
            }
            None => delta.gone.devices.push(id),
        }
    }
    snapshot.apply(delta).expect("room")
}

proptest! {
    #[test]
    fn any_history_of_changes_and_merges_ends_as_its_last_words_say(
        history in prop::collection::vec((prop::collection::vec((0..20_u8, prop::option::of(0..4_u8)), 0..12), any::<bool>()), 0..12)
    ) {
        let (mut snapshot, mut model) = (Snapshot::default(), HashMap::new());
        for (steps, merge) in &history {
            snapshot = applied(&snapshot, steps);
            if *merge {
                snapshot = snapshot.merged().expect("room");
            }
            model.extend(steps.iter().copied());
        }
        model.retain(|_, core| core.is_some());
        prop_assert_eq!(snapshot.devices(), model.len());
        for device in 0..20_u8 {
            let expected = model.get(&device).map(|core| CoreId(core.unwrap_or_default().into()));
            let found = snapshot.device(&format!("d{device}"));
            prop_assert_eq!(found.and_then(|d| d.cores().first().copied()), expected);
        }
        for core in 0..4_u8 {
            let having = model.values().filter(|c| **c == Some(core)).count();
            let found = snapshot.device_by_alias(&format!("A{core}"));
            prop_assert_eq!(having, match found { Match::None => 0, Match::One(_) => 1, Match::Several => having.max(2) });
        }
    }
}
