//! Asks a core that is shut out whether it is back, with the reference's echo function.

use std::sync::Arc;

use tokio::time::sleep;

use super::LinkSettings;
use super::backoff::Backoff;
use super::breaker::State;
use super::errand::Errand;
use super::shared::CoreShared;

const TEST: &str = "<TYPE>TEST</TYPE></REQUEST>\r\n";

/// Probes the core whenever its breaker shuts, until it passes again; one such task per core and process.
pub async fn keep_probing(core: Arc<CoreShared>, settings: LinkSettings) {
    let mut states = core.breaker.watch();
    loop {
        states.until(|state| state == State::Shut).await;
        until_alive(&core, settings).await;
    }
}

async fn until_alive(core: &CoreShared, settings: LinkSettings) {
    let bounds = core.breaker.settings();
    let mut backoff = Backoff::new(bounds.probe_min, bounds.probe_max);
    tracing::warn!(core = core.core.id.0, name = core.core.name, "the core is down: nothing is sent to it");
    loop {
        sleep(backoff.next()).await;
        core.breaker.probing();
        // Any RESULT will do.
        let is_alive = Errand::new(core, settings).ask(|| TEST.into()).await.outcome.is_answer();
        core.breaker.probed(is_alive);
        if is_alive {
            tracing::info!(core = core.core.id.0, name = core.core.name, "the core is back");
            return;
        }
    }
}
