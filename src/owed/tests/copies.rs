//! Several copies of the proxy on one database: what one tells a core directly, and what another owes it.

use super::*;
use crate::ledger::Ledger;
use crate::owed::books::Newest;
use crate::owed::told::Missed;
use crate::protocol::codes::Codes;

/// As much of a copy as late delivery needs. It looks at the database when the test says so.
struct Copy {
    debts: Arc<Debts>,
    owed: Owed,
    books: Arc<Books>,
    newest: Newest,
}

impl Copy {
    /// One that has looked once, as all have when clients come.
    async fn of(place: &Place) -> Self {
        let (metrics, debts) = (Metrics::default(), Arc::<Debts>::default());
        let (ledger, _writer) = Ledger::open(place.store().database().clone(), 1, &metrics);
        let (owed, _entries) = Owed::open(&debts, &metrics);
        let (settings, codes) = (LateDelivery::default(), Codes::default());
        let books = Books::new(store(place), &debts, &settings, &codes, &ledger);
        let mut copy = Self { debts, owed, books, newest: Newest::default() };
        copy.looks().await;
        copy
    }

    async fn looks(&mut self) {
        self.books.look(Instant::now(), false, &mut self.newest).await.expect("looked");
    }

    /// Whether a command about device 1 is sent to core 2 at once.
    fn tells(&self, kind: &str, asked: i64) -> bool {
        self.owed.tells(CORE, 1, false, &Arc::new(blackout(kind, asked)))
    }

    /// Owes what core 2 did not confirm.
    async fn owes(&self, kind: &str, asked: i64) {
        self.books.store.commit(vec![blackout(kind, asked)], asked, asked).await.expect("committed");
    }
}

/// A blackout that tells when it was asked for, as all do.
fn blackout(kind: &str, asked: i64) -> Obligation {
    let owed = owed(&format!("type={kind}"), 1, asked);
    Obligation { body: format!("{}<ASKEDAT>{}</ASKEDAT>", owed.body, asked * 1000), ..owed }
}

/// A moment behind all that is told.
const LATER: i64 = i64::MAX / 2;

/// Delivers all that is owed to core 2, one after the other.
async fn delivered(store: &Store) -> Vec<(String, i64)> {
    let mut delivered = Vec::new();
    while let [chain] = &*store.claim(CORE, 64, LATER, 1).await.expect("claimed") {
        for owed in chain {
            end(store, owed.ident, End::Delivered, "API_OK", LATER).await;
            delivered.push((owed.command.clone(), owed.asked));
        }
    }
    delivered
}

fn in_words(delivered: &[(String, i64)]) -> Vec<(&str, i64)> {
    delivered.iter().map(|(command, asked)| (&**command, *asked)).collect()
}

const START: &str = "BLACKOUTSTART";
const STOP: &str = "BLACKOUTSTOP";

on_both! {
async fn what_was_told_through_another_copy_is_told_again_behind_what_was_missed(place: &Place) {
    for (missed, told) in [(START, STOP), (STOP, START)] {
        let (one, mut other) = (Copy::of(place).await, Copy::of(place).await);
        assert!(other.tells(told, 500), "before it: it needs no repeating");
        one.owes(missed, 1000).await;
        assert!(other.tells(told, 2000), "it cannot know yet");
        other.looks().await;
        assert!(!other.tells(missed, 3000), "from now on all goes behind");
        other.looks().await;
        let delivered = delivered(&one.books.store).await;
        assert_eq!(in_words(&delivered), [(missed, 1000), (told, 2000)]);
        other.looks().await;
        assert!(other.books.store.look(0, 0).await.expect("looked").chains.is_empty(), "once is enough");
        assert!(other.tells(missed, 4000));
    }
}
}

on_both! {
async fn what_was_delivered_between_two_looks_is_made_good(place: &Place) {
    let (one, mut other) = (Copy::of(place).await, Copy::of(place).await);
    one.owes(START, 1000).await;
    assert!(other.tells(STOP, 2000));
    assert_eq!(in_words(&delivered(&one.books.store).await), [(START, 1000)]);
    other.looks().await;
    assert_eq!(in_words(&delivered(&one.books.store).await), [(STOP, 2000)]);
    other.looks().await;
    other.looks().await;
    assert!(delivered(&one.books.store).await.is_empty());
}
}

on_both! {
async fn several_copies_say_theirs_in_the_order_in_which_they_were_asked(place: &Place) {
    let (one, mut two, mut three) = (Copy::of(place).await, Copy::of(place).await, Copy::of(place).await);
    one.owes(START, 1000).await;
    assert!(two.tells(STOP, 2000) && three.tells(START, 3000) && two.tells(STOP, 4000));
    three.looks().await;
    two.looks().await;
    let delivered = delivered(&one.books.store).await;
    assert_eq!(in_words(&delivered), [(START, 1000), (STOP, 2000), (START, 3000), (STOP, 4000)]);
}
}

