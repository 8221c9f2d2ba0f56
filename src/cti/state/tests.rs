use super::blackout::Reach;
use super::*;
use call::Recording;

fn t(second: i64) -> Timestamp {
    Timestamp::from_second(1_700_000_000 + second).expect("a time in range")
}

fn call(second: i64) -> Said {
    Said { reach: Reach::Call, at: t(second), asked: None }
}

fn agent(second: i64) -> Said {
    Said { reach: Reach::Agent, ..call(second) }
}

fn state() -> State {
    State::new(CoreId(1), Duration::from_mins(15), Limits { devices: 4, chats: 2 })
}

/// `"DEVICEID=5 SYS_USER=x"` as an identification.
fn who(text: &str) -> Who<'_> {
    Who::of(|param| {
        text.split(' ')
            .filter_map(|pair| pair.split_once('='))
            .find(|(n, _)| *n == param.name())
            .map(|(_, v)| v)
    })
}

fn begin(state: &mut State, text: &str, instance: &str, second: i64) -> Option<ResultType> {
    state.begin_call(&who(text), instance, Data::default(), t(second)).err().map(|refusal| refusal.result)
}

/// What is recorded of a call at each of these seconds.
fn recording<const N: usize>(
    state: &mut State,
    text: &str,
    instance: Option<&str>,
    seconds: [i64; N],
) -> [Recording; N] {
    let call = state.call(&who(text), instance).ok().flatten().expect("a call");
    seconds.map(|second| call.recording(t(second)))
}

use Recording::{On, Paused};

#[test]
fn devices_are_known_by_what_a_call_brought_along() {
    let mut state = state();
    assert_eq!(begin(&mut state, "DEVICEALIAS=desk", "", 0), Some(ResultType::DeviceInvalid));
    assert_eq!(
        begin(&mut state, "DEVICEID=5 DEVICEALIAS=desk SYS_USER=x CRM_USER=y STATIONNAME=pc", "", 1),
        None
    );
    for name in
        ["DEVICEALIAS=desk", "SYS_USER=x", "CRM_USER=y", "STATIONNAME=pc", "SYS_USER=? DEVICEALIAS=desk"]
    {
        assert!(matches!(state.call(&who(name), None), Ok(Some(_))), "{name}");
    }
    assert_eq!(begin(&mut state, "DEVICEID=5 SYS_USER=z", "", 2), None);
    assert_eq!(state.call(&who("SYS_USER=x"), None).err().map(|r| r.result), Some(ResultType::DeviceInvalid));
    assert!(matches!(state.call(&who("DEVICEALIAS=desk"), None), Ok(Some(_))), "it was not taken back");
}

#[test]
fn a_device_in_no_call_is_no_invalid_one() {
    let mut state = state();
    assert!(matches!(state.call(&who("DEVICEID=9"), None), Ok(None)));
    assert_eq!(state.start_blackout(&who("DEVICEID=9"), None, call(0)), Ok(false));
    assert_eq!(state.stop_blackout(&who("DEVICEID=9"), None, call(0)), Ok(false));
    assert_eq!(state.end_call(&who("DEVICEID=9"), None, t(0)), Ok(false));
    assert!(state.known(&who("DEVICEID=9")).is_empty());
}

#[test]
fn a_blackout_is_on_one_call_instance() {
    let mut state = state();
    begin(&mut state, "DEVICEID=5", "a", 0);
    begin(&mut state, "DEVICEID=5", "b", 1);
    assert_eq!(state.start_blackout(&who("DEVICEID=5"), Some("a"), call(10)), Ok(true));
    assert_eq!(state.stop_blackout(&who("DEVICEID=5"), None, call(20)), Ok(true), "that was b's");
    assert_eq!(recording(&mut state, "DEVICEID=5", Some("a"), [9, 10, 25]), [On, Paused, Paused]);
    assert_eq!(recording(&mut state, "DEVICEID=5", Some("b"), [15]), [On]);
    assert_eq!(state.stop_blackout(&who("DEVICEID=5"), Some("a"), call(30)), Ok(true));
    assert_eq!(recording(&mut state, "DEVICEID=5", Some("a"), [29, 30]), [Paused, On]);
}

#[test]
fn a_blackout_concerns_a_call_that_was_on_at_its_time() {
    let mut state = state();
    begin(&mut state, "DEVICEID=5", "", 0);
    assert_eq!(state.end_call(&who("DEVICEID=5"), None, t(100)), Ok(true));
    assert_eq!(state.end_call(&who("DEVICEID=5"), None, t(101)), Ok(true), "a second stop does no harm");
    let answers = [99, 100].map(|at| state.start_blackout(&who("DEVICEID=5"), None, call(at)));
    assert_eq!(answers, [Ok(true), Ok(false)]);
}

#[test]
fn a_blackout_without_a_stop_ends_at_the_maximum() {
    let mut state = state();
    begin(&mut state, "DEVICEID=5", "", 0);
    assert_eq!(state.start_blackout(&who("DEVICEID=5"), None, call(0)), Ok(true));
    assert_eq!(recording(&mut state, "DEVICEID=5", None, [899, 900]), [Paused, On]);
}

