//! What is written, and what is found of what was done to it.

use super::*;

on_both! {
    async fn what_is_written_is_read_and_holds(place: &Place) {
        let database = database(place);
        let before = Timestamp::now().as_millisecond();
        written(&database, &["7001", "4111111111111111"]).await;
        let rows = rows(&database).await;
        let events: Vec<_> = rows.iter().map(|row| (row.seq, &*row.event)).collect();
        assert_eq!(events, [(1, "begun"), (2, "blackout"), (3, "blackout"), (4, "ended")]);
        assert_eq!(rows[0].note, format!("corecast {}", env!("CARGO_PKG_VERSION")));
        let row = &rows[1];
        assert!(row.asked >= before && row.at >= row.asked, "{row:?}");
        assert_eq!(
            row.legs,
            "[{\"core\":1,\"device\":\"\",\"outcome\":\"ok\",\"sent\":true,\"code\":20,\"label\":\"API_OK\",\"ms\":3},\
              {\"core\":2,\"device\":\"\",\"outcome\":\"not_sent_breaker\",\"sent\":false,\"code\":null,\"label\":\"\",\"ms\":0}]"
        );
        assert_eq!((row.devices(), row.legs()), (vec!["7001".into()], blackout("7001").legs));
        assert_eq!(rows[2].devices, "[\"************1111\"]", "no card number is kept");
        assert!(rows[2].is_about("4111111111111111"), "and it is found all the same");
        assert!(rows.windows(2).all(|pair| pair[1].prev == pair[0].hash));
        let chains = chains(&database).await;
        assert_eq!(chains.len(), 1);
        assert!(chains[0].broken.is_none() && chains[0].is_ended && chains[0].lost == 0, "{chains:?}");
        assert_eq!((chains[0].entries, &chains[0].writer), (4, &row.writer));
    }
}

on_both! {
    async fn each_run_has_a_chain_of_its_own_and_long_ones_are_read_in_pages(place: &Place) {
        let database = database(place);
        let devices: Vec<_> = (0..1200).map(|n| n.to_string()).collect();
        let (ledger, writer, _) = ledger(&database, QUEUE);
        devices.iter().for_each(|device| ledger.note(blackout(device)));
        let writer = tokio::spawn(writer.run());
        assert!(ledger.end(PATIENCE).await);
        writer.await.expect("no panic");
        written(&database, &["7001"]).await;
        let mut entries: Vec<_> = chains(&database).await.iter().map(|chain| chain.entries).collect();
        entries.sort_unstable();
        assert_eq!(entries, [3, 1202]);
        assert!(chains(&database).await.iter().all(|chain| chain.broken.is_none() && chain.is_ended));
        let (mut asked, mut seen) = (Vec::new(), Vec::new());
        let book = Book::of(database.clone());
        let all = i64::MIN..i64::MAX;
        book.read(Order::Asked, all, |row| {
            asked.push(row.asked);
            seen.extend(row.devices());
        }).await.expect("read");
        assert!(asked.is_sorted() && asked.len() == 1205, "{}", asked.len());
        assert!(devices.iter().all(|device| seen.contains(device)));
        for order in [Order::Asked, Order::Chain] {
            let (from, to) = (asked[300], asked[900]);
            let expected = asked.iter().filter(|at| (from..to).contains(*at)).count();
            let mut found = 0;
            book.read(order, from..to, |_| found += 1).await.expect("read");
            assert_eq!(found, expected, "{order:?}");
        }
    }
}

/// What somebody does to a chain of five, and where and how it shows.
async fn finds(place: &Place, sql: &'static str, seq: i64, fault: Fault) {
    let database = database(place);
    written(&database, &["7001", "7002", "7003"]).await;
    assert_eq!(chains(&database).await[0].broken, None);
    forge(&database, sql).await;
    assert_eq!(chains(&database).await[0].broken, Some(Break { seq, fault }), "{sql}");
}

on_both! {
    async fn a_changed_verdict_is_found(place: &Place) {
        finds(place, "UPDATE ledger SET verdict = 'API_OK' WHERE seq = 3", 3, Fault::Changed).await;
    }
}

on_both! {
    async fn a_leg_that_is_said_to_be_confirmed_is_found(place: &Place) {
        let sql = "UPDATE ledger SET legs = replace(legs, 'not_sent_breaker', 'ok') WHERE seq = 4";
        finds(place, sql, 4, Fault::Changed).await;
    }
}

on_both! {
    async fn a_removed_row_is_found(place: &Place) {
        finds(place, "DELETE FROM ledger WHERE seq = 3", 4, Fault::Missing).await;
    }
}

