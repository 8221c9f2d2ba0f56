//! Chat sessions: recordings of an agent's screen without a call.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::State;
use super::agents::AgentName;
use super::blackout::Blackouts;
use super::data::Data;
use super::heard::Heard;
use crate::command::Refusal;
use crate::model::CoreId;
use crate::protocol::codes::ResultType;

/// One chat session that is being recorded.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Chat {
    /// Its GLOBALID; the state gives it one.
    pub id: Arc<str>,
    /// Whose screen it is, where KEYNAME says it in a way that devices know too.
    pub agent: Option<AgentName>,
    /// When it began.
    pub started: Timestamp,
    /// The parameters of CHATSTART with those of later commands on top.
    pub data: Data,
    /// Of which times nothing may be seen.
    pub blackouts: Blackouts,
    /// What was last heard of its agent.
    pub heard: Heard,
}

/// A chat session that was stopped.
#[derive(Clone, Debug)]
pub struct ChatOver {
    /// SESSIONID.
    pub session: Box<str>,
    /// What it was.
    pub chat: Chat,
    /// When it ended.
    pub stopped: Timestamp,
}

/// The sessions that are being recorded, by SESSIONID. One that was stopped is forgotten.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Chats {
    by_session: BTreeMap<Box<str>, Chat>,
    most: usize,
}

impl Chats {
    /// Room for this many.
    #[must_use]
    pub const fn new(most: usize) -> Self {
        Self { by_session: BTreeMap::new(), most }
    }

    /// A session begins; one that is on already goes on with what is new.
    ///
    /// # Errors
    /// A refusal if there are too many.
    pub fn start(&mut self, session: &str, chat: Chat) -> Result<(), Refusal> {
        if let Some(on) = self.by_session.get_mut(session) {
            on.agent = chat.agent.or_else(|| on.agent.take());
            chat.blackouts.iter().for_each(|b| on.blackouts.add(*b));
            return on.data.merge(chat.data);
        }
        if self.by_session.len() >= self.most {
            let message = format!("{} chat sessions are being recorded already", self.most);
            return Err(Refusal::new(ResultType::NoFreeChannels, message));
        }
        self.by_session.insert(session.into(), chat);
        Ok(())
    }

    /// The session of this SESSIONID.
    #[must_use]
    pub fn get(&self, session: &str) -> Option<&Chat> {
        self.by_session.get(session)
    }

    /// The same, to change it.
    pub fn get_mut(&mut self, session: &str) -> Option<&mut Chat> {
        self.by_session.get_mut(session)
    }

    /// Ends a session.
    pub fn stop(&mut self, session: &str) -> Option<Chat> {
        self.by_session.remove(session)
    }

    /// Every session, in the order of their SESSIONIDs.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Chat)> {
        self.by_session.iter().map(|(session, chat)| (&**session, chat))
    }

    /// The sessions of an agent who goes by one of these names.
    pub fn of_agent(&mut self, names: &[AgentName]) -> impl Iterator<Item = (&str, &mut Chat)> {
        self.by_session
            .iter_mut()
            .filter(|(_, chat)| chat.agent.as_ref().is_some_and(|agent| names.contains(agent)))
            .map(|(session, chat)| (&**session, chat))
    }
}

impl State {
    /// CHATSTART.
    ///
    /// # Errors
    /// A refusal when memory is full.
    pub fn start_chat(&mut self, session: &str, mut chat: Chat) -> Result<(), Refusal> {
        let (now, agent) = (chat.started, chat.agent.clone());
        let standing = agent.iter().flat_map(|name| self.standing.on_from(name, now));
        standing.for_each(|blackout| chat.blackouts.add(*blackout));
        if self.chats.get(session).is_none() {
            chat.id = self.next_id(now);
        }
        self.touched.chats.insert(session.into());
        self.chats.start(session, chat)
    }

    /// The chat that a command means.
    ///
    /// # Errors
    /// A refusal for a session that this core does not record.
    pub fn chat(&mut self, session: &str) -> Result<&mut Chat, Refusal> {
        let unknown = unknown_session(session, self.core);
        self.touched.chats.insert(session.into());
        self.chats.get_mut(session).ok_or(unknown)
    }

    /// CHATSTOP.
    ///
    /// # Errors
    /// A refusal for a session that this core does not record.
    pub fn stop_chat(&mut self, session: &str, now: Timestamp) -> Result<(), Refusal> {
        let unknown = unknown_session(session, self.core);
        let chat = self.chats.stop(session).ok_or(unknown)?;
        self.touched.over.push(ChatOver { session: session.into(), chat, stopped: now });
        Ok(())
    }
}

fn unknown_session(session: &str, core: CoreId) -> Refusal {
    let message = format!("session {session} is not known to core {core}");
    Refusal::new(ResultType::SessionIdUnspecified, message)
}
