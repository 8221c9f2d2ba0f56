//! Every error that the reference documents, each of which changes nothing.

use ResultType::*;

use super::*;

const USER: &str = "IMPORTUSER";

type Row<'a> = (&'a str, &'a [(&'a str, &'a str)], ResultType, &'a str);

async fn all_refused(store: &Store, rows: &[Row<'_>]) {
    let before = trail(store).await.len();
    for (kind, params, result, words) in rows {
        refused(store, kind, params, *result, words).await;
    }
    assert_eq!(trail(store).await.len(), before, "what is refused leaves no trace");
}

const SALLY: [(&str, &str); 5] = [
    ("ACTION", "ADD"),
    ("USERNAME", "Sally Smith"),
    ("FIRSTNAME", "Sally"),
    ("LASTNAME", "Smith"),
    ("PHONES", "1123, 3343,,3234"),
];

on_both! {
    async fn users(store: &Store) {
        let unknown = "Could not find a user with USERID 99";
        done(store, USER, &SALLY).await;
        user(store, "Ann", "Lee").await;
        let ann = |rest: &[(&'static str, &'static str)]| [&[("ACTION", "ADD"), ("USERNAME", "new")], rest].concat();
        all_refused(store, &[
            (USER, &[("USERID", "1")], InvalidAction, "ACTION is missing"),
            (USER, &[("ACTION", "DROP")], InvalidAction, "ADD, MODIFY, DELETE, LIST"),
            (USER, &[("ACTION", "ADD"), ("USERID", "5")], InvalidMessageFormat, "USERNAME, FIRSTNAME"),
            (USER, &[("ACTION", "MODIFY"), ("EMAIL", "x")], InvalidMessageFormat, "USERID is missing"),
            (USER, &[("ACTION", "DELETE"), ("USERID", "0")], InvalidMessageFormat, "USERID is missing"),
            (USER, &[("ACTION", "DELETE"), ("USERID", "1 OR 1=1")], InvalidMessageFormat, "not an integer"),
            (USER, &[("ACTION", "MODIFY"), ("USERID", "1"), ("STATUS", "D")], InvalidMessageFormat, "STATUS D"),
            (USER, &[("ACTION", "MODIFY"), ("USERID", "1"), ("MOD_TIME", "x")], InvalidMessageFormat, "MOD_TIME x"),
            (USER, &[("ACTION", "MODIFY"), ("USERID", "99"), ("USERNAME", "x")], UserNotFound, unknown),
            (USER, &[("ACTION", "DELETE"), ("USERID", "99")], UserNotFound, unknown),
            (USER, &SALLY, UserAlreadyExist, "USERNAME Sally Smith"),
            (USER, &ann(&[("FIRSTNAME", "sally"), ("LASTNAME", "SMITH")]), UserAlreadyExist, "sally"),
            (USER, &ann(&[("FIRSTNAME", "x"), ("LASTNAME", "y"), ("PHONES", "1,3343")]), KeysNotUnique, "3343"),
            (USER, &[("ACTION", "MODIFY"), ("USERID", "2"), ("USERNAME", "SALLY smith")], UserAlreadyExist, ""),
            (USER, &[("ACTION", "MODIFY"), ("USERID", "2"), ("PHONES", "3234")], KeysNotUnique, "PHONES 3234"),
        ]).await;
    }
}

on_both! {
    async fn phones(store: &Store) {
        done(store, USER, &SALLY).await;
        user(store, "Ann", "Lee").await;
        let phone = |action: &'static str, phone: &'static str, who: &[(&'static str, &'static str)]| {
            [&[("ACTION", action), ("PHONEID", phone)], who].concat()
        };
        let ann: &[_] = &[("AGENTID", "2"), ("FIRSTNAME", "Sally"), ("LASTNAME", "Smith")];
        let half: &[_] = &[("AGENTID", "0"), ("FIRSTNAME", "Ann")];
        let nobody: &[_] = &[("FIRSTNAME", "John"), ("LASTNAME", "Doe")];
        let kind = "IMPORTAGENTPHONE";
        all_refused(store, &[
            (kind, &phone("LIST", "1", ann), InvalidAction, "ADD, DELETE"),
            (kind, &[("ACTION", "ADD"), ("AGENTID", "2")], InvalidMessageFormat, "PHONEID"),
            (kind, &phone("ADD", "1", &[]), InvalidMessageFormat, "AGENTID"),
            (kind, &phone("ADD", "1", half), InvalidMessageFormat, "FIRSTNAME and LASTNAME"),
            (kind, &phone("ADD", "1,2", ann), InvalidMessageFormat, "comma"),
            (kind, &phone("ADD", "1", &[("AGENTID", "99")]), AgentNotFound, "an agent with AGENTID 99"),
            (kind, &phone("ADD", "1", nobody), AgentNotFound, "FIRSTNAME John, LASTNAME Doe"),
            (kind, &phone("ADD", "1123", ann), KeysNotUnique, "another agent has a phone of PHONEID 1123"),
            (kind, &phone("DELETE", "1123", ann), AgentNotFound, "does not have PHONEID 1123"),
        ]).await;
    }
}

on_both! {
    async fn stations_and_groups(store: &Store) {
        user(store, "Ann", "Lee").await;
        group(store, "g").await;
        let kind = "MODIFYGROUPPERMISSION";
        let member = |rest: &[(&'static str, &'static str)]| [&[("ACTION", "ADD"), ("PHONEID", "1")], rest].concat();
        all_refused(store, &[
            ("IMPORTWORKSTATION", &[("DEVICEID", "1"), ("STATIONNAME", "x")], InvalidMessageFormat, "LOCATIONID"),
            ("IMPORTWORKSTATION", &[("DEVICEID", "1"), ("LOCATIONID", "1")], InvalidMessageFormat, "STATIONNAME"),
            ("IMPORTWORKSTATION", &[("DEVICEID", "1"), ("STATIONNAME", "x"), ("LOCATIONID", "HQ")],
                InvalidMessageFormat, "LOCATIONID HQ is not an integer"),
            ("ADDGROUP", &[("GROUPNAME", " ")], InvalidMessageFormat, "GROUPNAME is missing"),
            (kind, &member(&[("GROUPID", "1")]), InvalidMessageFormat, "AGENTID"),
            (kind, &member(&[("AGENTID", "1")]), InvalidMessageFormat, "GROUPNAME"),
            (kind, &member(&[("AGENTID", "1"), ("GROUPID", "0")]), InvalidMessageFormat, "GROUPID, GROUPNAME"),
            (kind, &member(&[("GROUPID", "1"), ("FIRSTNAME", "Ann")]), InvalidMessageFormat, "FIRSTNAME and LASTNAME"),
            (kind, &member(&[("GROUPID", "1"), ("AGENTID", "1"), ("DEVICEID", "2")]), InvalidMessageFormat, "two"),
            (kind, &member(&[("GROUPID", "1"), ("AGENTID", "99")]), AgentNotFound, "AGENTID 99"),
            (kind, &member(&[("GROUPID", "1"), ("AGENTID", "1"), ("LASTNAME", "Doe")]), AgentNotFound, "LASTNAME Doe"),
            (kind, &member(&[("GROUPNAME", "x"), ("AGENTID", "1")]), NoGroup, "GROUPNAME x does not exist"),
            (kind, &member(&[("GROUPNAME", "g"), ("GROUPID", "7"), ("AGENTID", "1")]), NoGroup, "GROUPID 7"),
        ]).await;
    }
}

on_both! {
    async fn roles(store: &Store) {
        user(store, "Ann", "Lee").await;
        user(store, "Bob", "Lee").await;
        group(store, "g").await;
        role(store, "r").await;
        let add = |rest: &[(&'static str, &'static str)]| [&[("ACTION", "ADD")], rest].concat();
        let no_role = "Could not find a role with";
        all_refused(store, &[
            ("MODIFYROLE", &[("ROLENAME", "r"), ("ACTION", "LIST")], InvalidAction, "ADD, MODIFY, DELETE"),
            ("MODIFYROLE", &add(&[]), InvalidMessageFormat, "ROLENAME"),
            ("MODIFYROLE", &add(&[("ROLENAME", "R"), ("DESCRIPTION", "x")]), RoleAlreadyExists, "ROLENAME R"),
            ("MODIFYROLE", &[("ROLENAME", "x"), ("ACTION", "MODIFY")], RoleNotFound, no_role),
            ("MODIFYROLE", &[("ROLENAME", "x"), ("ACTION", "DELETE")], RoleNotFound, "ROLENAME x"),
            ("MODIFYROLEGROUPPERMISSION", &add(&[("ROLENAME", "r")]), InvalidMessageFormat, "GROUPNAME"),
            ("MODIFYROLEGROUPPERMISSION", &add(&[("GROUPNAME", "g")]), InvalidMessageFormat, "ROLEID, ROLENAME"),
            ("MODIFYROLEGROUPPERMISSION", &add(&[("GROUPNAME", "g"), ("ROLENAME", "x")]), RoleNotFound, no_role),
            ("MODIFYROLEGROUPPERMISSION", &[("ACTION", "x"), ("GROUPNAME", "g"), ("ROLENAME", "r")], InvalidAction, ""),
            ("MODIFYUSERROLE", &add(&[("ROLENAME", "r")]), InvalidMessageFormat, "USERID"),
            ("MODIFYUSERROLE", &add(&[("ROLENAME", "r"), ("USERID", "0")]), InvalidMessageFormat, "USERNAME"),
            ("MODIFYUSERROLE", &add(&[("ROLEID", "99"), ("USERID", "1")]), RoleNotFound, "ROLEID 99"),
            ("MODIFYUSERROLE", &add(&[("ROLEID", "1"), ("ROLENAME", "x"), ("USERID", "1")]), RoleNotFound, no_role),
            ("MODIFYUSERROLE", &add(&[("ROLEID", "x"), ("USERID", "1")]), InvalidMessageFormat, "ROLEID x"),
            ("MODIFYUSERROLE", &add(&[("ROLEID", "1"), ("USERNAME", "x")]), UserNotFound, "USERNAME x"),
            ("MODIFYUSERROLE", &add(&[("ROLEID", "1"), ("USERID", "1"), ("FIRSTNAME", "Bob")]), UserNotFound, "Bob"),
            ("MODIFYUSERROLE", &add(&[("ROLEID", "1"), ("LASTNAME", "Lee")]), UserNotFound, "several users"),
            ("MODIFYUSERROLE", &[("ACTION", "LIST"), ("ROLEID", "1"), ("USERID", "1")], InvalidAction, ""),
            ("MODIFYROLEPERMISSION", &add(&[("ROLEID", "1")]), InvalidMessageFormat, "PERMISSIONNAME"),
            ("MODIFYROLEPERMISSION", &add(&[("PERMISSIONNAME", "P")]), InvalidMessageFormat, "ROLEID"),
            ("MODIFYROLEPERMISSION", &add(&[("PERMISSIONNAME", "P"), ("ROLENAME", "x")]), RoleNotFound, no_role),
            ("MODIFYROLEPERMISSION", &[("ACTION", "x"), ("PERMISSIONNAME", "P"), ("ROLEID", "1")], InvalidAction, ""),
        ]).await;
    }
}

on_both! {
    async fn of_two_users_of_one_name_who_come_at_once_one_wins(store: &Store) {
        let twin = [("ACTION", "ADD"), ("USERNAME", "x"), ("FIRSTNAME", "SALLY"), ("LASTNAME", "SMITH")];
        let (one, other) = tokio::join!(
            ask(store, USER, &SALLY),
            ask(store, USER, &twin),
        );
        let mut labels = [label(&one), label(&other)];
        labels.sort_unstable();
        assert_eq!(labels, ["API_OK", "API_USER_ALREADY_EXIST"]);
        let listed = ask(store, USER, &[("ACTION", "LIST")]).await;
        assert_eq!(element_of(&listed, "COUNT"), "1");
        let (one, other) = tokio::join!(group(store, "g"), group(store, "G"));
        assert_eq!(one, other, "a group is fine with both");
    }
}
