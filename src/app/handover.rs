//! A new version takes over: it is given the listening sockets themselves, over a UNIX socket.
//!
//! Both processes then hold the same sockets, and so the same queues of connections that nobody has taken yet. The old one
//! stops taking when the new one says that it serves; a connection that it has not taken by then is taken by the new one,
//! and none is ever reset. (A socket of one's own on the same address, by SO_REUSEPORT, has a queue of its own: what is in
//! it when it is closed is lost.)

use std::io::{self, IoSlice, IoSliceMut, Read, Write};
use std::mem::MaybeUninit;
use std::net::TcpListener as StdListener;
use std::os::fd::AsFd;
use std::os::unix::net::{UnixListener as StdUnixListener, UnixStream as StdUnixStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use rustix::net::sockopt::socket_peercred;
use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer, SendAncillaryMessage,
    SendFlags, recvmsg, sendmsg,
};
use tokio::net::{UnixListener, UnixStream};
use tokio::task::spawn_blocking;
use tokio::time::timeout;

use super::entrances::{Entrances, Given};
use super::{Proxy, StartError};
use crate::config::Settings;

/// How long sockets may take from one process to the other.
const PASSING: Duration = Duration::from_secs(5);

/// How long a new process may take until it serves.
const GETTING_READY: Duration = Duration::from_mins(1);

/// How long the old process is left alone when it cannot be asked.
const PAUSE: Duration = Duration::from_secs(1);

/// How long it may take until it is known where calls go.
const KNOWING: Duration = Duration::from_secs(30);

/// One more socket comes with this byte.
const SOCKET: u8 = b's';
/// That was all of them.
const END: u8 = b'e';
/// The new process serves.
const SERVING: u8 = b'!';

/// The process that served before, which waits to hear that we do.
#[derive(Debug)]
pub(super) struct Predecessor(StdUnixStream);

impl Predecessor {
    /// Asks whoever serves for the sockets; `None` if nobody does.
    ///
    /// # Errors
    /// When somebody is there who does not give them, or who is not of our user.
    pub fn ask(path: &Path) -> io::Result<Option<(Self, Vec<StdListener>)>> {
        let stream = match StdUnixStream::connect(path) {
            Ok(stream) => stream,
            Err(e) if matches!(e.kind(), io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused) => {
                return Ok(None);
            }
            Err(error) => return Err(error),
        };
        stream.set_read_timeout(Some(PASSING))?;
        check_user(&stream)?;
        let sockets = receive(&stream)?;
        Ok(Some((Self(stream), sockets)))
    }

    /// Tells it that we serve: it takes nothing more in.
    ///
    /// # Errors
    /// When it is not there any more, or has stopped waiting.
    pub fn relieve(mut self) -> io::Result<()> {
        self.0.write_all(&[SERVING])?;
        // It closes when it has understood; if it never does, the next line says so.
        match self.0.read(&mut [0])? {
            0 => Ok(()),
            _ => Err(io::ErrorKind::InvalidData.into()),
        }
    }
}

/// Where the next version asks for the sockets.
#[derive(Debug)]
pub(super) struct Offer {
    path: PathBuf,
    own: PathBuf,
    listener: StdUnixListener,
    sockets: Arc<Vec<StdListener>>,
}

impl Offer {
    /// Opens the UNIX socket, under a name of its own: until [`Offer::publish`] nobody finds it.
    ///
    /// # Errors
    /// What the system says.
    pub fn open(path: &Path, sockets: Vec<StdListener>) -> io::Result<Self> {
        let mut own = path.as_os_str().to_owned();
        own.push(format!(".{}", std::process::id()));
        let own = PathBuf::from(own);
        let listener = StdUnixListener::bind(&own)?;
        listener.set_nonblocking(true)?;
        Ok(Self { path: path.into(), own, listener, sockets: Arc::new(sockets) })
    }

    /// From now on this process is the one that is asked.
    ///
    /// # Errors
    /// What the system says.
    pub fn publish(&self) -> io::Result<()> {
        std::fs::rename(&self.own, &self.path)
    }

