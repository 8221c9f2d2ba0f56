//! ADDGROUP, MODIFYGROUPPERMISSION, MODIFYROLE, MODIFYROLEGROUPPERMISSION, MODIFYUSERROLE, MODIFYROLEPERMISSION.

use super::*;

fn name(name: &str) -> NameKey {
    NameKey::Name(name.into())
}

async fn user(store: &Store) -> i64 {
    change!(store, tx => tx.add_user(&UserFields::default())).expect("added")
}

on_both! {
    async fn a_group_that_exists_is_left_as_it_is(place: &Place) {
        let store = place.store();
        let (group, is_new) = change!(store, tx => tx.add_group("Sales & Marketing")).expect("added");
        assert!(is_new && group.name == "Sales & Marketing");
        let again = change!(store, tx => tx.add_group("SALES & marketing"));
        assert_eq!(again, Ok((group.clone(), false)));
        let id = group.id;
        assert_eq!(ask!(store, tx => tx.group(&NameKey::Id(id))), Ok(group.clone()));
        assert_eq!(ask!(store, tx => tx.group(&name("sales & Marketing"))), Ok(group));
        assert_eq!(ask!(store, tx => tx.group(&name("x"))), Err(StoreError::NotFound(Subject::Group)));
        assert_eq!(ask!(store, tx => tx.audit(0, 9)).expect("audit").len(), 1, "nothing was changed the second time");
    }
}

on_both! {
    async fn members_come_and_go(place: &Place) {
        let store = place.store();
        let (group, _) = change!(store, tx => tx.add_group("g")).expect("added");
        let member = Member { group: group.id, user: user(&store).await, device: "1234".into() };
        for (expected, listed) in [(true, 1), (false, 1)] {
            let new = member.clone();
            assert_eq!(change!(store, tx => tx.add_member(&new)), Ok(expected));
            assert_eq!(ask!(store, tx => tx.members()).expect("listed").len(), listed);
        }
        for expected in [true, false] {
            let old = member.clone();
            assert_eq!(change!(store, tx => tx.remove_member(&old)), Ok(expected));
        }
        let nobody = Member { user: 99, ..member };
        assert!(change!(store, tx => tx.add_member(&nobody)).is_err());
    }
}

on_both! {
    async fn roles_are_added_renamed_and_deleted(place: &Place) {
        let store = place.store();
        let id = change!(store, tx => tx.add_role("DefaultRole", "Adding Default Role")).expect("added");
        let taken = Err(StoreError::Taken(Subject::Role));
        assert_eq!(change!(store, tx => tx.add_role("defaultROLE", "")), taken);
        let other = change!(store, tx => tx.add_role("Other", "")).expect("added");
        let clash = change!(store, tx => tx.modify_role(other, Some("DEFAULTROLE"), None));
        assert_eq!(clash, Err(StoreError::Taken(Subject::Role)));
        change!(store, tx => tx.modify_role(id, Some("DEFAULTROLE"), Some("new"))).expect("its own name");
        let role = ask!(store, tx => tx.role(&name("defaultrole"))).expect("there");
        assert_eq!(role, Role { id, name: "DEFAULTROLE".into(), description: "new".into() });
        change!(store, tx => tx.delete_role(id)).expect("deleted");
        let missing = StoreError::NotFound(Subject::Role);
        assert_eq!(change!(store, tx => tx.delete_role(id)), Err(missing.clone()));
        assert_eq!(ask!(store, tx => tx.role(&NameKey::Id(id))), Err(missing));
    }
}

on_both! {
    async fn what_a_role_has_goes_with_it(place: &Place) {
        let store = place.store();
        let user = user(&store).await;
        let (group, _) = change!(store, tx => tx.add_group("g")).expect("added");
        let role = change!(store, tx => tx.add_role("a", "")).expect("added");
        let other = change!(store, tx => tx.add_role("b", "")).expect("added");
        assert_eq!(change!(store, tx => tx.add_role_group(role, group.id)), Ok(true));
        assert_eq!(change!(store, tx => tx.add_role_group(role, group.id)), Ok(false));
        assert_eq!(change!(store, tx => tx.add_permission(role, "HOMEPAGEWIDGETS")), Ok(true));
        assert_eq!(change!(store, tx => tx.add_permission(role, "homepagewidgets")), Ok(false));
        assert_eq!(change!(store, tx => tx.add_user_role(role, user)), Ok(true));
        assert_eq!(change!(store, tx => tx.set_user_role(other, user)), Ok(()));
        assert_eq!(ask!(store, tx => tx.user_roles()), Ok(vec![(user, other)]), "in the place of all others");
        assert_eq!(change!(store, tx => tx.remove_user_role(other, user)), Ok(true));
        assert_eq!(change!(store, tx => tx.remove_user_role(other, user)), Ok(false));
        assert_eq!(ask!(store, tx => tx.role_permissions()), Ok(vec![(role, "HOMEPAGEWIDGETS".into())]));
        change!(store, tx => tx.delete_role(role)).expect("deleted");
        let left = ask!(store, tx => tx.export()).expect("exported");
        assert_eq!((left.role_groups.len(), left.role_permissions.len()), (0, 0));
    }
}
