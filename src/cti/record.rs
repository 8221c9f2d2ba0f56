//! Call records of what a core remembers. Pure.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::state::call::PhoneCall;
use super::state::chat::Chat;
use super::state::data::Data;
use super::state::device::Device;
use super::state::names::NAMES;
use super::state::take::{OF_ONE_TAKE, Take};
use crate::model::CoreId;
use crate::protocol::param::Param;
use crate::records::{Record, RecordKind};

/// What a record keeps of what was said, besides USER1 to USER15.
const KEPT: [Param; 19] = [
    Param::DeviceId,
    Param::DeviceAlias,
    Param::StationName,
    Param::SysUser,
    Param::CrmUser,
    Param::Group,
    Param::Gate,
    Param::Ani,
    Param::Dnis,
    Param::CallId,
    Param::CallInstance,
    Param::CallDirection,
    Param::Priority,
    Param::MaxRecordTime,
    Param::MaxRecordSilence,
    Param::AgentInitiated,
    Param::CtiInitiated,
    Param::ArchiveAction,
    Param::KeepDays,
];
/// No longer part of a device's name goes into a file's name.
const LONGEST_NAME: usize = 48;

/// The record of one recording of a call, as far as is known by now; it is taken to be under way.
#[must_use]
pub fn of_take(core: CoreId, device: &Device, call: &PhoneCall, take: &Take) -> Record {
    let is_whole = call.whole.as_ref().is_some_and(|whole| whole.id == take.id);
    let mut said = kept(&call.data);
    if !is_whole {
        said.remove(&Param::MaxRecordTime);
        said.remove(&Param::MaxRecordSilence);
        said.extend(values(&take.said, OF_ONE_TAKE));
    }
    for name in NAMES.into_iter().filter(|name| !device.name(*name).is_empty()) {
        said.entry(name).or_insert_with(|| device.name(name).into());
    }
    said.insert(Param::DeviceId, device.id.as_ref().into());
    Record {
        ident: 0,
        global_id: take.id.as_ref().into(),
        core,
        kind: if is_whole { RecordKind::Call } else { RecordKind::Partial },
        started: take.started,
        stopped: None,
        file: key(&device.id, take),
        bytes: 0,
        blackouts: call.silence_of(take).pairs(),
        said,
        agent: Default::default(),
    }
}

/// The record of a chat session; there is no sound.
#[must_use]
pub fn of_chat(core: CoreId, session: &str, chat: &Chat, stopped: Option<Timestamp>) -> Record {
    let mut said = kept(&chat.data);
    if let Some((name, value)) = &chat.agent {
        said.entry(*name).or_insert_with(|| value.as_ref().into());
    }
    said.insert(Param::SessionId, session.into());
    let end = stopped.unwrap_or(Timestamp::MAX);
    Record {
        ident: 0,
        global_id: chat.id.as_ref().into(),
        core,
        kind: RecordKind::Chat,
        started: chat.started,
        stopped,
        file: String::new(),
        bytes: 0,
        blackouts: chat.blackouts.silence().within(chat.started, end).pairs(),
        said,
        agent: Default::default(),
    }
}

/// Where a recording's sound lies in the store: `20261125/7001/7001-09-03-14-<GLOBALID>.wav`, in UTC.
#[must_use]
pub fn key(device: &str, take: &Take) -> String {
    let is_safe = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    let safe = |c| if is_safe(c) { c } else { '_' };
    let name: String = device.chars().take(LONGEST_NAME).map(safe).collect();
    let (day, time) = (take.started.strftime("%Y%m%d"), take.started.strftime("%H-%M-%S"));
    format!("{day}/{name}/{name}-{time}-{}.wav", take.id)
}

fn kept(data: &Data) -> BTreeMap<Param, String> {
    values(data, KEPT.into_iter().chain(Param::USERS)).collect()
}

fn values(data: &Data, params: impl IntoIterator<Item = Param>) -> impl Iterator<Item = (Param, String)> {
    let given = params.into_iter().map(|param| (param, data.get(param)));
    given.filter(|(_, value)| !value.is_empty()).map(|(param, value)| (param, value.into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn t(second: i64) -> Timestamp {
        Timestamp::from_second(1_296_560_972 + second).expect("a time in range")
    }

    fn data(pairs: &[(&str, &str)]) -> Data {
        let mut data = Data::default();
        pairs.iter().for_each(|(name, value)| data.add(name, value));
        data
    }

    #[test]
    fn a_partial_has_its_own_terms_and_the_calls_data() {
        let mut device = Device::new("7001".into(), 1);
        device.names[2] = Some("jsmith".into());
        let said =
            data(&[("USER1", "gold"), ("KEEPDAYS", "30"), ("MAXRECORDTIME", "600"), ("PRIORITY", "5")]);
        let mut call = PhoneCall::new("i", said.clone(), t(0));
        call.whole = Some(Take::new("w".into(), t(0), &said));
        let own = data(&[("KEEPDAYS", "365")]);
        let partial = Take { said: own.clone(), ..Take::new("p".into(), t(60), &own) };
        call.start_partial(partial);
        let [whole, partial] = [0, 1].map(|n| {
            let take = call.takes().nth(n).expect("a take");
            of_take(CoreId(2), &device, &call, take)
        });
        assert_eq!((whole.kind, partial.kind), (RecordKind::Call, RecordKind::Partial));
        let terms = |record: &Record| {
            [Param::KeepDays, Param::MaxRecordTime, Param::Priority, Param::SysUser, Param::User1]
                .map(|param| record.said.get(&param).cloned().unwrap_or_default())
        };
        assert_eq!(terms(&whole), ["30", "600", "5", "jsmith", "gold"]);
        assert_eq!(terms(&partial), ["365", "", "5", "jsmith", "gold"]);
        assert_eq!(partial.file, "20110201/7001/7001-11-50-32-p.wav");
    }

    #[test]
    fn no_device_leads_out_of_the_store() {
        let take = Take::new("x".into(), t(0), &Data::default());
        assert_eq!(key("../a b/é", &take), "20110201/___a_b__/___a_b__-11-49-32-x.wav");
        assert!(key(&"9".repeat(500), &take).len() < 200);
    }
}
