//! What the relay counts, as plain numbers: the driver moves them into the process's metrics.

/// Why a request got an error answer, or a connection was closed. Each has exactly one reason.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Refusal {
    /// It came without credentials: how every client begins (RFC 8489 section 9.2.3).
    Challenged,
    /// Attributes that it needs are missing, or contradict each other.
    BadRequest,
    /// The user name is not of our form, the session is not alive, or the signature is wrong.
    WrongCredential,
    /// The credential is too old to make an allocation.
    ExpiredCredential,
    StaleNonce,
    /// Another user than the one who made the allocation.
    OtherUser,
    /// There is no allocation, or one already.
    Mismatch,
    UnknownAttribute,
    /// Of the asked or the peer's address family we have nothing.
    Family,
    /// Anything but UDP was asked for.
    Transport,
    /// The peer is no SFU of ours, nor of another node.
    ForbiddenPeer,
    /// The session has as many allocations as it may have.
    SessionQuota,
    /// The server has as many allocations as it may have, or a port was to be reserved.
    Capacity,
    /// An allocation has as many permissions or channels as it may have.
    AllocationLimit,
    /// More answers to strangers of one network than are given.
    RateLimited,
    /// A connection that made no allocation in time.
    SlowOpener,
    /// A connection with something else than TURN's frames, or larger ones than are taken.
    BadFrame,
    /// A connection that reads nothing of what is sent to it.
    Stalled,
    /// More connections without an allocation than are held open.
    HalfOpen,
}

impl Refusal {
    pub const ALL: [Refusal; 19] = [
        Refusal::Challenged,
        Refusal::BadRequest,
        Refusal::WrongCredential,
        Refusal::ExpiredCredential,
        Refusal::StaleNonce,
        Refusal::OtherUser,
        Refusal::Mismatch,
        Refusal::UnknownAttribute,
        Refusal::Family,
        Refusal::Transport,
        Refusal::ForbiddenPeer,
        Refusal::SessionQuota,
        Refusal::Capacity,
        Refusal::AllocationLimit,
        Refusal::RateLimited,
        Refusal::SlowOpener,
        Refusal::BadFrame,
        Refusal::Stalled,
        Refusal::HalfOpen,
    ];

    /// The label of `tandem_relay_refused_total`.
    pub fn as_str(self) -> &'static str {
        match self {
            Refusal::Challenged => "challenged",
            Refusal::BadRequest => "bad_request",
            Refusal::WrongCredential => "wrong_credential",
            Refusal::ExpiredCredential => "expired_credential",
            Refusal::StaleNonce => "stale_nonce",
            Refusal::OtherUser => "other_user",
            Refusal::Mismatch => "mismatch",
            Refusal::UnknownAttribute => "unknown_attribute",
            Refusal::Family => "family",
            Refusal::Transport => "transport",
            Refusal::ForbiddenPeer => "forbidden_peer",
            Refusal::SessionQuota => "session_quota",
            Refusal::Capacity => "capacity",
            Refusal::AllocationLimit => "allocation_limit",
            Refusal::RateLimited => "rate_limited",
            Refusal::SlowOpener => "slow_opener",
            Refusal::BadFrame => "bad_frame",
            Refusal::Stalled => "stalled",
            Refusal::HalfOpen => "half_open",
        }
    }
}

/// Why a datagram went no further. Each has exactly one reason.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Drop {
    /// Not a message or ChannelData that a TURN server takes.
    Malformed,
    /// Its sender has no allocation.
    NoAllocation,
    /// The channel is not bound.
    NoChannel,
    /// The peer has no permission, or no longer (RFC 8656 section 9).
    NoPermission,
    /// A port of an SFU's address that is not its own.
    NotOurPeer,
    /// It was for another node, and the system gave no socket or did not take it.
    NotSent,
    /// The allocation's share of the network is used up.
    Bandwidth,
    /// The relay did not keep up.
    QueueFull,
}

impl Drop {
    pub const ALL: [Drop; 8] = [
        Drop::Malformed,
        Drop::NoAllocation,
        Drop::NoChannel,
        Drop::NoPermission,
        Drop::NotOurPeer,
        Drop::NotSent,
        Drop::Bandwidth,
        Drop::QueueFull,
    ];

    /// The label of `tandem_relay_dropped_total`.
    pub fn as_str(self) -> &'static str {
        match self {
            Drop::Malformed => "malformed",
            Drop::NoAllocation => "no_allocation",
            Drop::NoChannel => "no_channel",
            Drop::NoPermission => "no_permission",
            Drop::NotOurPeer => "not_our_peer",
            Drop::NotSent => "not_sent",
            Drop::Bandwidth => "bandwidth",
            Drop::QueueFull => "queue_full",
        }
    }
}

/// Since they were last taken.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Counters {
    refused: [u64; Refusal::ALL.len()],
    dropped: [u64; Drop::ALL.len()],
    /// Payload bytes from clients to SFUs.
    pub bytes_in: u64,
    /// Payload bytes from SFUs to clients.
    pub bytes_out: u64,
}

impl Counters {
    pub fn refuse(&mut self, reason: Refusal) {
        self.refused[reason as usize] += 1;
    }

    pub fn refused(&self, reason: Refusal) -> u64 {
        self.refused[reason as usize]
    }

    pub fn drop(&mut self, reason: Drop) {
        self.dropped[reason as usize] += 1;
    }

    pub fn dropped(&self, reason: Drop) -> u64 {
        self.dropped[reason as usize]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reason_has_a_name_and_a_counter_of_its_own() {
        let mut counters = Counters::default();
        for (n, reason) in Refusal::ALL.into_iter().enumerate() {
            assert_eq!((reason as usize, counters.refused(reason)), (n, 0));
            counters.refuse(reason);
        }
        for (n, reason) in Drop::ALL.into_iter().enumerate() {
            assert_eq!((reason as usize, counters.dropped(reason)), (n, 0));
            counters.drop(reason);
        }
        let mut names: Vec<_> = Refusal::ALL.iter().map(|r| r.as_str()).collect();
        names.extend(Drop::ALL.iter().map(|d| d.as_str()));
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), Refusal::ALL.len() + Drop::ALL.len());
    }
}
