//! What one client asks of the directory is done in the order in which it was asked: a script that adds a user and
//! then gives it a phone need not wait for the first answer.

use std::cell::RefCell;
use std::future::Future;
use std::rc::Rc;
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::timeout;

use crate::command::Refusal;
use crate::protocol::codes::ResultType;

/// How long something may wait for what was asked before it.
const PATIENCE: Duration = Duration::from_secs(15);

/// The turns of one client. A turn is over when its sender is dropped.
#[derive(Clone, Debug, Default)]
pub struct Turns(Rc<RefCell<Option<oneshot::Receiver<()>>>>);

impl Turns {
    /// `work`, not to begin before what was given to this before is done.
    pub(super) fn queue<T, F>(&self, work: F) -> impl Future<Output = Result<T, Refusal>> + Send + use<T, F>
    where
        F: Future<Output = Result<T, Refusal>> + Send,
    {
        let (over, is_over) = oneshot::channel();
        let before = self.0.replace(Some(is_over));
        async move {
            let waited = match before {
                // An error is how a turn that is over looks.
                Some(before) => timeout(PATIENCE, before).await.map(drop),
                None => Ok(()),
            };
            let done = match waited {
                Ok(()) => work.await,
                Err(_) => Err(too_late()),
            };
            drop::<oneshot::Sender<()>>(over);
            done
        }
    }
}

fn too_late() -> Refusal {
    let message =
        "not done: what was asked before on this connection took too long; the database is slow or down";
    Refusal::new(ResultType::DatabaseQueryError, message)
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn work_is_done_in_the_order_of_asking_whoever_runs_it() {
        let (turns, done) = (Turns::default(), Arc::new(Mutex::new(Vec::new())));
        let work = |n: u64| {
            let done = done.clone();
            turns.queue(async move {
                tokio::time::sleep(Duration::from_millis(100 - n)).await;
                done.lock().unwrap().push(n);
                Ok(n)
            })
        };
        let (first, second, third) = (work(1), work(2), work(3));
        let tasks = [tokio::spawn(third), tokio::spawn(second), tokio::spawn(first)];
        for task in tasks {
            task.await.unwrap().unwrap();
        }
        assert_eq!(*done.lock().unwrap(), [1, 2, 3]);
    }

    #[tokio::test(start_paused = true)]
    async fn nobody_waits_for_ever() {
        let turns = Turns::default();
        let stuck = turns.queue(std::future::pending::<Result<(), Refusal>>());
        let behind = turns.queue(async { Ok(()) });
        let stuck = tokio::spawn(stuck);
        assert_eq!(behind.await.map_err(|r| r.result), Err(ResultType::DatabaseQueryError));
        stuck.abort();
    }
}
