//! What a field holds comes back as it went in, whatever it is.

use super::*;
use crate::protocol::param::Param;

const FIELDS: [Param; 9] = [
    Param::UserName,
    Param::EmployeeId,
    Param::FirstName,
    Param::LastName,
    Param::SysUser,
    Param::Domain,
    Param::Email,
    Param::CrmUser,
    Param::SiteId,
];

/// What a client reads in the first of these sections.
fn section(result: &str, name: &str) -> Request {
    read(&format!("<REQUEST>{}</REQUEST>", element_of(result, name)))
}

on_both! {
    async fn every_field_of_a_user_comes_back(store: &Store) {
        let mut params: Vec<_> = FIELDS.iter().map(|param| (param.name(), AWKWARD)).collect();
        params.extend([("ACTION", "ADD"), ("PHONES", AWKWARD)]);
        done(store, "IMPORTUSER", &params).await;
        let listed = section(&done(store, "IMPORTUSER", &[("ACTION", "LIST")]).await, "USER");
        for param in FIELDS.iter().chain([&Param::Phones]) {
            assert_eq!(listed.get(*param), Some(AWKWARD), "{}", param.name());
        }
    }
}

on_both! {
    async fn a_result_is_one_line_and_names_come_back(store: &Store) {
        let group = done(store, "ADDGROUP", &[("GROUPNAME", AWKWARD)]).await;
        assert_eq!(group.matches(['\r', '\n']).count(), 2, "{group}");
        assert_eq!(section(&group, "RESULT").get(Param::GroupName), Some(AWKWARD));
        let role = [("ACTION", "ADD"), ("ROLENAME", AWKWARD), ("DESCRIPTION", AWKWARD)];
        let role = section(&done(store, "MODIFYROLE", &role).await, "RESULT");
        assert_eq!((role.get(Param::RoleName), role.get(Param::Description)), (Some(AWKWARD), Some(AWKWARD)));
        let station = [("STATIONNAME", AWKWARD), ("DEVICEID", AWKWARD), ("LOCATIONID", "-1")];
        let station = section(&done(store, "IMPORTWORKSTATION", &station).await, "RESULT");
        assert_eq!((station.get(Param::StationName), station.get(Param::DeviceId)), (Some(AWKWARD), Some(AWKWARD)));
        let stations = section(&done(store, "STATIONS", &[]).await, "STATION");
        assert_eq!((stations.get(Param::StationName), stations.get(Param::DeviceId)), (Some(AWKWARD), Some(AWKWARD)));
    }
}

on_both! {
    async fn every_link_holds_what_nobody_should_be_called(store: &Store) {
        let user = [("ACTION", "ADD"), ("USERNAME", AWKWARD), ("FIRSTNAME", AWKWARD), ("LASTNAME", AWKWARD)];
        done(store, "IMPORTUSER", &user).await;
        group(store, AWKWARD).await;
        role(store, AWKWARD).await;
        let (add, first, last) = (("ACTION", "ADD"), ("FIRSTNAME", AWKWARD), ("LASTNAME", AWKWARD));
        let (group, role) = (("GROUPNAME", AWKWARD), ("ROLENAME", AWKWARD));
        for (kind, params) in [
            ("IMPORTAGENTPHONE", vec![add, ("PHONEID", AWKWARD), first, last]),
            ("MODIFYGROUPPERMISSION", vec![add, ("DEVICEID", AWKWARD), group, first, last]),
            ("MODIFYROLEGROUPPERMISSION", vec![add, role, group]),
            ("MODIFYUSERROLE", vec![add, role, ("USERNAME", AWKWARD)]),
            ("MODIFYROLEPERMISSION", vec![add, role, ("PERMISSIONNAME", AWKWARD)]),
        ] {
            let result = section(&done(store, kind, &params).await, "RESULT");
            for (name, value) in params.iter().filter(|_| kind != "IMPORTAGENTPHONE") {
                assert_eq!(result.get(Param::from_name(name).expect("known")), Some(*value), "{kind} {name}");
            }
        }
        let export = store.read(|read| Box::pin(read.export())).await.expect("exported");
        let links = (export.members.len(), export.role_groups.len(), export.role_permissions.len());
        assert_eq!(links, (1, 1, 1));
    }
}

on_both! {
    async fn a_phone_list_is_forgiving(store: &Store) {
        let id = user(store, "Ann", "Lee").await;
        let phones = |list| [("ACTION", "MODIFY"), ("USERID", &*id), ("PHONES", list)];
        for (list, expected) in [(" 1 ,,2, 1,", "1,2"), ("2,3", "2,3"), ("", "2,3")] {
            done(store, "IMPORTUSER", &phones(list)).await;
            let listed = done(store, "IMPORTUSER", &[("ACTION", "LIST")]).await;
            assert_eq!(element_of(&listed, "PHONES"), expected);
        }
    }
}
