//! Every example of the reference, as it stands there, with its documented result.

use super::*;

const ADD_SALLY: &str = "<REQUEST>\r\n<TYPE>IMPORTUSER</TYPE>\r\n<REQUESTID>5</REQUESTID>\r\n<ACTION>ADD</ACTION>\
    <USER_ID>2</USER_ID><USERNAME>Sally Smith</USERNAME><EMPLOYEE_ID>5</EMPLOYEE_ID><FIRST_NAME>Sally</FIRST_NAME>\
    <LAST_NAME>Smith</LAST_NAME><STATUS>A</STATUS><ADD_TIME></ADD_TIME><MOD_TIME></MOD_TIME>\
    <SYS_USER>smith.1</SYS_USER><DOMAIN>Uptivity</DOMAIN><EMAIL>ssmith@uptivity.com</EMAIL>\
    <CRM_USER>sallys</CRM_USER><SITEID>1</SITEID><PHONES>1123,3343,3234</PHONES></REQUEST>";
const LIST: &str = "<REQUEST><TYPE>IMPORTUSER</TYPE><REQUESTID>5</REQUESTID><ACTION>LIST</ACTION></REQUEST>";

on_both! {
    async fn a_user_is_added_and_listed(store: &Store) {
        let body = "<USERID>1</USERID>";
        assert_eq!(send(store, ADD_SALLY).await, ok("IMPORTUSER", 5, "API_OK", body), "USERID is ignored");
        let times = [("ACTION", "modify"), ("USERID", "1"), ("ADD_TIME", "10/30/2006 4:05:38 PM -05:00"),
            ("MOD_TIME", "3/27/2008 3:34:43 PM -05:00")];
        done(store, "IMPORTUSER", &times).await;
        let body = "<USERS><COUNT>1</COUNT><USER><USER_ID>1</USER_ID><USERNAME>Sally Smith</USERNAME>\
            <EMPLOYEEID>5</EMPLOYEEID><FIRSTNAME>Sally</FIRSTNAME><LASTNAME>Smith</LASTNAME><AGENT>TRUE</AGENT>\
            <STATUS>A</STATUS><ADD_TIME>10/30/2006 4:05:38 PM -05:00</ADD_TIME>\
            <MOD_TIME>3/27/2008 3:34:43 PM -05:00</MOD_TIME><SYS_USER>smith.1</SYS_USER>\
            <SYS_DOMAIN>Uptivity</SYS_DOMAIN><EMAIL>ssmith@uptivity.com</EMAIL><CRM_USER>sallys</CRM_USER>\
            <SITE_ID>1</SITE_ID><PHONES>1123,3343,3234</PHONES></USER></USERS>";
        assert_eq!(send(store, LIST).await, ok("IMPORTUSER", 5, "API_OK", body));
    }
}

on_both! {
    async fn a_deleted_user_is_not_listed_and_its_phones_are_free(store: &Store) {
        send(store, ADD_SALLY).await;
        let deleted = done(store, "IMPORTUSER", &[("ACTION", "Delete"), ("USERID", "1")]).await;
        assert_eq!(element_of(&deleted, "USERID"), "1");
        assert_eq!(send(store, LIST).await, ok("IMPORTUSER", 5, "API_OK", "<USERS><COUNT>0</COUNT></USERS>"));
        let all = store.read(|read| Box::pin(read.all_users())).await.expect("listed");
        assert_eq!(all[0].username, "Sally Smith", "the record stays");
        let again = send(store, ADD_SALLY).await;
        assert_eq!(element_of(&again, "USERID"), "2", "her name and her phones are free: {again}");
    }
}

on_both! {
    async fn status_says_who_is_an_agent(store: &Store) {
        let id = user(store, "Ann", "Lee").await;
        for (status, agent) in [("i", "FALSE"), ("A", "TRUE")] {
            done(store, "IMPORTUSER", &[("ACTION", "MODIFY"), ("USERID", &id), ("STATUS", status)]).await;
            let list = send(store, LIST).await;
            assert_eq!(element_of(&list, "AGENT"), agent);
            assert_eq!(element_of(&list, "FIRSTNAME"), "Ann", "what is not given stays");
        }
    }
}

