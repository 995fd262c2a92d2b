//! One client: a 5-tuple (RFC 8656 section 2), the allocation that it may have, and the answer to everything that it sends.
//!
//! Nothing is kept of a client that has not made an allocation, so that a driver may make one for each stray datagram and drop it.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Instant;

use aws_lc_rs::hmac;

use super::allocation::{Allocation, BindError, lifetime_s};
use super::counters::{Counters, Drop, Refusal};
use super::credentials::{Keys, REALM};
use super::framing;
use super::ledger::Ledger;
use super::message::{Class, Code, FAMILY_V4, FAMILY_V6, Message, Method, Writer, attribute};
use super::peers::Reach;
use crate::id::SessionId;

/// IANA's number of UDP, the only transport to a peer (RFC 8656 section 18.8).
const UDP: u8 = 17;

/// What all clients share.
pub struct Relay {
    pub keys: Keys,
    pub reach: Reach,
}

/// One moment on both clocks.
#[derive(Debug, Clone, Copy)]
pub struct Now {
    pub instant: Instant,
    /// Seconds since 1970: credentials and nonces outlive no process, but their readers are elsewhere.
    pub unix_s: u64,
}

/// What a client wants done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Output {
    /// An answer to somebody of whom nothing is proven; over UDP its address may be forged.
    ToStranger(Vec<u8>),
    /// Bytes to the client, framed as its transport needs them.
    ToClient(Vec<u8>),
    /// A datagram from the relayed address to a peer.
    ToPeer {
        peer: SocketAddr,
        payload: Vec<u8>,
    },
    /// There is an allocation, which `Freed` ends.
    Allocated {
        relayed: SocketAddr,
        session: SessionId,
    },
    Freed,
}

/// The server's state of one 5-tuple.
pub struct Client {
    relay: Arc<Relay>,
    /// The client's address as we see it.
    address: SocketAddr,
    is_stream: bool,
    owned: Option<Owned>,
    counters: Counters,
}

/// An allocation and whose it is.
struct Owned {
    allocation: Allocation,
    session: SessionId,
    username: String,
    /// The request that made it, and its answer, for when that is lost (RFC 8656 section 7.2).
    transaction: [u8; 12],
    answer: Vec<u8>,
}

/// The error answer to a request.
struct Refused {
    code: Code,
    reason: Refusal,
    unknown: Vec<u16>,
}

fn refused(code: Code, reason: Refusal) -> Refused {
    Refused {
        code,
        reason,
        unknown: Vec::new(),
    }
}

fn bad_request() -> Refused {
    refused(Code::BadRequest, Refusal::BadRequest)
}

/// A request whose sender is known.
struct Signed<'a> {
    message: Message<'a>,
    username: &'a str,
    session: SessionId,
    expires_unix_s: u64,
    key: hmac::Key,
}

impl Client {
    /// A client without an allocation. `is_stream`: TCP or TLS, where ChannelData is padded.
    pub fn new(relay: Arc<Relay>, address: SocketAddr, is_stream: bool) -> Client {
        Client {
            relay,
            address,
            is_stream,
            owned: None,
            counters: Counters::default(),
        }
    }

    /// Takes a STUN request. `random` is fresh for each.
    pub fn handle_request(&mut self, bytes: &[u8], now: Now, random: u64, ledger: &mut Ledger, out: &mut Vec<Output>) {
        let Some(message) = Message::parse(bytes).filter(|message| message.class == Class::Request) else {
            return self.counters.drop(Drop::Malformed);
        };
        match message.method {
            Method::Binding => {
                let answer = Writer::answer(&message, Class::Success).xor_address(attribute::XOR_MAPPED_ADDRESS, self.address);
                return out.push(Output::ToStranger(answer.finish()));
            }
            Method::Allocate | Method::Refresh | Method::CreatePermission | Method::ChannelBind => {}
            // RFC 8489 section 6.3: a method that is not supported is not answered.
            Method::Send | Method::Data | Method::Other(_) => return self.counters.drop(Drop::Malformed),
        }
        let request = match self.authenticate(message, now, ledger) {
            Ok(request) => request,
            Err(refused) => {
                self.counters.refuse(refused.reason);
                return out.push(Output::ToStranger(self.challenge(&message, refused.code, now)));
            }
        };
        let answered = match message.method {
            Method::Allocate => self.allocate(&request, now, random, ledger, out),
            Method::Refresh => self.refresh(&request, now, ledger, out),
            Method::CreatePermission => self.create_permission(&request, now),
            _ => self.channel_bind(&request, now),
        };
        let answer = answered.unwrap_or_else(|refused| {
            self.counters.refuse(refused.reason);
            let answer = Writer::answer(&message, Class::Error).error(refused.code);
            let unknown: Vec<u8> = refused.unknown.iter().flat_map(|kind| kind.to_be_bytes()).collect();
            match refused.code {
                Code::UnknownAttribute => answer.attribute(attribute::UNKNOWN_ATTRIBUTES, &unknown),
                _ => answer,
            }
            .sign(&request.key)
        });
        out.push(Output::ToClient(answer));
    }

