//! Datagrams of transports that another process has (D): while a new process takes the place of the one before on the same UDP port, it
//! receives for both, and passes on what it knows nothing of. Each goes through a Unix socket with its two addresses before it.

use std::io;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::os::unix::net::UnixDatagram;

use rustix::net::{AddressFamily, SocketFlags, SocketType, socketpair};

use super::flow::Flow;
use super::handle::SfuHandle;

/// An address: 16 bytes of IPv6, IPv4 mapped into it, and the port.
const ADDRESS_BYTES: usize = 18;

/// The largest datagram of UDP, and the addresses before it.
const BYTES_MAX: usize = (64 << 10) + 2 * ADDRESS_BYTES;

/// What a successor passes on to, and what its predecessor receives it by. Each end notices that the other is gone, which datagram sockets of
/// Unix do not.
///
/// # Errors
/// There is no file handle left.
pub fn pair() -> io::Result<(UnixDatagram, UnixDatagram)> {
    let (one, other) = socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None)?;
    Ok((one.into(), other.into()))
}

/// Where a successor passes on what it knows nothing of.
#[derive(Debug)]
pub struct Strangers {
    socket: UnixDatagram,
    buffer: Vec<u8>,
}

impl Strangers {
    /// # Errors
    /// The socket does not take the mode of not being waited for.
    pub fn new(socket: UnixDatagram) -> io::Result<Strangers> {
        socket.set_nonblocking(true)?;
        Ok(Strangers {
            socket,
            buffer: Vec::new(),
        })
    }

    /// # Errors
    /// There is no file handle left.
    pub fn try_clone(&self) -> io::Result<Strangers> {
        Strangers::new(self.socket.try_clone()?)
    }

    /// Never waits: where the predecessor is far behind, the datagram is lost. False: it is gone.
    pub fn pass(&mut self, flow: Flow, payload: &[u8]) -> bool {
        self.buffer.clear();
        put(&mut self.buffer, flow.local);
        put(&mut self.buffer, flow.remote);
        self.buffer.extend_from_slice(payload);
        match self.socket.send(&self.buffer) {
            Ok(_) => true,
            Err(error) => matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted),
        }
    }
}

/// The predecessor's side: hands what a successor passes on to the workers, for as long as that lives.
///
/// # Errors
/// No thread can be started.
pub fn receive(socket: UnixDatagram, sfu: SfuHandle) -> io::Result<()> {
    socket.set_nonblocking(false)?;
    let receiving = move || {
        let mut buffer = vec![0; BYTES_MAX];
        while let Ok(length @ 1..) = socket.recv(&mut buffer) {
            if let Some((flow, payload)) = parse(&buffer[..length]) {
                sfu.receive_passed(flow, payload.to_vec());
            }
        }
    };
    std::thread::Builder::new().name("strangers".to_owned()).spawn(receiving)?;
    Ok(())
}

fn put(buffer: &mut Vec<u8>, address: SocketAddr) {
    let ip = match address.ip() {
        IpAddr::V4(ip) => ip.to_ipv6_mapped(),
        IpAddr::V6(ip) => ip,
    };
    buffer.extend(ip.octets());
    buffer.extend(address.port().to_be_bytes());
}

fn parse(bytes: &[u8]) -> Option<(Flow, &[u8])> {
    let (local, rest) = bytes.split_first_chunk::<ADDRESS_BYTES>()?;
    let (remote, payload) = rest.split_first_chunk::<ADDRESS_BYTES>()?;
    Some((Flow::udp(address(remote), address(local)), payload))
}

fn address(bytes: &[u8; ADDRESS_BYTES]) -> SocketAddr {
    let mut ip = [0; 16];
    ip.copy_from_slice(&bytes[..16]);
    let port = u16::from_be_bytes([bytes[16], bytes[17]]);
    SocketAddr::new(IpAddr::V6(Ipv6Addr::from(ip)).to_canonical(), port)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_datagram_comes_through_with_its_addresses() {
        let (ours, theirs) = pair().unwrap();
        let mut strangers = Strangers::new(ours).unwrap();
        let flows = [
            ("192.0.2.1:5000", "198.51.100.7:8443"),
            ("[2001:db8::1]:65535", "[2001:db8::2]:1"),
        ];
        for (remote, local) in flows {
            let flow = Flow::udp(remote.parse().unwrap(), local.parse().unwrap());
            for payload in [&b""[..], b"a datagram", &[0xff; 1500]] {
                assert!(strangers.pass(flow, payload));
                let mut buffer = [0; 2000];
                let length = theirs.recv(&mut buffer).unwrap();
                assert_eq!(parse(&buffer[..length]), Some((flow, payload)));
            }
        }
    }

    #[test]
    fn what_is_too_short_is_nothing() {
        for length in 0..2 * ADDRESS_BYTES {
            assert_eq!(parse(&vec![1; length]), None);
        }
    }

    #[test]
    fn a_successor_that_is_gone_is_noticed() {
        let (ours, theirs) = pair().unwrap();
        drop(ours);
        assert_eq!(theirs.recv(&mut [0; 100]).unwrap(), 0);
    }

    #[test]
    fn a_predecessor_that_is_behind_loses_and_one_that_is_gone_is_noticed() {
        let (ours, theirs) = pair().unwrap();
        let mut strangers = Strangers::new(ours).unwrap();
        let flow = Flow::udp("192.0.2.1:5000".parse().unwrap(), "198.51.100.7:8443".parse().unwrap());
        for _ in 0..10_000 {
            assert!(strangers.pass(flow, &[0; 1000]));
        }
        drop(theirs);
        assert!(!strangers.pass(flow, b"x"));
    }
}
