//! Datagrams in and out of the kernel in batches: one dual-stack socket, `recvmmsg` with GRO, GSO for runs to one address, and
//! the local address of every datagram in both directions. IPv4 addresses are plain here also where the socket speaks IPv6.

#![expect(
    clippy::disallowed_methods,
    reason = "this file is the door to the kernel's sockets, and retries while one is full"
)]

use std::io::{self, IoSliceMut};
use std::net::{IpAddr, Ipv6Addr, SocketAddr, UdpSocket};
use std::os::fd::{AsFd, BorrowedFd};

use quinn_udp::{BATCH_SIZE, RecvMeta, Transmit, UdpSockRef, UdpSocketState};
use socket2::{Domain, Protocol, Socket, Type};

/// Kernel buffers, as far as the system allows: 50 ms of 400 Mbit/s are 2.5 MB.
pub const SOCKET_BUFFER_BYTES: usize = 4 << 20;

/// What one receive buffer holds: the largest run that GRO makes.
const RECEIVE_BUFFER_BYTES: usize = 64 << 10;

/// Datagrams in one send with GSO, whatever the kernel says: the loss of one send is then not a whole key frame.
const SEGMENTS_MAX: usize = 32;

/// A bound UDP port.
pub struct UdpPort {
    socket: UdpSocket,
    state: UdpSocketState,
    local: SocketAddr,
    /// Whether the socket is AF_INET6, so that IPv4 addresses have to be mapped.
    v6: bool,
    buffers: Box<[Box<[u8]>]>,
    metas: [RecvMeta; BATCH_SIZE],
    run: Vec<u8>,
}

/// A datagram that came in.
#[derive(Debug, Clone, Copy)]
pub struct Datagram<'a> {
    pub source: SocketAddr,
    /// The address of ours that it was sent to.
    pub destination: SocketAddr,
    pub payload: &'a [u8],
}

/// A datagram to send.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outgoing {
    /// The address of ours to send from; unspecified leaves the choice to the kernel.
    pub source: IpAddr,
    pub destination: SocketAddr,
    pub payload: Vec<u8>,
}

impl UdpPort {
    /// Binds a port. `[::]` also takes IPv4; where the machine has no IPv6, 0.0.0.0 is bound in its place.
    pub fn bind(address: SocketAddr) -> io::Result<UdpPort> {
        match UdpPort::bind_exactly(address) {
            Err(error) if address.ip() == IpAddr::V6(Ipv6Addr::UNSPECIFIED) && error.kind() != io::ErrorKind::AddrInUse => {
                UdpPort::bind_exactly(SocketAddr::from(([0, 0, 0, 0], address.port())))
            }
            bound => bound,
        }
    }

    fn bind_exactly(address: SocketAddr) -> io::Result<UdpPort> {
        let socket = Socket::new(Domain::for_address(address), Type::DGRAM, Some(Protocol::UDP))?;
        if address.is_ipv6() {
            socket.set_only_v6(false)?;
        }
        socket.bind(&address.into())?;
        let state = UdpSocketState::new((&socket).into())?;
        let socket = UdpSocket::from(socket);
        // Best effort: the system's limits may be lower.
        let _ = state.set_recv_buffer_size((&socket).into(), SOCKET_BUFFER_BYTES);
        let _ = state.set_send_buffer_size((&socket).into(), SOCKET_BUFFER_BYTES);
        let local = socket.local_addr()?;
        Ok(UdpPort {
            state,
            local,
            v6: local.is_ipv6(),
            buffers: (0..BATCH_SIZE)
                .map(|_| vec![0; RECEIVE_BUFFER_BYTES].into_boxed_slice())
                .collect(),
            metas: [RecvMeta::default(); BATCH_SIZE],
            run: Vec::with_capacity(RECEIVE_BUFFER_BYTES),
            socket,
        })
    }

    /// The address that is bound, with its real port.
    pub fn local_addr(&self) -> SocketAddr {
        self.local
    }

    /// Whether datagrams to addresses of this family can be sent and received.
    pub fn speaks(&self, ip: IpAddr) -> bool {
        match (self.local.ip(), ip) {
            (IpAddr::V6(local), IpAddr::V4(_)) => local.is_unspecified(),
            (local, ip) => local.is_ipv4() == ip.is_ipv4(),
        }
    }