on_both! {
    async fn a_removed_beginning_is_found(place: &Place) {
        finds(place, "DELETE FROM ledger WHERE seq = 1", 2, Fault::Missing).await;
    }
}

on_both! {
    async fn a_removed_row_whose_place_is_closed_is_found(place: &Place) {
        let database = database(place);
        written(&database, &["7001", "7002", "7003"]).await;
        forge(&database, "DELETE FROM ledger WHERE seq = 3").await;
        forge(&database, "UPDATE ledger SET seq = 3 WHERE seq = 4").await;
        assert_eq!(chains(&database).await[0].broken, Some(Break { seq: 3, fault: Fault::Changed }));
    }
}

on_both! {
    async fn rows_that_change_places_are_found(place: &Place) {
        let database = database(place);
        written(&database, &["7001", "7002", "7003"]).await;
        for sql in [
            "UPDATE ledger SET seq = -2 WHERE seq = 2",
            "UPDATE ledger SET seq = 2 WHERE seq = 3",
            "UPDATE ledger SET seq = 3 WHERE seq = -2",
        ] {
            forge(&database, sql).await;
        }
        assert_eq!(chains(&database).await[0].broken, Some(Break { seq: 2, fault: Fault::Changed }));
    }
}

on_both! {
    async fn a_row_that_is_put_in_is_found(place: &Place) {
        let columns = "at, event, function, devices, client, request_id, asked, verdict, legs, note, lost, prev, hash";
        let sql = format!("INSERT INTO ledger (writer, seq, {columns}) SELECT writer, 6, {columns} FROM ledger WHERE seq = 4");
        finds(place, sql.leak(), 6, Fault::Changed).await;
    }
}

on_both! {
    async fn a_removed_end_looks_like_a_process_that_was_killed(place: &Place) {
        let database = database(place);
        written(&database, &["7001", "7002"]).await;
        forge(&database, "DELETE FROM ledger WHERE seq = 4").await;
        let chains = chains(&database).await;
        assert!(chains[0].broken.is_none() && !chains[0].is_ended, "{chains:?}");
    }
}

/// Whoever makes hashes as we do leaves traces where the chain itself does not allow what he did.
#[test]
fn rows_with_good_hashes_in_bad_places_are_found() {
    let mut tip = Tip { writer: "w".into(), seq: 0, hash: String::new() };
    let now = Timestamp::UNIX_EPOCH;
    let mut row = |event| tip.add(&Entry::new(event, now), 0, 0);
    let (begun, ended, late) = (row(Event::Begun), row(Event::Ended), row(Event::Blackout));
    let walked = |rows: &[&Row]| {
        let mut chain = Chain::new("w");
        rows.iter().for_each(|row| chain.walk(row));
        chain.broken.map(|broken| (broken.seq, broken.fault))
    };
    assert_eq!(walked(&[&begun, &ended]), None);
    assert_eq!(walked(&[&begun, &ended, &late]), Some((3, Fault::AfterEnd)));
    let mut other = Tip { writer: "w".into(), seq: 0, hash: String::new() };
    let first = other.add(&blackout("7001"), 0, 0);
    assert_eq!(walked(&[&first]), Some((1, Fault::Misplaced)));
    let second = other.add(&blackout("7001"), 0, 0);
    assert_eq!(walked(&[&begun, &second]), Some((2, Fault::Unlinked)));
}

#[test]
fn entries_of_older_versions_hold_and_are_read() {
    let legs = "[{\"core\":1,\"device\":\"\",\"outcome\":\"ok\",\"sent\":true,\"code\":20,\"label\":\"API_OK\",\"ms\":3}]";
    let row = Row {
        writer: "w".into(),
        seq: 2,
        at: 4,
        event: "blackout".into(),
        function: "BLACKOUTSTART".into(),
        devices: "[\"7001\"]".into(),
        client: "::1".into(),
        request_id: "ä".into(),
        asked: -3,
        verdict: "API_OK".into(),
        legs: legs.into(),
        note: String::new(),
        lost: 0,
        prev: "ab".into(),
        hash: String::new(),
    };
    // By the script in docs/ledger.md.
    assert_eq!(row.digest(), "ce85ca44627b12ed109ed2cd61ea9b4cf3367d737b36dce49f9e5d76d93b74ab");
    assert_eq!((row.legs().len(), row.legs()[0].sent_ms), (1, None));
    let sent = Duration::from_micros(1500);
    let now = row.legs().remove(0).sent_after(Some(sent));
    assert_eq!(now.sent_ms, Some(2));
    let unsent = Leg { sent: false, sent_ms: None, ..now };
    assert_eq!(unsent.sent_after(Some(sent)).sent_ms, None);
}
