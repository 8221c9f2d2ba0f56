//! What is done with a frame.

use std::time::Duration;

use bytes::Bytes;

use super::work::Worked;
use crate::cti::recorder::RecorderFault;
use crate::cti::studio::Waiter;
use crate::protocol::codes::{Codes, ResultType};
use crate::protocol::result::Reply;

/// What is done with a frame.
#[derive(Debug)]
pub enum Fate {
    /// These bytes are the answer, after this time.
    Answer(Bytes, Duration),
    /// The answer is known when the recorder has done its part, and not before this time.
    Later(Box<Later>, Duration),
    /// There is no answer.
    Silence,
    /// These bytes are the answer, if there are any, and the connection is closed behind them.
    Close(Bytes),
}

/// An answer that waits for the recorder.
#[derive(Debug)]
pub struct Later {
    kind: String,
    id: String,
    reply: Reply,
    waiters: Vec<Waiter>,
}

impl Later {
    /// The answer, once the recorder has done its part. If any of it failed, it is never that all went well.
    pub async fn bytes(self, codes: &Codes) -> Bytes {
        let mut reply = self.reply;
        for waiter in self.waiters {
            let Err(fault) = waiter.await.unwrap_or_else(|_| Err(lost())) else { continue };
            if reply.is_confirmation() {
                reply = Reply::new(codes, fault.result, fault.message);
            }
        }
        reply.write(&self.kind, &self.id).into()
    }
}

/// Nobody says what became of it, which is no reason to say that it is done.
fn lost() -> RecorderFault {
    let message = "the core stops: its recorder may or may not have done this".into();
    RecorderFault { result: ResultType::ProcessingMessage, message }
}

impl Worked {
    /// The answer to a request of this name and number.
    pub(super) fn fate(self, kind: &str, id: &str, after: Duration) -> Fate {
        let Self { reply, waiters } = self;
        if waiters.is_empty() {
            return Fate::Answer(reply.write(kind, id).into(), after);
        }
        Fate::Later(Box::new(Later { kind: kind.into(), id: id.into(), reply, waiters }), after)
    }
}

#[cfg(test)]
mod tests {
    use tokio::sync::oneshot;

    use super::*;

    #[tokio::test]
    async fn what_nobody_answers_for_is_not_ok() {
        let codes = Codes::default();
        let (done, waiter) = oneshot::channel();
        let (_, lost) = oneshot::channel();
        done.send(Ok(())).expect("somebody waits");
        let reply = Reply::new(&codes, ResultType::Ok, "done");
        let later =
            Later { kind: "BLACKOUTSTART".into(), id: "1".into(), reply, waiters: vec![waiter, lost] };
        let answer = later.bytes(&codes).await;
        assert!(String::from_utf8_lossy(&answer).contains("API_ERROR_PROCESSING_MESSAGE"), "{answer:?}");
    }
}