    /// Receives one batch without waiting, and hands each datagram to `each`. Returns how many there were; 0: none waits.
    pub fn receive(&mut self, mut each: impl FnMut(Datagram<'_>)) -> io::Result<usize> {
        let mut slices = self.buffers.iter_mut().map(|b| IoSliceMut::new(b));
        let mut slices: [IoSliceMut<'_>; BATCH_SIZE] =
            std::array::from_fn(|_| slices.next().expect("there are as many buffers as slots in a batch"));
        let buffers = match self.state.recv(UdpSockRef::from(&self.socket), &mut slices, &mut self.metas) {
            Ok(buffers) => buffers,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(0),
            Err(error) => return Err(error),
        };
        let mut datagrams = 0;
        for (meta, buffer) in self.metas.iter().zip(&self.buffers).take(buffers) {
            let source = plain(meta.addr);
            let ip = meta.dst_ip.map_or(self.local.ip(), |ip| ip.to_canonical());
            let destination = SocketAddr::new(ip, self.local.port());
            for payload in buffer[..meta.len].chunks(meta.stride.max(1)) {
                datagrams += 1;
                each(Datagram {
                    source,
                    destination,
                    payload,
                });
            }
        }
        Ok(datagrams)
    }

    /// Sends datagrams in order; runs of one size between the same two addresses go in one system call. A datagram that the
    /// kernel refuses is lost, as on any network. Returns how many were taken.
    pub fn send(&mut self, datagrams: &[Outgoing]) -> usize {
        let segments_max = self.state.max_gso_segments().clamp(1, SEGMENTS_MAX);
        let mut taken = 0;
        let mut rest = datagrams;
        while let Some(first) = rest.first() {
            let length = run_length(rest, segments_max);
            let (run, after) = rest.split_at(length);
            rest = after;
            if length == 1 {
                taken += usize::from(self.send_run(first, &first.payload, None));
                continue;
            }
            let mut bytes = std::mem::take(&mut self.run);
            bytes.clear();
            for datagram in run {
                bytes.extend_from_slice(&datagram.payload);
            }
            if self.send_run(first, &bytes, Some(first.payload.len())) {
                taken += length;
            } else {
                // A network card that cannot segment says so only now: one by one, then.
                for datagram in run {
                    taken += usize::from(self.send_run(datagram, &datagram.payload, None));
                }
            }
            self.run = bytes;
        }
        taken
    }

    fn send_run(&self, first: &Outgoing, contents: &[u8], segment_size: Option<usize>) -> bool {
        let transmit = Transmit {
            destination: if self.v6 {
                mapped(first.destination)
            } else {
                first.destination
            },
            ecn: None,
            contents,
            segment_size,
            src_ip: (!first.source.is_unspecified()).then_some(first.source),
        };
        // A full socket empties within a fraction of a millisecond; beyond that, losing is better than standing still.
        for _ in 0..3 {
            match self.state.try_send(UdpSockRef::from(&self.socket), &transmit) {
                Ok(()) => return true,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    std::thread::sleep(std::time::Duration::from_micros(100));
                }
                Err(_) => return false,
            }
        }
        false
    }
}

impl AsFd for UdpPort {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

/// How many datagrams from the front fit into one segmented send: same addresses, same size, but for a shorter last one.
fn run_length(datagrams: &[Outgoing], segments_max: usize) -> usize {
    let Some(first) = datagrams.first() else { return 0 };
    let size = first.payload.len();
    let mut length = 1;
    let mut bytes = size;
    for datagram in datagrams.iter().take(segments_max).skip(1) {
        bytes += datagram.payload.len();
        if datagram.destination != first.destination
            || datagram.source != first.source
            || datagram.payload.len() > size
            || datagram.payload.is_empty()
            || bytes > RECEIVE_BUFFER_BYTES - 1024
        {
            break;
        }
        length += 1;
        if datagram.payload.len() < size {
            break;
        }
    }
    length
}

/// `[::ffff:192.0.2.1]:5` as `192.0.2.1:5`.
fn plain(address: SocketAddr) -> SocketAddr {
    SocketAddr::new(address.ip().to_canonical(), address.port())
}

/// The kernel's list of IPv6 addresses with their flags (Linux, proc_net(5)); empty where there is none.
pub fn ipv6_table() -> String {
    std::fs::read_to_string("/proc/net/if_inet6").unwrap_or_default()
}

/// `192.0.2.1:5` as `[::ffff:192.0.2.1]:5`.
fn mapped(address: SocketAddr) -> SocketAddr {
    match address.ip() {
        IpAddr::V4(ip) => SocketAddr::new(ip.to_ipv6_mapped().into(), address.port()),
        IpAddr::V6(_) => address,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outgoing(destination: &str, bytes: usize) -> Outgoing {
        Outgoing {
            source: IpAddr::V6(Ipv6Addr::UNSPECIFIED),
            destination: destination.parse().expect("an address"),
            payload: vec![7; bytes],
        }
    }

    #[test]
    fn a_run_ends_with_its_first_shorter_datagram() {
        let a = "192.0.2.1:5";
        let sizes = |list: &[usize]| list.iter().map(|n| outgoing(a, *n)).collect::<Vec<_>>();
        for (list, expected) in [
            (&[100][..], 1),
            (&[100, 100, 100], 3),
            (&[100, 100, 40, 100], 3),
            (&[100, 101], 1),
            (&[100, 0], 1),
        ] {
            assert_eq!(run_length(&sizes(list), 32), expected, "{list:?}");
        }
        assert_eq!(run_length(&sizes(&[100; 50]), 32), 32);
        assert_eq!(run_length(&[outgoing(a, 9), outgoing("192.0.2.2:5", 9)], 32), 1);
    }

    #[test]
    fn datagrams_cross_both_families_with_their_real_addresses() {
        let mut port = UdpPort::bind("[::]:0".parse().expect("an address")).expect("a port");
        let number = port.local_addr().port();
        for (from, to) in [
            ("127.0.0.1:0", format!("127.0.0.1:{number}")),
            ("[::1]:0", format!("[::1]:{number}")),
        ] {
            let to: SocketAddr = to.parse().expect("an address");
            let Ok(browser) = UdpSocket::bind(from) else { continue };
            if !port.speaks(to.ip()) {
                continue;
            }
            browser
                .set_read_timeout(Some(std::time::Duration::from_secs(5)))
                .expect("a timeout can be set");
            browser.send_to(b"in", to).expect("loopback takes it");
            let mut seen = Vec::new();
            while seen.is_empty() {
                port.receive(|d| seen.push((d.source, d.destination, d.payload.to_vec())))
                    .expect("the socket is sound");
            }
            assert_eq!(seen, [(browser.local_addr().expect("bound"), to, b"in".to_vec())]);
            let answers: Vec<Outgoing> = [100, 100, 30]
                .map(|bytes| Outgoing {
                    source: to.ip(),
                    destination: seen[0].0,
                    payload: vec![1; bytes],
                })
                .into();
            assert_eq!(port.send(&answers), 3);
            let mut buffer = [0; 200];
            for bytes in [100, 100, 30] {
                assert_eq!(browser.recv_from(&mut buffer).expect("an answer"), (bytes, to));
            }
        }
    }
}
