//! Sockets that are open already (D). Those of systemd's `tandem.socket` outlive a restart: whoever connects meanwhile waits for the new
//! process in place of being refused. Those of a predecessor (`handover.rs`) serve two processes for a while.

use std::io;
use std::net::{SocketAddr, TcpListener, UdpSocket};

use listenfd::ListenFd;

/// What was passed and not yet taken.
#[derive(Debug, Default)]
pub struct Inherited {
    listeners: Vec<TcpListener>,
    udp: Vec<UdpSocket>,
    /// They are in the order in which they are taken, so that one may stand in for any port.
    in_order: bool,
}

impl Inherited {
    /// Takes all (sd_listen_fds(3)); none where the process was started by hand. Call it before any thread starts: it changes the
    /// environment.
    ///
    /// # Errors
    /// One of them is neither a TCP nor a UDP socket.
    pub fn from_environment() -> io::Result<Inherited> {
        let mut passed = ListenFd::from_env();
        let mut inherited = Inherited::default();
        for index in 0..passed.len() {
            if let Ok(Some(listener)) = passed.take_tcp_listener(index) {
                inherited.listeners.push(listener);
            } else if let Ok(Some(socket)) = passed.take_udp_socket(index) {
                inherited.udp.push(socket);
            } else {
                let why = format!(
                    "passed socket {} is neither ListenStream= nor ListenDatagram= of IP",
                    index + 1
                );
                return Err(io::Error::other(why));
            }
        }
        Ok(inherited)
    }

    /// Those of a predecessor, in the order in which they are taken.
    pub fn from_predecessor(listeners: Vec<TcpListener>, udp: Vec<UdpSocket>) -> Inherited {
        Inherited {
            listeners,
            udp,
            in_order: true,
        }
    }

    /// The listener at this port.
    pub fn take_listener(&mut self, wanted: SocketAddr) -> Option<TcpListener> {
        let any = self.in_order && wanted.port() == 0;
        let is_it = |at: io::Result<SocketAddr>| at.is_ok_and(|at| any || at.port() == wanted.port());
        let found = self.listeners.iter().position(|listener| is_it(listener.local_addr()))?;
        Some(self.listeners.remove(found))
    }

    /// The UDP sockets, which are the SFU's: it takes those at its ports.
    pub fn take_udp(&mut self) -> Vec<UdpSocket> {
        std::mem::take(&mut self.udp)
    }

    /// Once everybody has taken theirs: what nobody wanted.
    ///
    /// # Errors
    /// There is such a socket: systemd's unit and the configuration name different ports.
    pub fn check_none_left(&self) -> io::Result<()> {
        match self.listeners.first() {
            Some(listener) => Err(io::Error::other(format!(
                "a TCP socket was passed at {}, which neither server.listen nor server.ops_listen names",
                listener.local_addr()?
            ))),
            None => Ok(()),
        }
    }
}
