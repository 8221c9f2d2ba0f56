//! Two parties who talk: each sends a PCMU packet every 20 ms through rtpengine.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use jiff::Timestamp;
use serde_json::json;
use tokio::net::UdpSocket;
use tokio::sync::{Mutex as Gate, OwnedMutexGuard};
use tokio::task::JoinHandle;
use tokio::time::interval;

use super::super::lab::until;
use super::engine::{Engine, MARK};

/// When the packets were sent, both parties' of one number: just before the first and just after the second.
#[derive(Clone, Copy, Debug)]
pub struct Sent {
    /// When they should have been sent: their sound belongs there, however late a busy machine was.
    pub due: Timestamp,
    pub begun: Timestamp,
    pub done: Timestamp,
}

pub struct Talk {
    pub call: String,
    sent: Arc<Mutex<Vec<Sent>>>,
    /// Held by whoever keeps the parties silent, and while they send.
    gate: Arc<Gate<()>>,
    task: JoinHandle<()>,
}

struct Party {
    letter: u8,
    socket: UdpSocket,
    to: u16,
}

impl Talk {
    /// Sets the call up and begins to talk.
    pub async fn start(engine: &Engine, call: &str) -> Self {
        let (a, b) = (socket().await, socket().await);
        let to_b = offer(engine, call, "offer", &a);
        let to_a = offer(engine, call, "answer", &b);
        let parties =
            [Party { letter: b'A', socket: a, to: to_a }, Party { letter: b'B', socket: b, to: to_b }];
        let sent = Arc::new(Mutex::new(Vec::new()));
        let gate = Arc::new(Gate::new(()));
        let task = tokio::spawn(talk(parties, Arc::clone(&sent), Arc::clone(&gate)));
        Self { call: call.to_owned(), sent, gate, task }
    }

    /// Every packet that was sent so far, by its number.
    pub fn sent(&self) -> Vec<Sent> {
        self.sent.lock().unwrap().clone()
    }

    /// Waits until rtpengine has counted so many more packets of each party; how many those are in all. All with
    /// a lower number were captured before this returns.
    pub async fn go_on(&self, engine: &Engine, more: u32) -> u32 {
        let goal = engine.counted(&self.call) + more;
        until("packets are counted", || async { engine.counted(&self.call) >= goal }).await;
        goal
    }

    /// Silence for as long as the guard is held; rtpengine has counted all that was said before.
    pub async fn pause(&self, engine: &Engine) -> OwnedMutexGuard<()> {
        let silence = Arc::clone(&self.gate).lock_owned().await;
        let sent = self.sent().len();
        until("all packets are counted", || async { engine.counted(&self.call) as usize == sent }).await;
        silence
    }
}

impl Drop for Talk {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn socket() -> UdpSocket {
    UdpSocket::bind("127.0.0.1:0").await.expect("a free port")
}

/// Tells rtpengine of a party; the port where it is to be sent to by the other.
fn offer(engine: &Engine, call: &str, command: &str, party: &UdpSocket) -> u16 {
    let port = party.local_addr().expect("it is bound").port();
    let sdp = format!(
        "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio {port} RTP/AVP 0\r\n\
         a=rtpmap:0 PCMU/8000\r\n"
    );
    let mut request = json!({"command": command, "call-id": call, "from-tag": "a", "sdp": sdp});
    if command == "answer" {
        request["to-tag"] = json!("b");
    }
    let reply = engine.ask(&request).expect("an answer");
    let sdp = reply["sdp"].as_str().unwrap_or_else(|| panic!("{reply}"));
    let media = sdp.lines().find_map(|line| line.strip_prefix("m=audio ")).expect("a medium");
    media.split(' ').next().and_then(|port| port.parse().ok()).expect("a port")
}

async fn talk(parties: [Party; 2], sent: Arc<Mutex<Vec<Sent>>>, gate: Arc<Gate<()>>) {
    // As a telephone does it, what was missed is sent at once.
    let mut clock = interval(Duration::from_millis(20));
    let started = Timestamp::now();
    for number in 0.. {
        clock.tick().await;
        let _open = gate.lock().await;
        let begun = Timestamp::now();
        for party in &parties {
            let to = ("127.0.0.1", party.to);
            party.socket.send_to(&packet(party.letter, number), to).await.expect("loopback");
        }
        sent.lock().unwrap().push(Sent {
            due: started + number * Duration::from_millis(20),
            begun,
            done: Timestamp::now(),
        });
    }
}

fn packet(letter: u8, number: u32) -> Vec<u8> {
    let sequence = u16::try_from(number).expect("a short call");
    let mut packet = vec![0x80, 0];
    packet.extend(sequence.to_be_bytes());
    packet.extend((number * 160).to_be_bytes());
    packet.extend([0, 0, 0, letter]);
    packet.extend(MARK);
    packet.push(letter);
    packet.extend(number.to_be_bytes());
    // 160 samples in all: party A is a loud square wave, and B, who could cancel it out, is silent.
    let high = if letter == b'A' { 0x90 } else { 0xff };
    let low = if letter == b'A' { 0x10 } else { 0xff };
    packet.extend((0..160 - MARK.len() - 5).map(|at| if at / 4 % 2 == 0 { high } else { low }));
    packet
}
