//! A new process takes the place of the one that runs on this machine, and cuts no call (D).
//!
//! The running server, the *predecessor*, starts its binary and arguments again. That *successor* comes to the control socket, and gets the
//! sockets of all ports. When it could serve, it says `ready`; the predecessor ends its hub, closes the database and says `yours`; the
//! successor takes up what is in the database, as after a restart, and says `serving`. Pages come back to it at once, and make new
//! connections to its SFU, while the old ones still carry media: the predecessor's SFU goes on until then. There is one UDP socket, at
//! which the successor receives for both (`sfu/stranger.rs`).

use std::io::{self, IoSlice, IoSliceMut, Read, Write};
use std::mem::MaybeUninit;
use std::net::{TcpListener, UdpSocket};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, bail};
use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer, SendAncillaryMessage, SendFlags, recvmsg, sendmsg,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;
use tokio::process::{Child, Command};
use tokio::sync::{mpsc, watch};
use tokio::time::{sleep, timeout};

use crate::control;
use crate::inherited::Inherited;
use crate::sfu::handle::SfuHandle;
use crate::sfu::stranger::{self, Strangers};

/// Set where a process is to take the place of another.
const SUCCEEDS: &str = "TANDEM_SUCCEEDS";

/// What the two say to each other, besides the sockets.
const READY: &[u8; 1] = b"r";
const YOURS: &[u8; 1] = b"y";
const SERVING: &[u8; 1] = b"s";

/// From the sockets until the successor could serve.
const READY_WITHIN: Duration = Duration::from_secs(30);

/// For the predecessor to end its hub and close the database, and for the successor to bring that up to date and take it up.
const TURN_WITHIN: Duration = Duration::from_secs(120);

/// A worker's UDP port each, and three more. The kernel passes no more than 253 at once (SCM_RIGHTS, unix(7)).
const SOCKETS_MAX: usize = 253;

/// The sockets of the ports.
#[derive(Debug)]
pub struct Ports {
    pub main: OwnedFd,
    pub ops: OwnedFd,
    pub udp: Vec<OwnedFd>,
}

/// The predecessor's side, before there is a successor. Clones are the same.
#[derive(Clone)]
pub struct Succession {
    inner: Arc<Inner>,
}

struct Inner {
    ports: Ports,
    sfu: SfuHandle,
    ready: mpsc::Sender<Successor>,
    serving: watch::Sender<bool>,
}

/// A process that could serve.
pub struct Successor {
    stream: UnixStream,
    serving: watch::Sender<bool>,
}

impl Succession {
    /// With the queue through which a successor comes that is ready.
    pub fn new(ports: Ports, sfu: SfuHandle) -> (Succession, mpsc::Receiver<Successor>) {
        let (ready, successors) = mpsc::channel(1);
        let inner = Inner {
            ports,
            sfu,
            ready,
            serving: watch::Sender::new(false),
        };
        (Succession { inner: Arc::new(inner) }, successors)
    }

    /// Starts the binary again, and returns when that process serves; its id.
    ///
    /// # Errors
    /// It cannot be started, ends before it serves, or takes too long. It has said why in the log.
    pub async fn upgrade(&self) -> anyhow::Result<u32> {
        let mut serving = self.inner.serving.subscribe();
        let mut child = start().context("the binary cannot be started again")?;
        let pid = child.id().context("a process has an id")?;
        tracing::info!(pid, "a new process is to take over");
        let served = async move { serving.wait_for(|serving| *serving).await.is_ok() };
        tokio::select! {
            true = served => Ok(pid),
            status = child.wait() => bail!("the new process ended before it served ({}): the server's log says why", status?),
            () = sleep(READY_WITHIN + TURN_WITHIN) => {
                child.kill().await?;
                bail!("the new process did not serve in time")
            }
        }
    }

    /// Somebody at the control socket is the successor.
    ///
    /// # Errors
    /// It did not become ready in time, or is gone.
    pub async fn receive(&self, stream: UnixStream) -> io::Result<()> {
        let (ours, theirs) = stranger::pair()?;
        // Before the successor receives anything.
        stranger::receive(ours, self.inner.sfu.clone())?;
        let mut stream = self.pass_sockets(stream, &theirs).await?;
        drop(theirs);
        expect(&mut stream, READY, READY_WITHIN).await?;
        let serving = self.inner.serving.clone();
        let successor = Successor { stream, serving };
        self.inner
            .ready
            .send(successor)
            .await
            .map_err(|_| io::ErrorKind::BrokenPipe.into())
    }

    async fn pass_sockets(&self, stream: UnixStream, strangers: &UnixDatagram) -> io::Result<UnixStream> {
        let Ports { main, ops, udp } = &self.inner.ports;
        let stream = stream.into_std()?;
        stream.set_nonblocking(false)?;
        let mut all: Vec<BorrowedFd<'_>> = vec![main.as_fd(), ops.as_fd(), strangers.as_fd()];
        all.extend(udp.iter().map(AsFd::as_fd));
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(SOCKETS_MAX))];
        let mut control = SendAncillaryBuffer::new(&mut space);
        if !control.push(SendAncillaryMessage::ScmRights(&all)) {
            return Err(io::Error::other("there are too many UDP ports to be passed on"));
        }
        // One byte, which the kernel wants with them: it never waits for a reader.
        sendmsg(&stream, &[IoSlice::new(b" ")], &mut control, SendFlags::NOSIGNAL)?;
        stream.set_nonblocking(true)?;
        UnixStream::from_std(stream)
    }
}

