//! A client: it asks what it is to ask at its times, on one connection, and reads its answers.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::time::Duration;

use bytes::BytesMut;
use corecast::protocol::frame::{Frame, FrameDecoder};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, split};
use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until, timeout_at};
use tokio_util::codec::Decoder;

use super::answer::Answer;
use super::judge::{Asked, Judge, Marker};
use super::net::Side;
use super::plan::{Client, Plan, Step};

/// A client at work.
pub struct Caller {
    number: usize,
    judge: Judge,
    /// What it asked of which device and was not answered.
    open: RefCell<VecDeque<(Marker, String)>>,
    heard: Notify,
    is_plain: bool,
    begun: Instant,
}

impl Caller {
    /// Does all that a client is to do.
    pub async fn call(number: usize, client: Client, plan: &Plan, judge: Judge, stream: Side) {
        let (begun, open) = (Instant::now(), RefCell::default());
        let (is_plain, heard) = (client.is_plain, Notify::new());
        let caller = Self { number, judge, open, heard, is_plain, begun };
        let goes = begun + Duration::from_millis(client.goes.unwrap_or(1 << 32));
        let (input, mut output) = split(stream);
        let asks = async {
            for step in &client.steps {
                caller.ask(step, plan, &mut output).await;
            }
            output.shutdown().await.unwrap_or_default();
        };
        let both = async { tokio::join!(asks, caller.listen(input)) };
        if timeout_at(goes, both).await.is_err() {
            caller.judge.abandons(number, caller.open.take().into_iter().map(|(marker, _)| marker));
        }
    }

    async fn ask(&self, step: &Step, plan: &Plan, output: &mut (impl AsyncWrite + Unpin)) {
        sleep_until(self.begun + Duration::from_millis(step.at)).await;
        while step.waits && self.open.borrow().iter().any(|(_, device)| *device == step.device) {
            self.heard.notified().await;
        }
        let owners = plan.rules.iter().find(|(device, _)| *device == step.device);
        let owners = owners.map(|(_, owners)| owners.clone()).unwrap_or_default();
        let kind = step.kind;
        let asked = |marker: Marker| Asked {
            kind,
            id: self.id(marker),
            owners,
            until: Instant::now() + plan.patience(),
        };
        let marker = self.judge.asks(self.number, &step.device, asked);
        self.open.borrow_mut().push_back((marker, step.device.clone()));
        let request = format!(
            "<REQUEST><TYPE>{kind}</TYPE><REQUESTID>{}</REQUESTID><DEVICEID>{}</DEVICEID><USER1>{marker}</USER1></REQUEST>\r\n",
            self.id(marker),
            step.device
        );
        // A connection that is lost shows at the reading end.
        output.write_all(request.as_bytes()).await.unwrap_or_default();
    }

    async fn listen(&self, mut input: impl AsyncRead + Unpin) {
        let (mut decoder, mut buffer) = (FrameDecoder::new(1 << 20), BytesMut::new());
        while input.read_buf(&mut buffer).await.is_ok_and(|count| count > 0) {
            while let Ok(Some(Frame::Message(answer))) = decoder.decode(&mut buffer) {
                self.hear(&String::from_utf8_lossy(&answer));
            }
        }
    }

    fn hear(&self, answer: &str) {
        let marker = self.open.borrow_mut().pop_front();
        match marker {
            Some((marker, _)) => self.judge.answered(self.number, marker, Answer::read(answer)),
            None => {
                self.judge.broken(format_args!("client {} was answered what it did not ask", self.number))
            }
        }
        self.heard.notify_one();
    }

    /// REQUESTIDs are the clients' own: any integers.
    const fn id(&self, marker: Marker) -> i64 {
        if self.is_plain { 1 } else { marker as i64 * 7 - 50 }
    }
}