    /// Takes ChannelData, a Send indication, or whatever else is not a request.
    pub fn handle_data(&mut self, bytes: &[u8], now: Instant, out: &mut Vec<Output>) {
        match self.read_data(bytes, now) {
            Ok((peer, payload)) => {
                self.counters.bytes_in += payload.len() as u64;
                let payload = payload.to_vec();
                out.push(Output::ToPeer { peer, payload });
            }
            Err(reason) => self.counters.drop(reason),
        }
    }

    /// Takes a datagram that a peer sent to the relayed address.
    pub fn handle_from_peer(&mut self, peer: SocketAddr, payload: &[u8], now: Instant, out: &mut Vec<Output>) {
        let Some(owned) = &mut self.owned else {
            return self.counters.drop(Drop::NoAllocation);
        };
        let allocation = &mut owned.allocation;
        if !allocation.is_permitted(peer.ip(), now) {
            return self.counters.drop(Drop::NoPermission);
        }
        if !self.relay.reach.has(peer) {
            return self.counters.drop(Drop::NotOurPeer);
        }
        if !allocation.may_receive(payload.len(), now) {
            return self.counters.drop(Drop::Bandwidth);
        }
        self.counters.bytes_out += payload.len() as u64;
        out.push(Output::ToClient(match allocation.channel_of(peer, now) {
            Some(number) => framing::write_channel_data(number, payload, self.is_stream),
            // Nobody compares the transaction id of an indication with anything (RFC 8489 section 6).
            None => Writer::new(Class::Indication, Method::Data, [0; 12])
                .xor_address(attribute::XOR_PEER_ADDRESS, peer)
                .attribute(attribute::DATA, payload)
                .finish(),
        }));
    }