on_both! {
    async fn an_agent_gets_a_phone_and_loses_it(store: &Store) {
        user(store, "John", "Doe").await;
        let add = "<REQUEST><TYPE>IMPORTAGENTPHONE</TYPE><REQUESTID>2</REQUESTID><ACTION>ADD</ACTION>\
            <PHONEID>1234</PHONEID><AGENTID>0</AGENTID><FIRSTNAME>John</FIRSTNAME><LASTNAME>Doe</LASTNAME></REQUEST>";
        let body = "<AGENTID>1</AGENTID>";
        assert_eq!(send(store, add).await, ok("IMPORTAGENTPHONE", 2, "API_OK", body));
        assert_eq!(element_of(&send(store, LIST).await, "PHONES"), "1234");
        let delete = [("ACTION", "DELETE"), ("PHONEID", "1234"), ("AGENTID", "1"), ("FIRSTNAME", "Not looked at")];
        let deleted = done(store, "IMPORTAGENTPHONE", &delete).await;
        assert_eq!(element_of(&deleted, "AGENTID"), "1");
        assert_eq!(element_of(&send(store, LIST).await, "PHONES"), "");
    }
}

on_both! {
    async fn a_workstation_replaces_what_was_there(store: &Store) {
        let add = "<REQUEST><TYPE>IMPORTWORKSTATION</TYPE><REQUESTID>2</REQUESTID><DEVICEID>1234</DEVICEID>\
            <STATIONNAME>COMPUTER1</STATIONNAME><LOCATIONID>1</LOCATIONID></REQUEST>";
        let body = "<DEVICEID>1234</DEVICEID><STATIONNAME>COMPUTER1</STATIONNAME>";
        assert_eq!(send(store, add).await, ok("IMPORTWORKSTATION", 2, "API_OK", body));
        for (name, device) in [("computer1", "77"), ("JamesBond", "77"), ("Q", "8")] {
            let params = [("STATIONNAME", name), ("DEVICEID", device), ("LOCATIONID", "2")];
            done(store, "IMPORTWORKSTATION", &params).await;
        }
        let stations = "<REQUEST><TYPE>STATIONS</TYPE><REQUESTID>29</REQUESTID></REQUEST>";
        let body = "<COUNT>2</COUNT><STATIONS><STATION><STATIONNAME>JamesBond</STATIONNAME><DEVICEID>77</DEVICEID>\
            </STATION><STATION><STATIONNAME>Q</STATIONNAME><DEVICEID>8</DEVICEID></STATION></STATIONS>";
        assert_eq!(send(store, stations).await, ok("STATIONS", 29, "API_OK", body));
    }
}

on_both! {
    async fn terminology_is_listed(store: &Store) {
        let fetch = "<REQUEST><TYPE>FETCHTERMINOLOGY</TYPE><REQUESTID>34</REQUESTID></REQUEST>";
        let terms = [("agent", "Agent"), ("ani", "CallerID ANI"), ("callcopygroup", "CallCopy group"),
            ("devicealias", "Agent Number"), ("deviceid", "Voice Port"), ("dnis", "Number Called DNIS"),
            ("gate", "ACD Gate"), ("group", "Group"), ("user1", "Account Number"), ("user2", "CSN")];
        let terms: String = terms.iter().map(|(name, value)| {
            format!("<TERMINOLOGY><NAME>{name}</NAME><VALUE>{value}</VALUE></TERMINOLOGY>")
        }).collect();
        let body = format!("<COUNT>10</COUNT><SETTINGS>{terms}</SETTINGS>");
        assert_eq!(send(store, fetch).await, ok("FETCHTERMINOLOGY", 34, "API_OK", &body));
    }
}

on_both! {
    async fn a_group_is_added_once(store: &Store) {
        let add = "<REQUEST><TYPE>ADDGROUP</TYPE><REQUESTID>2</REQUESTID>\
            <GROUPNAME>Sales & Marketing</GROUPNAME></REQUEST>";
        let body = "<GROUPID>1</GROUPID><GROUPNAME>Sales &amp; Marketing</GROUPNAME>";
        let added = ok("ADDGROUP", 2, "group: Sales &amp; Marketing has been added", body);
        assert_eq!(send(store, add).await, added);
        assert_eq!(send(store, add).await, added, "as normal, and nothing is modified");
        assert_eq!(trail(store).await.len(), 1);
    }
}

