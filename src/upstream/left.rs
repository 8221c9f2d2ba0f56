//! A core whose links nothing more is sent over.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::shared::CoreShared;

/// How often it is looked whether anything is still under way.
const LOOK: Duration = Duration::from_millis(1);

/// A core of before. Another may have its number now.
#[derive(Clone, Debug)]
pub(super) struct Left {
    core: Arc<CoreShared>,
    until: Instant,
}

impl Left {
    /// What is under way there ends within this time.
    pub(super) fn now(core: Arc<CoreShared>, patience: Duration) -> Self {
        Self { core, until: Instant::now() + patience }
    }

    /// Until nothing is under way there any more, over all threads.
    pub(super) async fn is_at_rest(&self) {
        while !self.core.is_at_rest() && Instant::now() < self.until {
            sleep(LOOK).await;
        }
    }
}