    /// When `handle_timeout` is due: the end of the allocation.
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.owned.as_ref().map(|owned| owned.allocation.expires())
    }

    pub fn handle_timeout(&mut self, now: Instant, ledger: &mut Ledger, out: &mut Vec<Output>) {
        if self.poll_timeout().is_some_and(|expires| expires <= now) {
            self.free(ledger, out);
        }
    }

    /// Gives the allocation back, if there is one: the client or its session is gone.
    pub fn free(&mut self, ledger: &mut Ledger, out: &mut Vec<Output>) {
        if let Some(owned) = self.owned.take() {
            ledger.release(owned.session, owned.allocation.relayed());
            out.push(Output::Freed);
        }
    }

    pub fn has_allocation(&self) -> bool {
        self.owned.is_some()
    }

    /// What was counted since the last call.
    pub fn take_counters(&mut self) -> Counters {
        std::mem::take(&mut self.counters)
    }

    /// RFC 8489 section 9.2.4, in its order.
    fn authenticate<'a>(&self, message: Message<'a>, now: Now, ledger: &Ledger) -> Result<Signed<'a>, Refused> {
        if message.attribute(attribute::MESSAGE_INTEGRITY).is_none() {
            // Only an Allocate begins something. To anything else a stranger's answer is as short as it can be.
            return Err(if self.owned.is_none() && message.method != Method::Allocate {
                refused(Code::AllocationMismatch, Refusal::Mismatch)
            } else {
                refused(Code::Unauthenticated, Refusal::Challenged)
            });
        }
        let (Some(username), Some(realm), Some(nonce)) = (
            message.text(attribute::USERNAME),
            message.text(attribute::REALM),
            message.attribute(attribute::NONCE),
        ) else {
            return Err(bad_request());
        };
        if !self.relay.keys.is_fresh(nonce, self.address, now.unix_s) {
            return Err(refused(Code::StaleNonce, Refusal::StaleNonce));
        }
        let user = self.relay.keys.user(username).filter(|_| realm == REALM);
        match user {
            Some(user) if message.is_signed_with(&user.key) && ledger.is_alive(user.session) => Ok(Signed {
                message,
                username,
                session: user.session,
                expires_unix_s: user.expires_unix_s,
                key: user.key,
            }),
            _ => Err(refused(Code::Unauthenticated, Refusal::WrongCredential)),
        }
    }

    /// An error answer without integrity: with a realm and a nonce where the client is to try again with them.
    fn challenge(&self, message: &Message<'_>, code: Code, now: Now) -> Vec<u8> {
        let answer = Writer::answer(message, Class::Error).error(code);
        match code {
            Code::Unauthenticated | Code::StaleNonce => answer
                .attribute(attribute::REALM, REALM.as_bytes())
                .attribute(attribute::NONCE, self.relay.keys.nonce(self.address, now.unix_s).as_bytes())
                .finish(),
            _ => answer.finish(),
        }
    }

    /// RFC 8656 section 7.2.
    fn allocate(
        &mut self,
        request: &Signed<'_>,
        now: Now,
        random: u64,
        ledger: &mut Ledger,
        out: &mut Vec<Output>,
    ) -> Result<Vec<u8>, Refused> {
        let message = &request.message;
        if let Some(owned) = &self.owned {
            return if owned.transaction == message.transaction() && owned.username == request.username {
                Ok(owned.answer.clone())
            } else {
                Err(refused(Code::AllocationMismatch, Refusal::Mismatch))
            };
        }
        if now.unix_s > request.expires_unix_s {
            return Err(refused(Code::Unauthenticated, Refusal::ExpiredCredential));
        }
        check_known(
            message,
            &[
                attribute::LIFETIME,
                attribute::REQUESTED_TRANSPORT,
                attribute::REQUESTED_ADDRESS_FAMILY,
                attribute::EVEN_PORT,
                attribute::RESERVATION_TOKEN,
                // Nothing that passes between here and our SFU is ever cut into fragments.
                attribute::DONT_FRAGMENT,
            ],
        )?;
        let asked = Asked::read(message)?;
        let relayed = ledger
            .grant(request.session, asked.v6, asked.even_port, random)
            .map_err(|reason| match reason {
                Refusal::Family => refused(Code::AddressFamilyNotSupported, reason),
                Refusal::SessionQuota => refused(Code::AllocationQuotaReached, reason),
                _ => refused(Code::InsufficientCapacity, reason),
            })?;
        let lifetime_s = lifetime_s(asked.lifetime_s);
        let mut answer = Writer::answer(message, Class::Success)
            .xor_address(attribute::XOR_RELAYED_ADDRESS, relayed)
            .attribute(attribute::LIFETIME, &lifetime_s.to_be_bytes())
            .xor_address(attribute::XOR_MAPPED_ADDRESS, self.address);
        if asked.second_family {
            let code = Code::AddressFamilyNotSupported as u16;
            let value = [FAMILY_V6, 0, (code / 100) as u8, (code % 100) as u8];
            answer = answer.attribute(attribute::ADDRESS_ERROR_CODE, &value);
        }
        let answer = answer.sign(&request.key);
        self.owned = Some(Owned {
            allocation: Allocation::new(relayed, lifetime_s, now.instant),
            session: request.session,
            username: request.username.to_owned(),
            transaction: message.transaction(),
            answer: answer.clone(),
        });
        let session = request.session;
        out.push(Output::Allocated { relayed, session });
        Ok(answer)
    }

    /// RFC 8656 section 8.2.
    fn refresh(
        &mut self,
        request: &Signed<'_>,
        now: Now,
        ledger: &mut Ledger,
        out: &mut Vec<Output>,
    ) -> Result<Vec<u8>, Refused> {
        let message = &request.message;
        let allocation = self.own(request)?;
        check_known(message, &[attribute::LIFETIME, attribute::REQUESTED_ADDRESS_FAMILY])?;
        let relayed = allocation.relayed();
        if let Some(family) = read_family(message, attribute::REQUESTED_ADDRESS_FAMILY)?
            && family != relayed.is_ipv6()
        {
            return Err(refused(Code::PeerAddressFamilyMismatch, Refusal::Family));
        }
        let lifetime_s = match read_lifetime(message)? {
            Some(0) => 0,
            asked => lifetime_s(asked),
        };
        if lifetime_s == 0 {
            self.free(ledger, out);
        } else {
            allocation.refresh(lifetime_s, now.instant);
        }
        let answer = Writer::answer(message, Class::Success).attribute(attribute::LIFETIME, &lifetime_s.to_be_bytes());
        Ok(answer.sign(&request.key))
    }

    /// RFC 8656 section 10.2: all permissions, or none.
    fn create_permission(&mut self, request: &Signed<'_>, now: Now) -> Result<Vec<u8>, Refused> {
        let message = &request.message;
        let relay = self.relay.clone();
        let allocation = self.own(request)?;
        check_known(message, &[attribute::XOR_PEER_ADDRESS])?;
        let peers: Option<Vec<IpAddr>> = message.peers().map(|peer| peer.map(|peer| peer.ip())).collect();
        let peers = peers.filter(|peers| !peers.is_empty()).ok_or_else(bad_request)?;
        for peer in &peers {
            check_peer(peer.is_ipv6() == allocation.relayed().is_ipv6(), relay.reach.has_ip(*peer))?;
        }
        if !allocation.has_room_for(&peers, now.instant) {
            return Err(refused(Code::InsufficientCapacity, Refusal::AllocationLimit));
        }
        for peer in peers {
            allocation.permit(peer, now.instant);
        }
        Ok(Writer::answer(message, Class::Success).sign(&request.key))
    }

    /// RFC 8656 section 12.2.
    fn channel_bind(&mut self, request: &Signed<'_>, now: Now) -> Result<Vec<u8>, Refused> {
        let message = &request.message;
        let relay = self.relay.clone();
        let allocation = self.own(request)?;
        check_known(message, &[attribute::CHANNEL_NUMBER, attribute::XOR_PEER_ADDRESS])?;
        let number = message.number(attribute::CHANNEL_NUMBER).flatten().ok_or_else(bad_request)?;
        let peer = message.peers().next().flatten().ok_or_else(bad_request)?;
        check_peer(peer.is_ipv6() == allocation.relayed().is_ipv6(), relay.reach.has(peer))?;
        // The channel number stands in the upper half (RFC 8656 section 18.1).
        let bound = allocation.bind((number >> 16) as u16, peer, now.instant);
        bound.map_err(|error| match error {
            BindError::Invalid => bad_request(),
            BindError::Full => refused(Code::InsufficientCapacity, Refusal::AllocationLimit),
        })?;
        Ok(Writer::answer(message, Class::Success).sign(&request.key))
    }

    /// The allocation, for the user who made it (RFC 8656 section 5).
    fn own(&mut self, request: &Signed<'_>) -> Result<&mut Allocation, Refused> {
        match &mut self.owned {
            None => Err(refused(Code::AllocationMismatch, Refusal::Mismatch)),
            Some(owned) if owned.username != request.username => Err(refused(Code::WrongCredentials, Refusal::OtherUser)),
            Some(owned) => Ok(&mut owned.allocation),
        }
    }

    /// RFC 8656 sections 11.2 and 12.6.
    fn read_data<'a>(&mut self, bytes: &'a [u8], now: Instant) -> Result<(SocketAddr, &'a [u8]), Drop> {
        let allocation = &mut self.owned.as_mut().ok_or(Drop::NoAllocation)?.allocation;
        let (peer, payload) = if bytes.first().is_some_and(|first| first & 0xc0 == 0x40) {
            let (number, payload) = framing::read_channel_data(bytes).ok_or(Drop::Malformed)?;
            (allocation.peer_of(number, now).ok_or(Drop::NoChannel)?, payload)
        } else {
            let message = Message::parse(bytes).ok_or(Drop::Malformed)?;
            let known = [attribute::XOR_PEER_ADDRESS, attribute::DATA, attribute::DONT_FRAGMENT];
            if (message.class, message.method) != (Class::Indication, Method::Send) || !message.unknown(&known).is_empty() {
                return Err(Drop::Malformed);
            }
            let peer = message.peers().next().flatten().ok_or(Drop::Malformed)?;
            (peer, message.attribute(attribute::DATA).ok_or(Drop::Malformed)?)
        };
        if !allocation.is_permitted(peer.ip(), now) {
            return Err(Drop::NoPermission);
        }
        if !self.relay.reach.has(peer) {
            return Err(Drop::NotOurPeer);
        }
        if !allocation.may_send(payload.len(), now) {
            return Err(Drop::Bandwidth);
        }
        Ok((peer, payload))
    }
}