    /// Waits until a new process has the sockets and serves.
    pub async fn until_taken(self) {
        let listener = match UnixListener::from_std(self.listener) {
            Ok(listener) => listener,
            Err(error) => return never(&error).await,
        };
        loop {
            let taken = match listener.accept().await {
                Ok((stream, _)) => hand_over(stream, self.sockets.clone()).await,
                Err(error) => Err(error),
            };
            match taken {
                Ok(()) => return,
                Err(error) => {
                    tracing::warn!(%error, "a new version asked for the sockets and did not take over");
                    tokio::time::sleep(PAUSE).await;
                }
            }
        }
    }
}

async fn never(error: &io::Error) {
    tracing::error!(%error, "no new version can take over");
    std::future::pending().await
}

/// Gives the sockets away, and waits until they are served.
async fn hand_over(stream: UnixStream, sockets: Arc<Vec<StdListener>>) -> io::Result<()> {
    let stream = stream.into_std()?;
    tracing::info!("a new version asks for the sockets");
    spawn_blocking(move || give(stream, &sockets)).await?
}

fn give(mut stream: StdUnixStream, sockets: &[StdListener]) -> io::Result<()> {
    stream.set_nonblocking(false)?;
    stream.set_write_timeout(Some(PASSING))?;
    stream.set_read_timeout(Some(GETTING_READY))?;
    check_user(&stream)?;
    sockets.iter().try_for_each(|socket| send(&stream, socket))?;
    stream.write_all(&[END])?;
    let mut heard = [0];
    stream.read_exact(&mut heard)?;
    if heard == [SERVING] { Ok(()) } else { Err(io::ErrorKind::InvalidData.into()) }
}

/// Whoever has the sockets gets what clients send, so it must be the same user.
fn check_user(stream: &StdUnixStream) -> io::Result<()> {
    let (theirs, ours) = (socket_peercred(stream)?.uid, rustix::process::geteuid());
    if theirs == ours {
        return Ok(());
    }
    Err(io::Error::new(io::ErrorKind::PermissionDenied, "another user is at the other end"))
}

fn send(stream: &StdUnixStream, socket: &StdListener) -> io::Result<()> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut message = SendAncillaryBuffer::new(&mut space);
    let sockets = [socket.as_fd()];
    message.push(SendAncillaryMessage::ScmRights(&sockets));
    sendmsg(stream, &[IoSlice::new(&[SOCKET])], &mut message, SendFlags::NOSIGNAL)?;
    Ok(())
}

/// One byte a time, so that each comes with its socket.
fn receive(stream: &StdUnixStream) -> io::Result<Vec<StdListener>> {
    let mut sockets = Vec::new();
    loop {
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
        let (mut message, mut byte) = (RecvAncillaryBuffer::new(&mut space), [0]);
        let flags = RecvFlags::CMSG_CLOEXEC;
        let received = recvmsg(stream, &mut [IoSliceMut::new(&mut byte)], &mut message, flags)?;
        let rights = message.drain().filter_map(|message| match message {
            RecvAncillaryMessage::ScmRights(sockets) => Some(sockets),
            _ => None,
        });
        sockets.extend(rights.flatten().map(StdListener::from));
        match (received.bytes, byte[0]) {
            (0, _) => return Err(io::ErrorKind::UnexpectedEof.into()),
            (_, END) => return Ok(sockets),
            _ => {}
        }
    }
}

impl Proxy {
    /// Opens the doors, and lets the next version ask for their sockets.
    pub(super) fn serve(&mut self) {
        self.open.cancel();
        let Some(offer) = self.offer.take() else { return };
        if let Err(error) = offer.publish() {
            return tracing::error!(%error, "no new version can take over");
        }
        let (drain, relieved) = (self.drain.clone(), self.relieved.clone());
        self.background.spawn(async move {
            // Ends with the drain: a socket that is kept and not served would let clients wait.
            if drain.run_until_cancelled(offer.until_taken()).await.is_some() {
                relieved.cancel();
            }
        });
    }