impl Successor {
    /// The database is closed, and nothing is answered here any more. Returns when the successor serves.
    ///
    /// # Errors
    /// It is gone, or takes too long.
    pub async fn take_over(mut self, sfu: &SfuHandle) -> io::Result<()> {
        self.stream.write_all(YOURS).await?;
        expect(&mut self.stream, SERVING, TURN_WITHIN).await?;
        sfu.stop_receiving();
        if let Some(pid) = self.stream.peer_cred()?.pid() {
            crate::supervisor::succeeded_by(pid);
        }
        self.serving.send_replace(true);
        Ok(())
    }
}

/// The binary at the path at which this one was found, which is another one after an upgrade.
fn start() -> io::Result<Child> {
    let path = std::env::current_exe()?;
    // So it is called where another file has taken its place (proc(5)).
    let path = match path.to_str().and_then(|path| path.strip_suffix(" (deleted)")) {
        Some(path) => PathBuf::from(path),
        None => path,
    };
    Command::new(path)
        .args(std::env::args_os().skip(1))
        .env(SUCCEEDS, "1")
        // It is asked to be the predecessor's (sd_watchdog_enabled(3)).
        .env_remove("WATCHDOG_PID")
        .stdin(Stdio::null())
        .spawn()
}

async fn expect(stream: &mut UnixStream, word: &[u8; 1], within: Duration) -> io::Result<()> {
    let mut heard = [0];
    timeout(within, stream.read_exact(&mut heard)).await??;
    if heard != *word {
        return Err(io::Error::other(format!(
            "{:?} was said in place of {:?}",
            heard[0] as char, word[0] as char
        )));
    }
    Ok(())
}

/// The process whose place this one takes.
#[derive(Debug)]
pub struct Predecessor {
    stream: std::os::unix::net::UnixStream,
    strangers: UnixDatagram,
}

impl Predecessor {
    /// With its sockets. None: this process starts by itself. Blocks.
    ///
    /// # Errors
    /// The server that runs with this data folder cannot be reached, or passes no sockets.
    pub fn find(data: &Path) -> anyhow::Result<Option<(Predecessor, Inherited)>> {
        if std::env::var_os(SUCCEEDS).is_none() {
            return Ok(None);
        }
        let mut stream = control::connect(data)?;
        stream.set_read_timeout(Some(READY_WITHIN))?;
        stream.write_all(control::SUCCEED.as_bytes())?;
        let mut sockets = receive_sockets(&stream)?.into_iter();
        let (Some(main), Some(ops), Some(strangers)) = (sockets.next(), sockets.next(), sockets.next()) else {
            bail!("the running server passed no sockets");
        };
        let inherited = Inherited::from_predecessor(
            vec![TcpListener::from(main), TcpListener::from(ops)],
            sockets.map(UdpSocket::from).collect(),
        );
        let strangers = UnixDatagram::from(strangers);
        Ok(Some((Predecessor { stream, strangers }, inherited)))
    }

    /// # Errors
    /// There is no file handle left.
    pub fn strangers(&self) -> io::Result<Strangers> {
        Strangers::new(self.strangers.try_clone()?)
    }

    /// This process could serve. Returns when the database is its own. Blocks.
    ///
    /// # Errors
    /// The predecessor is gone: then the ports and the database may be somebody else's.
    pub fn await_turn(&mut self) -> io::Result<()> {
        self.stream.write_all(READY)?;
        self.stream.set_read_timeout(Some(TURN_WITHIN))?;
        let mut heard = [0];
        self.stream.read_exact(&mut heard)?;
        if heard != *YOURS {
            return Err(io::Error::other("the running server did not hand over"));
        }
        Ok(())
    }

    /// Whoever connects is served here.
    ///
    /// # Errors
    /// The predecessor is gone, which changes nothing.
    pub fn tell_serving(&mut self) -> io::Result<()> {
        self.stream.write_all(SERVING)
    }
}

fn receive_sockets(stream: &std::os::unix::net::UnixStream) -> io::Result<Vec<OwnedFd>> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(SOCKETS_MAX))];
    let mut control = RecvAncillaryBuffer::new(&mut space);
    let mut byte = [0];
    recvmsg(
        stream,
        &mut [IoSliceMut::new(&mut byte)],
        &mut control,
        RecvFlags::CMSG_CLOEXEC,
    )?;
    let messages = control.drain();
    Ok(messages
        .filter_map(|message| match message {
            RecvAncillaryMessage::ScmRights(sockets) => Some(sockets),
            _ => None,
        })
        .flatten()
        .collect())
}
