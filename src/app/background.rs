//! Work that is not on the way of a call.

use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// Runs on the runtime that the proxy was started on, until the proxy has drained. Clones are the same.
#[derive(Clone, Debug, Default)]
pub(super) struct Background {
    stop: CancellationToken,
    tasks: TaskTracker,
}

impl Background {
    /// Runs something until the end.
    pub fn spawn(&self, work: impl Future<Output = ()> + Send + 'static) {
        let stop = self.stop.clone();
        self.tasks.spawn(async move { stop.run_until_cancelled(work).await.unwrap_or_default() });
    }

    /// Is cancelled at the end.
    pub fn stop(&self) -> CancellationToken {
        self.stop.clone()
    }

    /// Ends it all, and returns when it has ended.
    pub async fn end(self) {
        self.stop.cancel();
        self.tasks.close();
        self.tasks.wait().await;
    }
}