/// What an Allocate request asks for.
struct Asked {
    v6: bool,
    /// An IPv6 address beside the IPv4 one: optional to give (RFC 8656 section 7.2), and no browser asks.
    second_family: bool,
    even_port: bool,
    lifetime_s: Option<u32>,
}

impl Asked {
    fn read(message: &Message<'_>) -> Result<Asked, Refused> {
        let transport = message
            .number(attribute::REQUESTED_TRANSPORT)
            .flatten()
            .ok_or_else(bad_request)?;
        if transport.to_be_bytes()[0] != UDP {
            return Err(refused(Code::UnsupportedTransport, Refusal::Transport));
        }
        let family = read_family(message, attribute::REQUESTED_ADDRESS_FAMILY)?;
        let second = read_family(message, attribute::ADDITIONAL_ADDRESS_FAMILY)?;
        let even_port = match message.attribute(attribute::EVEN_PORT) {
            None => None,
            Some([bits, ..]) => Some(bits & 0x80 != 0),
            Some([]) => return Err(bad_request()),
        };
        if let Some(token) = message.attribute(attribute::RESERVATION_TOKEN) {
            return Err(
                if token.len() != 8 || even_port.is_some() || family.is_some() || second.is_some() {
                    bad_request()
                } else {
                    // We reserve no ports, so no token is ours.
                    refused(Code::InsufficientCapacity, Refusal::Capacity)
                },
            );
        }
        // The second family can only be IPv6, and does not go with a first that was asked for, nor with a reserved port.
        if second.is_some_and(|v6| !v6 || family.is_some() || even_port == Some(true)) {
            return Err(bad_request());
        }
        if even_port == Some(true) {
            return Err(refused(Code::InsufficientCapacity, Refusal::Capacity));
        }
        Ok(Asked {
            v6: family.unwrap_or(false),
            second_family: second.is_some(),
            even_port: even_port.is_some(),
            lifetime_s: read_lifetime(message)?,
        })
    }
}

