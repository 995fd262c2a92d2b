//! Datagrams in and out of the kernel in batches: one dual-stack socket, `recvmmsg` with GRO, `sendmmsg` with GSO for runs to one
//! address, and the local address of every datagram in both directions. IPv4 addresses are plain here also where the socket speaks IPv6.

#![expect(
    clippy::disallowed_methods,
    reason = "this file is the door to the kernel's sockets, and retries while one is full"
)]

mod batch;

use std::io::{self, IoSlice, IoSliceMut};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::ops::Range;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::time::Duration;

use nix::cmsg_space;
use nix::errno::Errno;
use nix::libc::{in_addr, in_pktinfo, in6_addr, in6_pktinfo};
use nix::sys::socket::{ControlMessage, MsgFlags, MultiHeaders, SockaddrStorage, sendmmsg};
use quinn_udp::{BATCH_SIZE, RecvMeta, Transmit, UdpSockRef, UdpSocketState};
use socket2::{Domain, Protocol, Socket, Type};

use batch::{Batch, deliver};

/// Kernel buffers, as far as the system allows: 50 ms of 400 Mbit/s are 2.5 MB.
pub const SOCKET_BUFFER_BYTES: usize = 4 << 20;

/// What one receive buffer holds: the largest run that GRO makes.
const RECEIVE_BUFFER_BYTES: usize = 64 << 10;

/// Datagrams in one send with GSO, whatever the kernel says: the loss of one send is then not a whole key frame.
const SEGMENTS_MAX: usize = 32;

/// How long to wait for a full socket, which empties within a fraction of a millisecond, and how often for all that is sent at
/// once: beyond that, losing is better than standing still.
const FULL_WAIT: Duration = Duration::from_micros(100);
const FULL_WAITS_MAX: u32 = 10;

/// A bound UDP port.
pub struct UdpPort {
    socket: UdpSocket,
    state: UdpSocketState,
    local: SocketAddr,
    /// Whether the socket is AF_INET6, so that IPv4 addresses have to be mapped.
    v6: bool,
    buffers: Box<[Box<[u8]>]>,
    metas: [RecvMeta; BATCH_SIZE],
    /// 1: the kernel or a network card cannot cut runs.
    segments_max: usize,
}

