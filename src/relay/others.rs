//! From an allocation to the SFUs of other nodes (D): a UDP socket, since those are in other processes.

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use rustix::net::{SendFlags, sendto};
use tokio::net::UdpSocket;

use super::driver::FromPeer;

/// Longer ones come from no SFU (RFC 8445 section 2.1 would have them cut).
const DATAGRAM_BYTES_MAX: usize = 2048;

/// After an error of the socket, so that one which stays does not keep a core busy.
const AFTER_ERROR: Duration = Duration::from_millis(100);

/// One allocation's socket. Its port is the kernel's choice, and not the relayed one: ICE takes the address that a check comes from for
/// what it is (RFC 8445 section 7.3.1.3).
#[derive(Debug)]
pub(super) struct Way {
    socket: UdpSocket,
}

impl Way {
    /// # Errors
    /// The system gives no socket.
    pub fn open(v6: bool) -> io::Result<Way> {
        let any = match v6 {
            true => SocketAddr::from((Ipv6Addr::UNSPECIFIED, 0)),
            false => SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0)),
        };
        let socket = std::net::UdpSocket::bind(any)?;
        socket.set_nonblocking(true)?;
        Ok(Way {
            socket: UdpSocket::from_std(socket)?,
        })
    }

    /// Never waits. Past the runtime, which would lose what is sent before it knows that the socket takes it.
    ///
    /// # Errors
    /// The kernel does not take it now: it is lost.
    pub fn send(&self, peer: SocketAddr, payload: &[u8]) -> io::Result<()> {
        sendto(&self.socket, payload, SendFlags::empty(), &peer)?;
        Ok(())
    }

    /// The next datagram, from whomever. Can be dropped at its await without loss.
    pub async fn receive(&self) -> FromPeer {
        loop {
            let mut payload = Vec::with_capacity(DATAGRAM_BYTES_MAX);
            match self.socket.recv_buf_from(&mut payload).await {
                Ok((_, peer)) => return (peer, payload),
                Err(_) => tokio::time::sleep(AFTER_ERROR).await,
            }
        }
    }

    /// What has come already.
    pub fn try_receive(&self) -> Option<FromPeer> {
        let mut payload = Vec::with_capacity(DATAGRAM_BYTES_MAX);
        let (_, peer) = self.socket.try_recv_buf_from(&mut payload).ok()?;
        Some((peer, payload))
    }
}