on_both! {
async fn the_stop_of_a_blackout_waits_until_all_copies_have_looked(place: &Place) {
    let store = store(place);
    store.commit(vec![blackout(STOP, 1000), owed("type=CALLSTOP", 2, 1000)], 1000, 1750).await.expect("committed");
    assert_eq!(names(&next(&store, 1749).await), [("CALLSTOP", 2)]);
    assert_eq!(names(&next(&store, 1750).await), [(STOP, 1)]);
}
}

on_both! {
async fn what_is_on_its_way_is_neither_overtaken_nor_taken_for_what_waits(place: &Place) {
    let mut one = Copy::of(place).await;
    let now = one.books.now();
    one.owes(STOP, now - 2000).await;
    let on_its_way = one.books.store.claim(CORE, 1, now, 60_000).await.expect("claimed").remove(0).remove(0);
    let command = Arc::new(on_its_way.clone());
    one.debts.remembers(Told { core: CORE, chain: 1, forgives: false, command, at: now, is_late: true });
    one.owes(START, now - 3000).await;
    assert_eq!(next(&one.books.store, now).await, [], "one at a time");
    one.looks().await;
    end(&one.books.store, on_its_way.ident, End::Delivered, "API_OK", now).await;
    let delivered = delivered(&one.books.store).await;
    assert_eq!(in_words(&delivered), [(START, now - 3000), (STOP, now - 2000)]);
}
}

on_both! {
async fn what_was_delivered_in_order_is_not_said_again(place: &Place) {
    let mut one = Copy::of(place).await;
    let now = one.books.now();
    one.owes(START, now - 3000).await;
    one.owes(STOP, now - 2000).await;
    one.looks().await;
    let taken = one.books.store.claim(CORE, 1, now, 60_000).await.expect("claimed").remove(0);
    for (owed, at) in taken.iter().zip(now..) {
        let command = Arc::new(owed.clone());
        one.debts.remembers(Told { core: CORE, chain: 1, forgives: false, command, at, is_late: true });
        one.looks().await;
    }
    for (owed, at) in taken.iter().zip(now + 1..) {
        end(&one.books.store, owed.ident, End::Delivered, "API_OK", at).await;
    }
    one.looks().await;
    assert!(delivered(&one.books.store).await.is_empty());
}
}

on_both! {
async fn what_waits_for_its_delivery_anyway_is_not_written_again(place: &Place) {
    let mut one = Copy::of(place).await;
    assert!(one.tells(START, 1000) && one.tells(STOP, 2000), "neither is confirmed");
    one.owes(START, 1000).await;
    one.owes(STOP, 2000).await;
    one.looks().await;
    assert_eq!(in_words(&delivered(&one.books.store).await), [(START, 1000), (STOP, 2000)]);
}
}

on_both! {
async fn a_blackout_that_was_missed_twice_is_owed_twice_as_long_as_a_stop_may_lie_between(place: &Place) {
    let (one, mut other) = (Copy::of(place).await, Copy::of(place).await);
    one.owes(START, 1000).await;
    assert!(other.tells(STOP, 2000));
    one.owes(START, 3000).await;
    other.looks().await;
    for again in [20_000, 30_000, 33_001, 33_002] {
        one.owes(START, again).await;
    }
    let delivered = delivered(&one.books.store).await;
    let expected = [(START, 1000), (STOP, 2000), (START, 3000), (START, 20_000), (START, 30_000)];
    assert_eq!(in_words(&delivered), expected, "the one of 3000 does it as well, half a minute later");
}
}

#[tokio::test(start_paused = true)]
async fn what_is_remembered_is_bounded_in_time_and_in_bytes() {
    let missed = Missed { asked: 0, delivered: i64::MAX };
    let (debts, missed) = (Debts::default(), HashMap::from([((CORE, 1), vec![missed])]));
    let tells = |body: &str| {
        let command = Arc::new(Obligation { body: body.into(), ..blackout(STOP, 1) });
        assert!(debts.tells(Told { core: CORE, chain: 1, forgives: false, command, at: 0, is_late: false }));
    };
    let remembered = || {
        let told = debts.undone_by(&missed);
        told.iter().for_each(|told| debts.settle(told.core, told.chain));
        debts.replace([], Instant::now() + Duration::from_secs(1));
        told.len()
    };
    tells("old");
    tokio::time::advance(Duration::from_secs(31)).await;
    tells("new");
    tells("newer");
    assert_eq!(remembered(), 2);
    (0..40).for_each(|_| tells(&"x".repeat(1 << 20)));
    assert_eq!((remembered(), remembered()), (31, 0));
}
