//! The sockets of many synthetic browsers: one for all, each with an address of its own in 127.0.0.0/8, so that a server has as many places
//! to send to as with real ones, while one system call here receives what came for all of them.

use std::io;
use std::net::{IpAddr, Ipv4Addr, UdpSocket};

use quinn_udp::{BATCH_SIZE, UdpSocketState};

const SOCKET_BUFFER_BYTES: usize = 8 << 20;

/// What one receive buffer holds: the largest run that GRO makes.
const RECEIVE_BUFFER_BYTES: usize = 64 << 10;

/// A free port of this address, with buffers as large as the system allows. It does not block.
///
/// # Errors
/// There is no port.
pub fn open(ip: Ipv4Addr) -> io::Result<(UdpSocket, UdpSocketState)> {
    let socket = UdpSocket::bind((ip, 0))?;
    let state = UdpSocketState::new((&socket).into())?;
    let _ = state.set_recv_buffer_size((&socket).into(), SOCKET_BUFFER_BYTES);
    let _ = state.set_send_buffer_size((&socket).into(), SOCKET_BUFFER_BYTES);
    Ok((socket, state))
}

/// For one receive call.
pub fn receive_buffers() -> Vec<Vec<u8>> {
    (0..BATCH_SIZE).map(|_| vec![0; RECEIVE_BUFFER_BYTES]).collect()
}

/// The address of a browser, of which there may be some 60,000.
pub fn address_of(index: usize) -> IpAddr {
    let [high, low] = [(index / 250) as u8, (index % 250) as u8];
    Ipv4Addr::new(127, 1, high, 1 + low).into()
}
