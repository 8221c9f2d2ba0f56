//! Whether the worker threads still get round to things.

use std::time::Duration;

use futures::future::try_join_all;
use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;

type Question = oneshot::Sender<()>;

/// Asks each worker thread, and waits for their answers.
#[derive(Debug, Default)]
pub(super) struct Crew(Vec<mpsc::Sender<Question>>);

impl Crew {
    /// One more worker thread, which is to run this.
    pub fn beat(&mut self) -> impl Future<Output = ()> + Send + 'static {
        let (ask, mut questions) = mpsc::channel::<Question>(1);
        self.0.push(ask);
        async move {
            while let Some(question) = questions.recv().await {
                question.send(()).unwrap_or_default();
            }
        }
    }

    /// Whether all of them answer in this time.
    pub async fn is_alive(&self, within: Duration) -> bool {
        let answers = self.0.iter().map(|worker| async {
            let (question, answer) = oneshot::channel();
            worker.try_send(question).map_err(drop)?;
            answer.await.map_err(drop)
        });
        matches!(timeout(within, try_join_all(answers)).await, Ok(Ok(_)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn one_thread_that_does_not_get_round_to_it_is_enough() {
        let mut crew = Crew::default();
        tokio::spawn(crew.beat());
        assert!(crew.is_alive(Duration::from_secs(1)).await);
        let stuck = crew.beat();
        for _ in 0..3 {
            assert!(!crew.is_alive(Duration::from_secs(1)).await);
        }
        tokio::spawn(stuck);
        tokio::task::yield_now().await;
        assert!(crew.is_alive(Duration::from_secs(1)).await);
    }
}