#[test]
fn an_agent_blackout_covers_all_devices_and_later_calls() {
    let mut state = state();
    begin(&mut state, "DEVICEID=5 SYS_USER=x", "", 0);
    begin(&mut state, "DEVICEID=6 SYS_USER=x CRM_USER=y", "", 0);
    begin(&mut state, "DEVICEID=7 SYS_USER=other", "", 0);
    assert_eq!(state.start_agent_blackout(&who("DEVICEID=5"), agent(10), t(10)), Ok(()));
    begin(&mut state, "DEVICEID=5", "second", 20);
    begin(&mut state, "DEVICEID=8 CRM_USER=y", "", 20);
    assert_eq!(state.stop_agent_blackout(&who("CRM_USER=y"), agent(30)), Ok(()));
    begin(&mut state, "DEVICEID=5", "third", 40);
    for (device, instance) in [("5", ""), ("5", "second"), ("6", ""), ("8", "")] {
        let device = format!("DEVICEID={device}");
        let found = recording(&mut state, &device, Some(instance), [25, 30]);
        assert_eq!(found, [Paused, On], "{device} {instance}");
    }
    assert_eq!(recording(&mut state, "DEVICEID=7", None, [25]), [On]);
    assert_eq!(recording(&mut state, "DEVICEID=5", Some("third"), [40]), [On]);
}

#[test]
fn an_agent_blackout_of_a_device_before_its_first_call_covers_it() {
    let mut state = state();
    assert_eq!(state.start_agent_blackout(&who("DEVICEID=5"), agent(0), t(0)), Ok(()));
    begin(&mut state, "DEVICEID=5 SYS_USER=x", "", 10);
    assert_eq!(recording(&mut state, "SYS_USER=x", None, [10, 899, 900]), [Paused, Paused, On]);
    assert_eq!(state.stop_agent_blackout(&who("SYS_USER=x"), agent(20)), Ok(()));
    assert_eq!(recording(&mut state, "SYS_USER=x", None, [19, 20]), [Paused, On]);
    let nobody = state.start_agent_blackout(&who("SYS_USER=nobody"), agent(0), t(0));
    assert_eq!(nobody.map_err(|refusal| refusal.result), Err(ResultType::DeviceInvalid));
}

#[test]
fn an_agent_blackout_with_an_offset_reaches_calls_that_are_over() {
    let mut state = state();
    begin(&mut state, "DEVICEID=5", "a", 0);
    assert_eq!(state.end_call(&who("DEVICEID=5"), None, t(50)), Ok(true));
    begin(&mut state, "DEVICEID=5", "b", 60);
    assert_eq!(state.start_agent_blackout(&who("DEVICEID=5"), agent(40), t(100)), Ok(()));
    assert_eq!(state.stop_agent_blackout(&who("DEVICEID=5"), agent(70)), Ok(()));
    let device = state.known(&who("DEVICEID=5"))[0];
    let on: Vec<_> = device.calls.iter().map(|call| call.blackouts.is_on(t(45))).collect();
    assert_eq!(on, [true, true]);
}

fn chat(agent: Option<AgentName>, second: i64) -> Chat {
    Chat {
        id: "".into(),
        agent,
        started: t(second),
        data: Data::default(),
        blackouts: blackout::Blackouts::default(),
        heard: heard::Heard::default(),
    }
}

#[test]
fn chats_are_known_while_they_last_and_an_agent_blackout_covers_them() {
    let mut state = state();
    let named = || Some((Param::SysUser, "x".into()));
    assert_eq!(state.start_chat("s1", chat(named(), 0)), Ok(()));
    assert_eq!(state.start_agent_blackout(&who("SYS_USER=x"), agent(10), t(10)), Ok(()));
    assert_eq!(state.start_chat("s2", chat(named(), 20)), Ok(()));
    assert!(["s1", "s2"].iter().all(|s| state.chat(s).is_ok_and(|chat| chat.blackouts.is_on(t(20)))));
    assert_eq!(state.start_chat("s2", chat(None, 30)), Ok(()), "it is on already");
    assert_eq!(state.start_chat("s3", chat(None, 30)).map_err(|r| r.result), Err(ResultType::NoFreeChannels));
    assert_eq!(state.stop_chat("s1", t(40)), Ok(()));
    let unknown = state.stop_chat("s1", t(40)).expect_err("it was stopped");
    assert_eq!(unknown.result, ResultType::SessionIdUnspecified);
    assert_eq!(unknown.message, "session s1 is not known to core 1");
}

#[test]
fn devices_are_bounded() {
    let mut state = state();
    let begun: Vec<_> = (0..6).map(|n| begin(&mut state, &format!("DEVICEID={n}"), "", 0)).collect();
    let full = Some(ResultType::NoFreeChannels);
    assert_eq!(begun, [None, None, None, None, full, full]);
    assert_eq!(begin(&mut state, "DEVICEID=3", "", 1), None, "a known one has its room");
    let started: Vec<_> = (0..5)
        .map(|n| state.start_agent_blackout(&who(&format!("DEVICEID=x{n}")), agent(0), t(0)).is_ok())
        .collect();
    assert_eq!(started, [true, true, true, true, false]);
}

#[test]
fn an_agents_blackout_that_comes_behind_its_stop_is_over_for_calls_that_began_in_between_too() {
    let asked = |asked, said: Said| Said { asked: Some(asked), ..said };
    let mut state = state();
    state.begin_call(&who("DEVICEID=5 SYS_USER=x"), "a", Data::default(), t(0)).expect("a call");
    assert_eq!(state.stop_agent_blackout(&who("SYS_USER=x"), asked(20, agent(20))), Ok(()));
    state.begin_call(&who("DEVICEID=5 SYS_USER=x"), "b", Data::default(), t(30)).expect("a call");
    assert_eq!(state.start_agent_blackout(&who("SYS_USER=x"), asked(10, agent(10)), t(40)), Ok(()));
    let device = state.device("5").expect("the device");
    let silent: Vec<_> = device.calls.iter().map(|call| call.blackouts.silence().pairs()).collect();
    assert_eq!(silent, [vec![(t(10), t(20))], vec![(t(10), t(20))]]);
}