on_both! {
    async fn an_agents_device_is_put_into_a_group(store: &Store) {
        user(store, "John", "Doe").await;
        group(store, "Sales & Marketing").await;
        let add = "<REQUEST><TYPE>MODIFYGROUPPERMISSION</TYPE><REQUESTID>2</REQUESTID><ACTION>ADD</ACTION>\
            <GROUPNAME>Sales & Marketing</GROUPNAME><FIRSTNAME>John</FIRSTNAME><LASTNAME>Doe</LASTNAME>\
            <DEVICEID>1234</DEVICEID></REQUEST>";
        let body = "<ACTION>ADD</ACTION><DEVICEID>1234</DEVICEID><GROUPNAME>Sales &amp; Marketing</GROUPNAME>\
            <GROUPID>1</GROUPID><FIRSTNAME>John</FIRSTNAME><LASTNAME>Doe</LASTNAME><AGENTID>1</AGENTID>";
        let message = "Device 1234 of agent 1 is in group Sales &amp; Marketing";
        assert_eq!(send(store, add).await, ok("MODIFYGROUPPERMISSION", 2, message, body));
        let delete = [("ACTION", "delete"), ("PHONEID", "1234"), ("GROUPID", "1"), ("AGENTID", "1")];
        let body = "<ACTION>delete</ACTION><PHONEID>1234</PHONEID><GROUPID>1</GROUPID><AGENTID>1</AGENTID>";
        let message = "Device 1234 of agent 1 is not in group Sales &amp; Marketing";
        let deleted = done(store, "MODIFYGROUPPERMISSION", &delete).await;
        assert_eq!(deleted, ok("MODIFYGROUPPERMISSION", 1, message, body));
        assert_eq!(store.read(|read| Box::pin(read.members())).await, Ok(vec![]));
    }
}

on_both! {
    async fn a_role_is_added_modified_and_deleted(store: &Store) {
        let add = "<REQUEST><REQUESTTYPE>MODIFYROLE</REQUESTTYPE><REQUESTID>1</REQUESTID><ACTION>ADD</ACTION>\
            <ROLENAME>DefaultRole</ROLENAME><DESCRIPTION>Adding Default Role</DESCRIPTION> \r\n </REQUEST>";
        let body = "<ACTION>ADD</ACTION><ROLENAME>DefaultRole</ROLENAME>\
            <DESCRIPTION>Adding Default Role</DESCRIPTION>";
        assert_eq!(send(store, add).await, ok("MODIFYROLE", 1, "Role Added", body));
        for (description, expected) in [(Some("x"), "x"), (None, "x"), (Some(""), "")] {
            let mut params = vec![("ACTION", "MODIFY"), ("ROLENAME", "DEFAULTROLE")];
            params.extend(description.map(|text| ("DESCRIPTION", text)));
            let modified = done(store, "MODIFYROLE", &params).await;
            assert_eq!(element_of(&modified, "RESULTMSG"), "Role Modified");
            let roles = store.read(|read| Box::pin(read.roles())).await.expect("listed");
            assert_eq!((&*roles[0].name, &*roles[0].description), ("DefaultRole", expected));
        }
        let deleted = done(store, "MODIFYROLE", &[("ACTION", "DELETE"), ("ROLENAME", "DefaultRole")]).await;
        assert_eq!(element_of(&deleted, "RESULTMSG"), "Role Deleted");
        assert_eq!(store.read(|read| Box::pin(read.roles())).await, Ok(vec![]));
    }
}

on_both! {
    async fn a_group_is_assigned_to_a_role(store: &Store) {
        role(store, "DefaultRole").await;
        let add = |group: &str| format!(
            "<REQUEST><REQUESTTYPE> MODIFYROLEGROUPPERMISSION </REQUESTTYPE><REQUESTID>1</REQUESTID>\
             <ACTION>ADD</ACTION><ROLENAME>DefaultRole</ROLENAME><GROUPNAME>{group}</GROUPNAME></REQUEST>"
        );
        let body = |group: &str| format!(
            "<ACTION>ADD</ACTION><ROLEID>1</ROLEID><ROLENAME>DefaultRole</ROLENAME><GROUPNAME>{group}</GROUPNAME>"
        );
        let missing = "Group Group01 does not exist or it is not active";
        let result = ok("MODIFYROLEGROUPPERMISSION", 1, missing, &body("Group01"));
        assert_eq!(send(store, &add("Group01")).await, result);
        group(store, "CALLCOPYTESTGROUP").await;
        let message = "Group CALLCOPYTESTGROUP is assigned to role DefaultRole";
        let result = ok("MODIFYROLEGROUPPERMISSION", 1, message, &body("CALLCOPYTESTGROUP"));
        assert_eq!(send(store, &add("CALLCOPYTESTGROUP")).await, result);
        assert_eq!(store.read(|read| Box::pin(read.role_groups())).await, Ok(vec![(1, 1)]));
        let delete = [("ACTION", "DELETE"), ("ROLEID", "1"), ("GROUPNAME", "callcopytestgroup")];
        let deleted = done(store, "MODIFYROLEGROUPPERMISSION", &delete).await;
        let message = "Group CALLCOPYTESTGROUP is not assigned to role DefaultRole";
        assert_eq!(element_of(&deleted, "RESULTMSG"), message);
        assert_eq!(store.read(|read| Box::pin(read.role_groups())).await, Ok(vec![]));
    }
}