/// Whether the family is IPv6 (RFC 8656 sections 18.6 and 18.11).
fn read_family(message: &Message<'_>, kind: u16) -> Result<Option<bool>, Refused> {
    match message.number(kind) {
        None => Ok(None),
        Some(None) => Err(bad_request()),
        Some(Some(value)) => match value.to_be_bytes()[0] {
            FAMILY_V4 => Ok(Some(false)),
            FAMILY_V6 => Ok(Some(true)),
            _ => Err(refused(Code::AddressFamilyNotSupported, Refusal::Family)),
        },
    }
}

fn read_lifetime(message: &Message<'_>) -> Result<Option<u32>, Refused> {
    match message.number(attribute::LIFETIME) {
        Some(None) => Err(bad_request()),
        Some(lifetime) => Ok(lifetime),
        None => Ok(None),
    }
}

/// RFC 8489 section 6.3.1: what must be understood and is not.
fn check_known(message: &Message<'_>, known: &[u16]) -> Result<(), Refused> {
    const SIGNATURE: [u16; 4] = [
        attribute::USERNAME,
        attribute::REALM,
        attribute::NONCE,
        attribute::MESSAGE_INTEGRITY,
    ];
    let unknown = message.unknown(&[known, &SIGNATURE].concat());
    if unknown.is_empty() {
        return Ok(());
    }
    Err(Refused {
        unknown,
        ..refused(Code::UnknownAttribute, Refusal::UnknownAttribute)
    })
}

fn check_peer(is_of_the_family: bool, may_be_reached: bool) -> Result<(), Refused> {
    if !is_of_the_family {
        return Err(refused(Code::PeerAddressFamilyMismatch, Refusal::Family));
    }
    if !may_be_reached {
        return Err(refused(Code::Forbidden, Refusal::ForbiddenPeer));
    }
    Ok(())
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "a test has to start its clock somewhere")]
mod tests;