/// What became of datagrams that were to be sent. What was not taken is lost, as on any network.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Sent {
    pub taken: usize,
    /// The socket was full and did not empty in time.
    pub full: usize,
    /// The kernel has no way to this address, or may not send there.
    pub refused: usize,
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
        UdpPort::adopt(socket)
    }

    /// Takes a socket that is bound already.
    ///
    /// # Errors
    /// It is one of `[::]` that does not take IPv4.
    pub fn adopt(socket: impl Into<Socket>) -> io::Result<UdpPort> {
        let socket = socket.into();
        if socket.domain()? == Domain::IPV6 && socket.only_v6()? {
            return Err(io::Error::other(
                "the socket takes IPv6 only: set BindIPv6Only=both in its unit",
            ));
        }
        let state = UdpSocketState::new((&socket).into())?;
        let socket = UdpSocket::from(socket);
        // Best effort: the system's limits may be lower.
        let _ = state.set_recv_buffer_size((&socket).into(), SOCKET_BUFFER_BYTES);
        let _ = state.set_send_buffer_size((&socket).into(), SOCKET_BUFFER_BYTES);
        let local = socket.local_addr()?;
        Ok(UdpPort {
            segments_max: state.max_gso_segments().clamp(1, SEGMENTS_MAX),
            state,
            local,
            v6: local.is_ipv6(),
            buffers: (0..BATCH_SIZE)
                .map(|_| vec![0; RECEIVE_BUFFER_BYTES].into_boxed_slice())
                .collect(),
            metas: [RecvMeta::default(); BATCH_SIZE],
            socket,
        })
    }

    /// The same port, for whoever is to have it as well.
    ///
    /// # Errors
    /// There is no file handle left.
    pub fn try_clone_socket(&self) -> io::Result<UdpSocket> {
        self.socket.try_clone()
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

    /// Sends datagrams; those to one address leave in order. As many as can be go in one system call.
    pub fn send(&mut self, datagrams: &[Outgoing]) -> Sent {
        let slices: Vec<IoSlice<'_>> = datagrams.iter().map(|d| IoSlice::new(&d.payload)).collect();
        let mut sent = Sent::default();
        let mut waits = FULL_WAITS_MAX;
        let mut begin = 0;
        while begin < datagrams.len() {
            let batch = Batch::next(datagrams, begin, self.segments_max);
            begin = batch.end();
            match &batch.runs[..] {
                [run] if run.len() == 1 => self.send_singly(datagrams, run.clone(), &mut waits, &mut sent),
                _ => self.send_batch(&batch, datagrams, &slices, &mut waits, &mut sent),
            }
        }
        sent
    }

    fn send_batch(&mut self, batch: &Batch, datagrams: &[Outgoing], slices: &[IoSlice<'_>], waits: &mut u32, sent: &mut Sent) {
        let runs = &batch.runs;
        let firsts = || runs.iter().map(|run| &datagrams[run.start]);
        let addresses: Vec<Option<SockaddrStorage>> = firsts().map(|d| Some(self.reach(d.destination).into())).collect();
        let contents: Vec<&[IoSlice<'_>]> = runs.iter().map(|run| &slices[run.clone()]).collect();
        let segment_bytes = batch.segment_bytes.map(|bytes| bytes as u16);
        let first = &datagrams[runs[0].start];
        let (source4, source6) = (pktinfo4(first), pktinfo6(first));
        let (source, mut space) = if self.v6 {
            (ControlMessage::Ipv6PacketInfo(&source6), cmsg_space!(in6_pktinfo))
        } else {
            (ControlMessage::Ipv4PacketInfo(&source4), cmsg_space!(in_pktinfo))
        };
        let mut control = vec![source];
        if let Some(bytes) = &segment_bytes {
            control.push(ControlMessage::UdpGsoSegments(bytes));
            space.append(&mut cmsg_space!(u16));
        }
        // The kernel reads as many bytes of control messages as there is space for, so it has to be exact.
        space.shrink_to_fit();
        let mut headers = MultiHeaders::<SockaddrStorage>::preallocate(runs.len(), Some(space));
        let fd = self.socket.as_raw_fd();
        let mut failures = Vec::new();
        deliver(
            runs.len(),
            waits,
            || std::thread::sleep(FULL_WAIT),
            |from| {
                let contents = contents[from..].iter();
                let taken = sendmmsg(fd, &mut headers, contents, &addresses[from..], &control, MsgFlags::empty())?.count();
                sent.taken += runs[from..from + taken].iter().map(Range::len).sum::<usize>();
                Ok(taken)
            },
            |run, error| failures.push((runs[run].clone(), error)),
        );
        for (run, error) in failures {
            match error {
                Errno::EAGAIN | Errno::ENOBUFS => sent.full += run.len(),
                // A network card that cannot cut says so only now, but so does an address that cannot be.
                Errno::EIO | Errno::EINVAL | Errno::EMSGSIZE if batch.segment_bytes.is_some() => {
                    let (length, before) = (run.len(), sent.taken);
                    self.send_singly(datagrams, run, waits, sent);
                    if length > 1 && sent.taken > before {
                        self.segments_max = 1;
                    }
                }
                _ => sent.refused += run.len(),
            }
        }
    }

    /// Each datagram in a system call of its own.
    fn send_singly(&self, datagrams: &[Outgoing], run: Range<usize>, waits: &mut u32, sent: &mut Sent) {
        let (mut full, mut refused) = (0, 0);
        deliver(
            run.len(),
            waits,
            || std::thread::sleep(FULL_WAIT),
            |from| {
                let datagram = &datagrams[run.start + from];
                let transmit = Transmit {
                    destination: self.reach(datagram.destination),
                    ecn: None,
                    contents: &datagram.payload,
                    segment_size: None,
                    src_ip: (!datagram.source.is_unspecified()).then_some(datagram.source),
                };
                match self.state.try_send(UdpSockRef::from(&self.socket), &transmit) {
                    Ok(()) => {
                        sent.taken += 1;
                        Ok(1)
                    }
                    Err(error) => Err(Errno::from_raw(error.raw_os_error().unwrap_or(0))),
                }
            },
            |_, error| match error {
                Errno::EAGAIN | Errno::ENOBUFS => full += 1,
                _ => refused += 1,
            },
        );
        sent.full += full;
        sent.refused += refused;
    }

    /// An address as this socket has to name it.
    fn reach(&self, address: SocketAddr) -> SocketAddr {
        if self.v6 { mapped(address) } else { address }
    }
}

/// The address of ours to send from, for a socket that speaks IPv4 only.
fn pktinfo4(datagram: &Outgoing) -> in_pktinfo {
    let ip = match datagram.source {
        IpAddr::V4(ip) => ip,
        IpAddr::V6(_) => Ipv4Addr::UNSPECIFIED,
    };
    in_pktinfo {
        ipi_ifindex: 0,
        ipi_spec_dst: in_addr {
            s_addr: u32::from_ne_bytes(ip.octets()),
        },
        ipi_addr: in_addr { s_addr: 0 },
    }
}

/// The same, for a socket that speaks both. The kernel wants it mapped where the destination is.
fn pktinfo6(datagram: &Outgoing) -> in6_pktinfo {
    let ip = match datagram.source {
        IpAddr::V4(ip) => ip.to_ipv6_mapped(),
        IpAddr::V6(ip) if ip.is_unspecified() && datagram.destination.is_ipv4() => Ipv4Addr::UNSPECIFIED.to_ipv6_mapped(),
        IpAddr::V6(ip) => ip,
    };
    in6_pktinfo {
        ipi6_addr: in6_addr { s6_addr: ip.octets() },
        ipi6_ifindex: 0,
    }
}

impl AsFd for UdpPort {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
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
            assert_eq!(port.send(&answers).taken, 3);
            let mut buffer = [0; 200];
            for bytes in [100, 100, 30] {
                assert_eq!(browser.recv_from(&mut buffer).expect("an answer"), (bytes, to));
            }
        }
    }

    /// Sockets that wait for at most 5 s.
    fn browsers(ip: &str, count: usize) -> Vec<UdpSocket> {
        let browser = |_| {
            let socket = UdpSocket::bind((ip, 0)).expect("a port");
            let timeout = Some(Duration::from_secs(5));
            socket.set_read_timeout(timeout).expect("a timeout can be set");
            socket
        };
        (0..count).map(browser).collect()
    }

    fn receive_sizes(browser: &UdpSocket, count: usize) -> Vec<usize> {
        let mut buffer = [0; 2000];
        (0..count).map(|_| browser.recv(&mut buffer).expect("it comes")).collect()
    }

    #[test]
    fn what_goes_to_many_arrives_everywhere_and_in_order() {
        // A socket of one family, and one of both that sends from an address that was asked for or not.
        for (bind, source) in [
            ("127.0.0.1:0", "127.0.0.1"),
            ("[::]:0", "127.0.0.1"),
            ("[::]:0", "::"),
            ("127.0.0.1:0", "0.0.0.0"),
        ] {
            let mut port = UdpPort::bind(bind.parse().expect("an address")).expect("a port");
            let browsers = browsers("127.0.0.1", 200);
            let mut datagrams = Vec::new();
            for browser in &browsers {
                for bytes in [300, 900, 900, 900, 400, 1000] {
                    datagrams.push(Outgoing {
                        source: source.parse().expect("an address"),
                        destination: browser.local_addr().expect("bound"),
                        payload: vec![1; bytes],
                    });
                }
            }
            let all = Sent {
                taken: datagrams.len(),
                ..Sent::default()
            };
            assert_eq!(port.send(&datagrams), all, "from {source} of {bind}");
            for browser in &browsers {
                assert_eq!(receive_sizes(browser, 6), [300, 900, 900, 900, 400, 1000]);
            }
        }
    }

    #[test]
    fn an_address_that_the_kernel_refuses_costs_nobody_else_a_datagram() {
        let mut port = UdpPort::bind("127.0.0.1:0".parse().expect("an address")).expect("a port");
        let segments_max = port.segments_max;
        let browsers = browsers("127.0.0.1", 2);
        let [one, other] = [0, 1].map(|n: usize| browsers[n].local_addr().expect("bound"));
        // A broadcast is not permitted (EACCES), and port 0 is no port (EINVAL).
        let broadcast = "255.255.255.255:9".parse().expect("an address");
        let nowhere = "127.0.0.1:0".parse().expect("an address");
        let datagrams: Vec<Outgoing> = [one, broadcast, one, one, nowhere, nowhere, other, broadcast, broadcast, other]
            .map(|destination| Outgoing {
                source: "127.0.0.1".parse().expect("an address"),
                destination,
                payload: vec![1; 500],
            })
            .into();
        let expected = Sent {
            taken: 5,
            full: 0,
            refused: 5,
        };
        assert_eq!(port.send(&datagrams), expected);
        assert_eq!(receive_sizes(&browsers[0], 3), [500; 3]);
        assert_eq!(receive_sizes(&browsers[1], 2), [500; 2]);
        assert_eq!(
            port.segments_max, segments_max,
            "an address that cannot be is no fault of the network card"
        );
    }
}
