//! The ways between a browser and this server. ICE pairs addresses; a flow is such a pair with what carries it.

use std::net::SocketAddr;

/// What carries a flow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Via {
    /// Our UDP port.
    Udp,
    /// A connection to our TCP port (ICE-TCP, RFC 6544), framed by RFC 4571.
    Tcp,
    /// Our TURN server: the browser's end is a relayed address, which lives in this process only.
    Relay,
}

/// One way between a browser and this server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Flow {
    pub via: Via,
    /// The browser's address, as we see it.
    pub remote: SocketAddr,
    /// The address of ours.
    pub local: SocketAddr,
}

impl Flow {
    pub fn udp(remote: SocketAddr, local: SocketAddr) -> Flow {
        Flow {
            via: Via::Udp,
            remote,
            local,
        }
    }

    /// The browser's end of it. Two connections from one address and port are two ends, if they are carried differently.
    pub fn end(&self) -> End {
        (self.via, self.remote)
    }
}

/// A browser's end of a flow.
pub type End = (Via, SocketAddr);
