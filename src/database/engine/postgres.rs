//! PostgreSQL: a few connections, made when they are needed, and one that listens.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use futures::future::BoxFuture;
use futures::{FutureExt, StreamExt, stream};
use tokio::sync::{Notify, Semaphore};
use tokio::time::timeout;
use tokio_postgres::{AsyncMessage, Client, Config, NoTls};

use super::{Backoff, Lane};
use crate::database::error::StoreError;
use crate::database::schema;
use crate::database::session::Session;

/// Connections at most, and as many again for searches: the directory's functions are few, and one of them writes at a
/// time anyway.
const CONNECTIONS: usize = 4;
/// How long connecting may take, and a network that has gone silent may go unnoticed.
const PATIENCE: Duration = Duration::from_secs(5);
/// The channel that writers notify.
pub(crate) const CHANNEL: &str = "corecast_directory";

/// Searches are written for one index, in its order. Left to its estimates, the server would at times rather collect
/// and sort a million rows, of which a thousand are wanted.
const AS_MEANT: &str = "SET LOCAL enable_bitmapscan = off; SET LOCAL enable_seqscan = off; \
    SET LOCAL enable_sort = off; SET LOCAL jit = off";

#[derive(Debug)]
pub(crate) struct Postgres {
    config: Config,
    idle: Mutex<Vec<Client>>,
    room: Semaphore,
    search_room: Semaphore,
}

impl Postgres {
    pub(super) fn open(url: &str) -> Result<Self, StoreError> {
        let bad =
            |e: tokio_postgres::Error| StoreError::Invalid(format!("the directory's URL is unusable: {e}"));
        let mut config: Config = url.parse().map_err(bad)?;
        if config.get_application_name().is_none() {
            config.application_name("corecast");
        }
        config.connect_timeout(PATIENCE).tcp_user_timeout(PATIENCE);
        config.keepalives_idle(PATIENCE).keepalives_interval(PATIENCE / 5).keepalives_retries(3);
        let (room, search_room) = (Semaphore::new(CONNECTIONS), Semaphore::new(CONNECTIONS));
        Ok(Self { config, idle: Mutex::default(), room, search_room })
    }

    /// Work that does not end well, in time, or at all takes its connection with it: the server then rolls back.
    pub(super) async fn run<T, F>(&self, lane: Lane, limit: Duration, work: F) -> Result<T, StoreError>
    where
        F: for<'a> FnOnce(&'a mut Session) -> BoxFuture<'a, Result<T, StoreError>>,
    {
        // The server gives a search up by itself, which costs no connection.
        let patience = if lane == Lane::Search { limit + PATIENCE } else { limit };
        let room = if lane == Lane::Search { &self.search_room } else { &self.room };
        let in_time = timeout(patience, async {
            let _turn = room.acquire().await.map_err(|e| StoreError::Unavailable(e.to_string()))?;
            let mut session = self.begun(&begin(lane, limit)).await?;
            let done = work(&mut session).await;
            if !matches!(done, Err(StoreError::Unavailable(_))) {
                self.give_back(session);
            }
            done
        });
        let too_late = |_| Err(StoreError::Unavailable(format!("no answer within {patience:?}")));
        in_time.await.unwrap_or_else(too_late)
    }

    /// A connection with a transaction begun: an idle one that still works, or a new one.
    async fn begun(&self, begin: &str) -> Result<Session, StoreError> {
        while let Some(client) = self.take_idle() {
            let mut session = Session::Postgres(client);
            if session.batch(begin).await.is_ok() {
                return Ok(session);
            }
        }
        let mut session = self.connect().await?;
        session.batch(begin).await?;
        Ok(session)
    }

    fn take_idle(&self) -> Option<Client> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop()
    }

    fn give_back(&self, session: Session) {
        if let Session::Postgres(client) = session
            && !client.is_closed()
        {
            self.idle.lock().unwrap_or_else(PoisonError::into_inner).push(client);
        }
    }

    async fn connect(&self) -> Result<Session, StoreError> {
        let (client, connection) = self.config.connect(NoTls).await?;
        // It ends with its client; why it ended is what the client's callers are told.
        tokio::spawn(connection.map(drop));
        let mut session = Session::Postgres(client);
        schema::migrate(&mut session).await?;
        Ok(session)
    }

    pub(super) async fn watch(&self, nudge: &Notify) {
        let mut backoff = Backoff::default();
        loop {
            let listening = self.listen(nudge, &mut backoff).await;
            tracing::debug!(?listening, "no longer notified of changes of the directory");
            // Most likely the database is gone: who follows it should know at once.
            nudge.notify_one();
            tokio::time::sleep(backoff.next()).await;
        }
    }

    /// Wakes `nudge` with every notification, until the connection is lost.
    async fn listen(&self, nudge: &Notify, backoff: &mut Backoff) -> Result<(), StoreError> {
        let (client, mut connection) = self.config.connect(NoTls).await?;
        let mut messages = stream::poll_fn(move |context| connection.poll_message(context));
        let listen = format!("LISTEN {CHANNEL}");
        let listening = client.batch_execute(&listen);
        tokio::pin!(listening);
        let mut is_listening = false;
        loop {
            tokio::select! {
                listened = &mut listening, if !is_listening => {
                    listened?;
                    is_listening = true;
                    *backoff = Backoff::default();
                    // What was changed before this connection was there.
                    nudge.notify_one();
                }
                message = messages.next() => match message {
                    Some(Ok(AsyncMessage::Notification(_))) => nudge.notify_one(),
                    Some(Ok(_)) => {}
                    Some(Err(error)) => return Err(error.into()),
                    None => return Ok(()),
                },
            }
        }
    }
}

fn begin(lane: Lane, limit: Duration) -> String {
    let read = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";
    match lane {
        Lane::Read => read.into(),
        Lane::Write => "BEGIN; SET LOCAL lock_timeout = '8s'".into(),
        Lane::Search => format!("{read}; SET LOCAL statement_timeout = {}; {AS_MEANT}", limit.as_millis()),
    }
}
