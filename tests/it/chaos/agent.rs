//! Who asks for blackouts: one agent for each device, as a payment page would, through any proxy that answers.

use std::rc::Rc;
use std::time::Duration;

use corecast::client::Client;
use fastrand::Rng;
use jiff::Timestamp;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use super::plant::{PROXIES, Plant};
use crate::it::lab::{Answer, request};

/// Longer than any deadline of a proxy: whoever has not answered by then is gone.
const PATIENCE: Duration = Duration::from_secs(5);

/// What a client was told of one command.
#[derive(Clone, Debug)]
pub struct Told {
    /// BLACKOUTSTART, or BLACKOUTSTOP.
    pub kind: &'static str,
    /// When it was first sent.
    pub sent: Timestamp,
    /// When it was answered.
    pub answered: Timestamp,
    /// How often it was sent: more than once where a proxy was gone before it answered.
    pub tries: usize,
    /// The RESULTTYPE.
    pub label: String,
    /// The RESULTMSG.
    pub message: String,
}

impl Told {
    /// Whether this core, which is an owner, has confirmed it as far as the client knows.
    pub fn is_confirmed_by(&self, core: u16) -> bool {
        match self.label.as_str() {
            "API_OK" => true,
            "API_PARTIAL_CORE_RESPONSE" => !self.missing().any(|missing| missing == core),
            "API_ERROR_RECORDER_NOT_RUNNING" => false,
            other => panic!("{} was answered {other}: {}", self.kind, self.message),
        }
    }

    /// The cores that the message names.
    fn missing(&self) -> impl Iterator<Item = u16> {
        let after = self.message.split_once("cores: ").expect("it names cores").1;
        let list = after.split(';').next().unwrap_or("");
        list.split(',').map(|core| core.trim().parse().expect("a core's number"))
    }
}

/// An agent at a device.
pub struct Agent {
    device: String,
    plant: Rc<Plant>,
    random: Rng,
    clients: [Option<Client>; PROXIES],
    told: Vec<Told>,
}

impl Agent {
    pub fn new(device: String, plant: &Rc<Plant>, seed: u64) -> Self {
        let random = Rng::with_seed(seed);
        Self { device, plant: plant.clone(), random, clients: Default::default(), told: Vec::new() }
    }

    /// The call begins, while all is well.
    pub async fn begins(&mut self) {
        let told = self.says("CALLSTART").await;
        assert_eq!(told.label, "API_OK", "{told:?}");
    }

    /// Blacks out its call again and again until it is over, and leaves nothing blacked out.
    pub async fn works(mut self, is_over: CancellationToken) -> Self {
        while !is_over.is_cancelled() {
            for kind in ["BLACKOUTSTART", "BLACKOUTSTOP"] {
                tokio::time::sleep(Duration::from_millis(self.random.u64(100..1200))).await;
                let told = self.says(kind).await;
                self.told.push(told);
            }
        }
        self
    }

    /// The call ends. All is well again, though the machine may be slow: what is owed then is delivered, too.
    pub async fn ends(&mut self) {
        self.says("CALLSTOP").await;
    }

    /// The device, and what was told.
    pub fn told(self) -> (String, Vec<Told>) {
        (self.device, self.told)
    }

    /// Says something until it is answered, to another proxy each time.
    async fn says(&mut self, kind: &'static str) -> Told {
        let (sent, mut at) = (Timestamp::now(), self.random.usize(..PROXIES));
        let text = request(kind, self.told.len() + 1, &format!("<DEVICEID>{}</DEVICEID>", self.device));
        for tries in 1.. {
            if let Some(Answer { label, message, .. }) = self.asks(at, &text).await {
                return Told { kind, sent, answered: Timestamp::now(), tries, label, message };
            }
            self.clients[at] = None;
            at = (at + 1) % PROXIES;
            // All may be down at once, for less than a second.
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        unreachable!("it never gives up")
    }

    async fn asks(&mut self, at: usize, text: &str) -> Option<Answer> {
        let slot = &mut self.clients[at];
        if slot.is_none() {
            *slot = Client::connect(self.plant.proxies[at].api).await.ok();
        }
        let answer = timeout(PATIENCE, slot.as_mut()?.ask(text.as_bytes())).await;
        answer.ok()?.ok().map(|text| Answer::read(&text))
    }
}
