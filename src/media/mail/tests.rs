//! What needs no server.

use std::time::Duration;

use super::*;

struct Never;

impl Attachments for Never {
    fn one_or_zip(&self, _: Vec<i64>, _: Format) -> BoxFuture<'_, Result<Download, Refusal>> {
        Box::pin(std::future::pending())
    }

    fn combined(&self, _: Vec<i64>, _: Format) -> BoxFuture<'_, Result<Download, Refusal>> {
        Box::pin(std::future::pending())
    }
}

fn office() -> Arc<Office> {
    let settings = MailSettings {
        host: "mail.test".into(),
        port: 1,
        encryption: Encryption::None,
        authorities: None,
        login: None,
        from: "recorder@corecast.test".parse().expect("an address"),
        hello: "corecast.test".into(),
        timeout: Duration::from_secs(30),
        max_bytes: 1,
        max_at_once: 1,
    };
    Mail::open(Some(settings), Arc::new(Never)).expect("it opens").0.expect("an office")
}

fn order(recordings: i64) -> Order {
    Order {
        to: "jdoe@uptivity.com".parse().expect("an address"),
        from: None,
        idents: (1..=recordings).collect(),
        format: Format::Wav,
        is_combined: false,
    }
}

#[tokio::test(start_paused = true)]
async fn nobody_waits_for_longer_than_the_time_out() {
    let (office, began) = (office(), Instant::now());
    let slow = office.send(order(1)).await.expect_err("never made");
    assert_eq!(slow.message, "recording 1 could not be made ready within the 30s of mail.timeout");
    assert_eq!(began.elapsed(), Duration::from_secs(30));
    let _turn = office.turns.acquire().await.expect("a turn");
    let crowded = office.send(order(1)).await.expect_err("no turn");
    assert!(crowded.message.starts_with("1 mails are under way"), "{}", crowded.message);
    assert_eq!((crowded.result, began.elapsed()), (ResultType::ProcessingMessage, Duration::from_mins(1)));
}

#[test]
fn people_read_a_few_numbers() {
    assert_eq!(order(1).recordings(), "recording 1");
    assert_eq!(order(3).recordings(), "recordings 1, 2, 3");
    assert_eq!(order(12).recordings(), "recordings 1, 2, 3, 4, 5, 6, 7, 8, 9, 10 and 2 more");
}
