//! A password goes in and never comes out.

use super::*;
use crate::directory::functions::password;

const SECRET: &str = "hunter2-é😀";
const WHO: [(&str, &str); 4] =
    [("USERNAME", "u"), ("FIRSTNAME", "Ann"), ("LASTNAME", "Lee"), ("PASSWORD", SECRET)];

fn is_silent(shown: &str) {
    for secret in [SECRET, "hunter2", "argon2"] {
        assert!(!shown.contains(secret), "{shown}");
    }
}

async fn stored(store: &Store, user: i64) -> String {
    store.read(move |read| Box::pin(read.password(user))).await.expect("a hash").0
}

on_both! {
    async fn a_password_is_stored_as_a_hash_and_shown_nowhere(store: &Store) {
        let mut shown = String::new();
        for (action, rest) in [
            ("ADD", &[][..]),
            ("ADD", &[]),
            ("ADD", &[("STATUS", "x")]),
            ("ADD", &[("USERNAME", "")]),
            ("MODIFY", &[("USERID", "1")]),
            ("MODIFY", &[("USERID", "2")]),
            ("MODIFY", &[("USERID", "1"), ("MOD_TIME", "x")]),
            ("LIST", &[]),
            ("NONSENSE", &[]),
        ] {
            let params = [&[("ACTION", action)], rest, &WHO].concat();
            shown += &ask(store, "IMPORTUSER", &params).await;
        }
        shown += &ask(store, "MODIFYROLE", &[("ACTION", "ADD"), ("ROLENAME", "r"), WHO[3]]).await;
        shown += &ask(store, "MODIFYUSERROLE", &[("ACTION", "ADD"), ("ROLEID", "1"), WHO[0], WHO[3]]).await;
        is_silent(&shown);
        is_silent(&format!("{:?}", trail(store).await));
        is_silent(&format!("{:?}", store.read(|read| Box::pin(read.export())).await));
        assert!(stored(store, 1).await.starts_with("$argon2id$"), "it is stored all the same");
        is_silent(&format!("{:?}", password::hash(SECRET).await));
    }
}

on_both! {
    async fn another_password_takes_the_place_of_the_old_one(store: &Store) {
        done(store, "IMPORTUSER", &[&[("ACTION", "ADD")], &WHO[..]].concat()).await;
        let first = stored(store, 1).await;
        let modify = |rest: &[(&'static str, &'static str)]| [&[("ACTION", "MODIFY"), ("USERID", "1")], rest].concat();
        done(store, "IMPORTUSER", &modify(&[("EMAIL", "a@example.com"), ("PASSWORD", "")])).await;
        assert_eq!(stored(store, 1).await, first, "a blank one is none");
        done(store, "IMPORTUSER", &modify(&[("PASSWORD", "other")])).await;
        assert_ne!(stored(store, 1).await, first);
    }
}