    /// Begins to serve once it is known where calls go, and in the stead of the process whose sockets these are, if there
    /// is one; does nothing if it serves already.
    ///
    /// # Errors
    /// When the directory cannot be read or the names of cores not be looked up in 30 s, or the other one does not stop.
    /// It then serves on. Without another one, this waits for the names as long as it takes.
    pub async fn take_over(&mut self) -> io::Result<()> {
        if let Some(predecessor) = self.predecessor.take() {
            let late = |_| io::Error::new(io::ErrorKind::TimedOut, "it is not known in time where calls go");
            timeout(KNOWING, self.knows_where_calls_go()).await.map_err(late)??;
            spawn_blocking(|| predecessor.relieve()).await??;
        } else if self.open.is_cancelled() {
            return Ok(());
        }
        self.known.cancelled().await;
        self.serve();
        Ok(())
    }

    async fn knows_where_calls_go(&self) -> io::Result<()> {
        let mut reports = self.directory.reports();
        reports.wait_for(|status| status.is_loaded).await.map_err(io::Error::other)?;
        self.known.cancelled().await;
        Ok(())
    }

    /// Waits until a new version serves in our stead.
    pub async fn relieved(&self) {
        self.relieved.cancelled().await;
    }
}

/// The sockets of the process that serves now, if one does and hands over.
pub(super) fn ask_predecessor(
    settings: &Settings,
    given: &mut Given,
) -> Result<Option<Predecessor>, StartError> {
    let Some(path) = settings.listen.handover.as_ref() else { return Ok(None) };
    let asked = Predecessor::ask(path);
    let asked = asked.map_err(|error| StartError::Handover { path: path.clone(), error })?;
    Ok(asked.map(|(predecessor, sockets)| {
        given.add(sockets);
        predecessor
    }))
}

/// Where the next version will ask, if it may.
pub(super) fn offer(settings: &Settings, entrances: &Entrances) -> Result<Option<Offer>, StartError> {
    let Some(path) = settings.listen.handover.as_ref() else { return Ok(None) };
    let offer = Offer::open(path, entrances.all()?);
    offer.map(Some).map_err(|error| StartError::Handover { path: path.clone(), error })
}

#[cfg(test)]
mod tests {
    use std::net::TcpStream;

    use super::*;

    fn place(name: &str) -> PathBuf {
        std::env::temp_dir().join(format!("corecast-{name}-{}", std::process::id()))
    }

    #[tokio::test]
    async fn a_connection_that_nobody_has_taken_is_taken_by_the_successor() {
        let path = place("handover");
        assert!(Predecessor::ask(&path).unwrap().is_none(), "nobody is there");
        let old = StdListener::bind("127.0.0.1:0").unwrap();
        let address = old.local_addr().unwrap();
        let offer = Offer::open(&path, vec![old.try_clone().unwrap()]).unwrap();
        offer.publish().unwrap();
        let old_waits = tokio::spawn(offer.until_taken());

        let _queued = TcpStream::connect(address).unwrap();
        let new = spawn_blocking({
            let path = path.clone();
            move || Predecessor::ask(&path).unwrap().unwrap()
        });
        let (predecessor, sockets) = new.await.unwrap();
        assert!(!old_waits.is_finished(), "the new one does not serve yet");
        spawn_blocking(|| predecessor.relieve().unwrap()).await.unwrap();
        old_waits.await.unwrap();
        drop(old);
        assert_eq!(sockets.len(), 1);
        sockets[0].accept().unwrap();
        std::fs::remove_file(path).unwrap();
    }

    #[tokio::test]
    async fn a_successor_that_dies_before_it_serves_leaves_the_old_one_serving() {
        let path = place("unready");
        let offer = Offer::open(&path, Vec::new()).unwrap();
        offer.publish().unwrap();
        let old_waits = tokio::spawn(offer.until_taken());
        for _ in 0..2 {
            let path = path.clone();
            let asked = spawn_blocking(move || Predecessor::ask(&path).unwrap().unwrap());
            drop(asked.await.unwrap());
        }
        assert!(!old_waits.is_finished());
        std::fs::remove_file(path).unwrap();
    }
}