on_both! {
    async fn a_user_is_assigned_a_role(store: &Store) {
        role(store, "DefaultRole").await;
        role(store, "Test").await;
        let params = [("ACTION", "ADD"), ("USERNAME", "TestUser"), ("FIRSTNAME", "Test"), ("LASTNAME", "User"),
            ("SYS_USER", "sys.test")];
        done(store, "IMPORTUSER", &params).await;
        let add = "<REQUEST><REQUESTTYPE> MODIFYUSERROLE </REQUESTTYPE><REQUESTID>1</REQUESTID><ACTION>ADD</ACTION>\
            <ROLENAME>DefaultRole</ROLENAME><USERNAME>TestUser</USERNAME></REQUEST>";
        let body = "<ROLEID>1</ROLEID><ROLENAME>DefaultRole</ROLENAME><USERID>1</USERID>\
            <USERNAME>TestUser</USERNAME><ACTION>ADD</ACTION>";
        let result = ok("MODIFYUSERROLE", 1, "User 1 is assigned role DefaultRole", body);
        assert_eq!(send(store, add).await, result);
        let roles = || store.read(|read| Box::pin(read.user_roles()));
        for (action, by, role, message, left) in [
            ("MODIFY", ("USERID", "1"), "2", "User 1 is assigned role Test", vec![(1, 2)]),
            ("ADD", ("SYSTEMUSERNAME", "SYS.test"), "1", "User 1 is assigned role DefaultRole", vec![(1, 1), (1, 2)]),
            ("DELETE", ("LASTNAME", "user"), "2", "User 1 is not assigned role Test", vec![(1, 1)]),
            ("DELETE", ("FIRSTNAME", "TEST"), "1", "User 1 is not assigned role DefaultRole", vec![]),
        ] {
            let result = done(store, "MODIFYUSERROLE", &[("ACTION", action), by, ("ROLEID", role)]).await;
            assert_eq!(element_of(&result, "RESULTMSG"), message);
            assert_eq!(roles().await, Ok(left), "{action}");
        }
    }
}

on_both! {
    async fn a_role_gets_a_permission_and_loses_it(store: &Store) {
        role(store, "DefaultRole").await;
        let add = "<REQUEST><REQUESTTYPE> MODIFYROLEPERMISSION </REQUESTTYPE><REQUESTID>1</REQUESTID>\
            <ACTION>ADD</ACTION><ROLENAME>DefaultRole</ROLENAME>\
            <PERMISSIONNAME>HOMEPAGEWIDGETS</PERMISSIONNAME></REQUEST>";
        let body = "<ROLEID>1</ROLEID><ROLENAME>DefaultRole</ROLENAME>\
            <PERMISSIONNAME>HOMEPAGEWIDGETS</PERMISSIONNAME><ACTION>ADD</ACTION>";
        assert_eq!(send(store, add).await, ok("MODIFYROLEPERMISSION", 1, "Permission Added", body));
        let permissions = || store.read(|read| Box::pin(read.role_permissions()));
        assert_eq!(permissions().await, Ok(vec![(1, "HOMEPAGEWIDGETS".into())]));
        let delete = [("ACTION", "DELETE"), ("ROLEID", "1"), ("PERMISSIONNAME", "HomePageWidgets")];
        let deleted = done(store, "MODIFYROLEPERMISSION", &delete).await;
        assert_eq!(element_of(&deleted, "RESULTMSG"), "Permission Deleted");
        assert_eq!(permissions().await, Ok(vec![]));
    }
}
