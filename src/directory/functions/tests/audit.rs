//! The audit trail: one row per change, and none for what changed nothing.

use super::*;

type Change<'a> = (&'a str, &'a [(&'a str, &'a str)]);

/// Changes that each do something, in this order.
const CHANGES: &[Change<'_>] = &[
    (
        "IMPORTUSER",
        &[("ACTION", "ADD"), ("USERNAME", "u"), ("FIRSTNAME", "Ann"), ("LASTNAME", "Lee"), ("PHONES", "1,2")],
    ),
    ("IMPORTUSER", &[("ACTION", "MODIFY"), ("USERID", "1"), ("EMAIL", "a@example.com"), ("PHONES", "1,3")]),
    ("IMPORTAGENTPHONE", &[("ACTION", "ADD"), ("PHONEID", "4"), ("AGENTID", "1")]),
    ("IMPORTWORKSTATION", &[("DEVICEID", "1"), ("STATIONNAME", "PC"), ("LOCATIONID", "1")]),
    ("ADDGROUP", &[("GROUPNAME", "g")]),
    ("MODIFYROLE", &[("ACTION", "ADD"), ("ROLENAME", "r")]),
    ("MODIFYROLE", &[("ACTION", "MODIFY"), ("ROLENAME", "r"), ("DESCRIPTION", "d")]),
    ("MODIFYGROUPPERMISSION", &[("ACTION", "ADD"), ("PHONEID", "4"), ("AGENTID", "1"), ("GROUPID", "1")]),
    ("MODIFYROLEGROUPPERMISSION", &[("ACTION", "ADD"), ("ROLEID", "1"), ("GROUPNAME", "g")]),
    ("MODIFYUSERROLE", &[("ACTION", "ADD"), ("ROLEID", "1"), ("USERID", "1")]),
    ("MODIFYROLEPERMISSION", &[("ACTION", "ADD"), ("ROLEID", "1"), ("PERMISSIONNAME", "P")]),
];

/// What is true already.
const REPEATED: &[Change<'_>] = &[
    ("IMPORTUSER", &[("ACTION", "LIST")]),
    ("STATIONS", &[]),
    ("FETCHTERMINOLOGY", &[]),
    ("IMPORTAGENTPHONE", &[("ACTION", "ADD"), ("PHONEID", "4"), ("AGENTID", "1")]),
    ("IMPORTWORKSTATION", &[("DEVICEID", "1"), ("STATIONNAME", "PC"), ("LOCATIONID", "1")]),
    ("ADDGROUP", &[("GROUPNAME", "G")]),
    ("MODIFYROLE", &[("ACTION", "MODIFY"), ("ROLENAME", "r"), ("DESCRIPTION", "d")]),
    ("MODIFYROLE", &[("ACTION", "MODIFY"), ("ROLENAME", "r")]),
    ("MODIFYGROUPPERMISSION", &[("ACTION", "ADD"), ("PHONEID", "4"), ("AGENTID", "1"), ("GROUPID", "1")]),
    ("MODIFYGROUPPERMISSION", &[("ACTION", "DELETE"), ("PHONEID", "9"), ("AGENTID", "1"), ("GROUPID", "1")]),
    ("MODIFYROLEGROUPPERMISSION", &[("ACTION", "ADD"), ("ROLEID", "1"), ("GROUPNAME", "g")]),
    ("MODIFYROLEGROUPPERMISSION", &[("ACTION", "ADD"), ("ROLEID", "1"), ("GROUPNAME", "there is none")]),
    ("MODIFYUSERROLE", &[("ACTION", "ADD"), ("ROLEID", "1"), ("USERID", "1")]),
    ("MODIFYUSERROLE", &[("ACTION", "MODIFY"), ("ROLEID", "1"), ("USERID", "1")]),
    ("MODIFYROLEPERMISSION", &[("ACTION", "ADD"), ("ROLEID", "1"), ("PERMISSIONNAME", "p")]),
    ("MODIFYROLEPERMISSION", &[("ACTION", "DELETE"), ("ROLEID", "1"), ("PERMISSIONNAME", "none")]),
];

on_both! {
    async fn a_change_has_one_row_and_a_repetition_none(store: &Store) {
        for (kind, params) in CHANGES {
            let before = trail(store).await.len();
            done(store, kind, params).await;
            let after = trail(store).await;
            let last = after.last().expect("a row");
            assert_eq!(after.len(), before + 1, "{kind} {params:?}");
            assert_eq!((&*last.function, &*last.from, &*last.who), (*kind, FROM, "API client"));
        }
        let before = trail(store).await;
        for (kind, params) in REPEATED {
            done(store, kind, params).await;
            assert_eq!(trail(store).await.len(), before.len(), "{kind} {params:?}");
        }
        done(store, "IMPORTUSER", &[("ACTION", "DELETE"), ("USERID", "1")]).await;
        assert_eq!(trail(store).await.len(), before.len() + 1, "the phones are freed in the same transaction");
    }
}
