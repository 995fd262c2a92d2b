//! The driver over in-memory streams and in-process datagrams, with an SFU that echoes.

// The architecture test reads a file up to this line.
#[cfg(test)]
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};
use tokio::time::timeout;

use super::*;
use crate::relay::credentials::{REALM, long_term_key};
use crate::relay::ledger::ALLOCATIONS_PER_SESSION_MAX;
use crate::relay::message::{Message, Method, Writer, attribute};

const PATIENCE: Duration = Duration::from_secs(5);

fn addr(text: &str) -> SocketAddr {
    text.parse().expect("an address")
}

fn sfu_address() -> SocketAddr {
    addr("203.0.113.7:8443")
}

/// (from, to, payload) of a datagram that the SFU was asked to send.
type Sent = (SocketAddr, SocketAddr, Vec<u8>);

/// Sends back what is delivered, and hands what leaves by UDP to the test.
struct Echo(mpsc::UnboundedSender<Sent>);

struct EchoLink(mpsc::Sender<FromPeer>);

impl Sfu for Echo {
    fn link(&self, _: SocketAddr, outbox: mpsc::Sender<FromPeer>) -> Box<dyn Link> {
        Box::new(EchoLink(outbox))
    }

    fn send_udp(&self, source: SocketAddr, destination: SocketAddr, payload: Vec<u8>) {
        let _ = self.0.send((source, destination, payload));
    }
}

impl Link for EchoLink {
    fn deliver(&self, peer: SocketAddr, payload: Vec<u8>) {
        let _ = self.0.try_send((peer, payload));
    }
}

struct World {
    relay: RelayHandle,
    metrics: Arc<Metrics>,
    sent: mpsc::UnboundedReceiver<Sent>,
    session: SessionId,
}

impl World {
    fn new() -> World {
        let (sender, sent) = mpsc::unbounded_channel();
        let metrics = Arc::new(Metrics::new());
        let relay = RelayHandle::start([sfu_address()], Echo(sender), metrics.clone()).expect("random numbers");
        let session = SessionId::from_random(1);
        relay.begin_session(session);
        World {
            relay,
            metrics,
            sent,
            session,
        }
    }

    fn credential(&self) -> Credential {
        self.relay.credentials(self.session)
    }

    /// A connection that the relay serves, and what becomes of its task.
    fn connect(&self) -> (DuplexStream, tokio::task::JoinHandle<()>) {
        let (ours, theirs) = tokio::io::duplex(64 << 10);
        let relay = self.relay.clone();
        let task = tokio::spawn(async move {
            relay.serve_stream(theirs, addr("198.51.100.9:4000"), Transport::Tcp).await;
        });
        (ours, task)
    }

    fn allocations(&self) -> i64 {
        Transport::ALL
            .iter()
            .map(|t| self.metrics.relay_allocations.with_label_values(&[t.as_str()]).get())
            .sum()
    }

    fn refused(&self, reason: Refusal) -> u64 {
        self.metrics.relay_refused.with_label_values(&[reason.as_str()]).get()
    }

    fn dropped(&self, reason: DropReason) -> u64 {
        self.metrics.relay_dropped.with_label_values(&[reason.as_str()]).get()
    }

    async fn until(&self, what: &str, holds: impl Fn(&World) -> bool) {
        let waited = timeout(PATIENCE, async {
            while !holds(self) {
                tokio::task::yield_now().await;
            }
        });
        assert!(waited.await.is_ok(), "it never came to be that {what}");
    }

    /// A request by UDP, and its answer.
    async fn by_udp(&mut self, client: SocketAddr, request: Vec<u8>) -> Vec<u8> {
        self.relay.handle_datagram(client, sfu_address(), request);
        let (source, destination, payload) = timeout(PATIENCE, self.sent.recv())
            .await
            .expect("in time")
            .expect("an answer");
        assert_eq!((source, destination), (sfu_address(), client));
        payload
    }

    /// Makes an allocation by UDP; the error code if it is refused.
    async fn allocate_by_udp(&mut self, client: SocketAddr) -> Result<(), u16> {
        let credential = self.credential();
        self.allocate_by_udp_as(client, &credential).await
    }

    async fn allocate_by_udp_as(&mut self, client: SocketAddr, credential: &Credential) -> Result<(), u16> {
        let challenge = self.by_udp(client, request(Method::Allocate).finish()).await;
        let answer = signed(request(Method::Allocate), credential, &nonce_of(&challenge));
        code_of(&self.by_udp(client, answer).await)
    }
}

fn request(method: Method) -> Writer {
    let message = Writer::new(Class::Request, method, *b"transaction!");
    match method {
        Method::Allocate => message.attribute(attribute::REQUESTED_TRANSPORT, &[17, 0, 0, 0]),
        _ => message,
    }
}

fn signed(message: Writer, credential: &Credential, nonce: &str) -> Vec<u8> {
    message
        .attribute(attribute::USERNAME, credential.username.as_bytes())
        .attribute(attribute::REALM, REALM.as_bytes())
        .attribute(attribute::NONCE, nonce.as_bytes())
        .sign(&long_term_key(&credential.username, REALM, &credential.password))
}

fn nonce_of(challenge: &[u8]) -> String {
    let challenge = Message::parse(challenge).expect("a message");
    challenge.text(attribute::NONCE).expect("a nonce").to_owned()
}

fn code_of(answer: &[u8]) -> Result<(), u16> {
    let message = Message::parse(answer).expect("a message");
    match message.attribute(attribute::ERROR_CODE) {
        Some(code) => Err(u16::from(code[2]) * 100 + u16::from(code[3])),
        None => Ok(()),
    }
}

fn channel_bind(credential: &Credential, nonce: &str) -> Vec<u8> {
    channel_bind_to(sfu_address(), credential, nonce)
}

fn channel_bind_to(peer: SocketAddr, credential: &Credential, nonce: &str) -> Vec<u8> {
    let message = request(Method::ChannelBind)
        .attribute(attribute::CHANNEL_NUMBER, &[0x40, 0, 0, 0])
        .xor_address(attribute::XOR_PEER_ADDRESS, peer);
    signed(message, credential, nonce)
}

async fn read_message(stream: &mut DuplexStream) -> Vec<u8> {
    let read = async {
        let mut bytes = vec![0; 20];
        stream.read_exact(&mut bytes).await.expect("a header");
        let length = usize::from(u16::from_be_bytes([bytes[2], bytes[3]]));
        bytes.resize(20 + length, 0);
        stream.read_exact(&mut bytes[20..]).await.expect("a body");
        bytes
    };
    timeout(PATIENCE, read).await.expect("in time")
}

/// ChannelData with up to four bytes in it.
async fn read_frame(stream: &mut DuplexStream) -> [u8; 8] {
    let mut frame = [0; 8];
    let read = timeout(PATIENCE, stream.read_exact(&mut frame)).await.expect("in time");
    read.expect("an echo");
    frame
}

async fn ask(stream: &mut DuplexStream, request: &[u8]) -> Vec<u8> {
    stream.write_all(request).await.expect("written");
    read_message(stream).await
}

/// Makes an allocation on a connection; its nonce.
async fn allocate(stream: &mut DuplexStream, credential: &Credential) -> Result<String, u16> {
    let challenge = ask(stream, &request(Method::Allocate).finish()).await;
    let nonce = nonce_of(&challenge);
    code_of(&ask(stream, &signed(request(Method::Allocate), credential, &nonce)).await)?;
    Ok(nonce)
}

#[tokio::test]
async fn media_goes_to_the_sfu_and_back_over_a_stream() {
    let world = World::new();
    let credential = world.credential();
    let (mut stream, _task) = world.connect();
    let nonce = allocate(&mut stream, &credential).await.expect("an allocation");
    assert_eq!(world.allocations(), 1);
    assert_eq!(code_of(&ask(&mut stream, &channel_bind(&credential, &nonce)).await), Ok(()));
    for n in 0..200u8 {
        stream.write_all(&[0x40, 0, 0, 1, n, 0, 0, 0]).await.expect("written");
        assert_eq!(read_frame(&mut stream).await, [0x40, 0, 0, 1, n, 0, 0, 0]);
    }
    assert_eq!(world.metrics.relay_bytes.with_label_values(&["in"]).get(), 200);
    assert_eq!(world.metrics.relay_bytes.with_label_values(&["out"]).get(), 200);
}

#[tokio::test]
async fn media_goes_to_the_sfu_and_back_by_udp() {
    let mut world = World::new();
    let client = addr("198.51.100.9:4000");
    let credential = world.credential();
    assert_eq!(world.allocate_by_udp_as(client, &credential).await, Ok(()));
    let challenge = world.by_udp(client, request(Method::Refresh).finish()).await;
    assert_eq!(code_of(&challenge), Err(401));
    let bind = channel_bind(&credential, &nonce_of(&challenge));
    assert_eq!(code_of(&world.by_udp(client, bind).await), Ok(()));
    let frame = b"\x40\x00\x00\x01x".to_vec();
    assert_eq!(world.by_udp(client, frame.clone()).await, frame);
    world
        .relay
        .handle_datagram(addr("198.51.100.9:4001"), sfu_address(), b"\x40\x00\x00\x01x".to_vec());
    assert_eq!(world.dropped(DropReason::NoAllocation), 1, "another client's channel");
}

#[tokio::test]
async fn media_goes_to_the_sfu_of_another_node_and_back() {
    let world = World::new();
    let (other, stranger) = (
        tokio::net::UdpSocket::bind("127.0.0.1:0").await.expect("a socket"),
        tokio::net::UdpSocket::bind("127.0.0.1:0").await.expect("a socket"),
    );
    let there = other.local_addr().expect("an address");
    let credential = world.credential();
    let (mut stream, _task) = world.connect();
    let nonce = allocate(&mut stream, &credential).await.expect("an allocation");
    let bind = channel_bind_to(there, &credential, &nonce);
    assert_eq!(
        code_of(&ask(&mut stream, &bind).await),
        Err(403),
        "nobody said that it is one"
    );
    world.relay.set_others([there]);
    assert_eq!(code_of(&ask(&mut stream, &bind).await), Ok(()));
    let mut datagram = [0; 64];
    for n in 0..200u8 {
        stream.write_all(&[0x40, 0, 0, 1, n, 0, 0, 0]).await.expect("written");
        let received = timeout(PATIENCE, other.recv_from(&mut datagram)).await.expect("in time");
        let (length, relay) = received.expect("a datagram");
        assert_eq!(datagram[..length], [n]);
        if n == 0 {
            stranger.send_to(b"mine", relay).await.expect("sent");
            world
                .until("it is dropped", |world| world.dropped(DropReason::NotOurPeer) == 1)
                .await;
        }
        other.send_to(&datagram[..length], relay).await.expect("sent");
        assert_eq!(read_frame(&mut stream).await, [0x40, 0, 0, 1, n, 0, 0, 0]);
    }
    // It is no node any more.
    world.relay.set_others([]);
    stream.write_all(b"\x40\x00\x00\x01x\0\0\0").await.expect("written");
    world
        .until("nothing goes there", |world| world.dropped(DropReason::NotOurPeer) == 2)
        .await;
    assert_eq!(world.dropped(DropReason::NotSent), 0);
}

#[tokio::test]
async fn an_ended_session_takes_its_allocations_with_it_at_once() {
    let mut world = World::new();
    let (mut stream, task) = world.connect();
    let credential = world.credential();
    allocate(&mut stream, &credential).await.expect("an allocation");
    assert_eq!(world.allocate_by_udp(addr("198.51.100.9:4000")).await, Ok(()));
    let other = SessionId::from_random(2);
    world.relay.begin_session(other);
    let (mut others_stream, _task) = world.connect();
    allocate(&mut others_stream, &world.relay.credentials(other))
        .await
        .expect("an allocation of somebody else");
    assert_eq!(world.allocations(), 3);
    world.relay.end_session(world.session);
    timeout(PATIENCE, task)
        .await
        .expect("the connection is closed")
        .expect("in order");
    world
        .until("only the other's is left", |world| world.allocations() == 1)
        .await;
    let (mut stream, _task) = world.connect();
    assert_eq!(
        allocate(&mut stream, &credential).await,
        Err(401),
        "a credential that is still young"
    );
    assert_eq!(world.refused(Refusal::WrongCredential), 1);
}

#[tokio::test]
async fn a_closed_connection_gives_its_allocation_back() {
    let world = World::new();
    for round in 0..3 {
        let mut streams = Vec::new();
        for n in 0..ALLOCATIONS_PER_SESSION_MAX {
            let (mut stream, _task) = world.connect();
            let made = allocate(&mut stream, &world.credential()).await;
            assert!(made.is_ok(), "round {round}, number {n}: {made:?}");
            streams.push(stream);
        }
        let (mut stream, _task) = world.connect();
        assert_eq!(allocate(&mut stream, &world.credential()).await, Err(486));
        drop(streams);
        world.until("nothing is left", |world| world.allocations() == 0).await;
    }
}

#[tokio::test]
async fn a_stop_ends_everything() {
    let mut world = World::new();
    let (mut stream, task) = world.connect();
    allocate(&mut stream, &world.credential()).await.expect("an allocation");
    assert_eq!(world.allocate_by_udp(addr("198.51.100.9:4000")).await, Ok(()));
    let (_idle, idle_task) = world.connect();
    world.relay.stop();
    for task in [task, idle_task] {
        timeout(PATIENCE, task).await.expect("it ends").expect("in order");
    }
    world.until("nothing is left", |world| world.allocations() == 0).await;
}

#[tokio::test]
async fn a_connection_that_makes_no_allocation_is_closed() {
    let world = World::new();
    let (mut stream, task) = world.connect();
    let _ = ask(&mut stream, &request(Method::Allocate).finish()).await;
    // Its deadline is ten seconds of real time.
    timeout(3 * PATIENCE, task).await.expect("it is closed").expect("in order");
    assert_eq!(world.refused(Refusal::SlowOpener), 1);
}

#[tokio::test]
async fn what_is_no_turn_is_closed_and_counted() {
    let world = World::new();
    let (mut stream, task) = world.connect();
    stream.write_all(b"GET / HTTP/1.1\r\n\r\n").await.expect("written");
    timeout(PATIENCE, task).await.expect("it is closed").expect("in order");
    assert_eq!(world.refused(Refusal::BadFrame), 1);
}

#[tokio::test]
async fn connections_that_begin_nothing_are_bounded() {
    let world = World::new();
    let idle: Vec<_> = (0..HALF_OPEN_STREAMS_MAX).map(|_| world.connect()).collect();
    let relay = &world.relay.shared;
    world
        .until("all are open", |_| relay.half_open.available_permits() == 0)
        .await;
    let (_stream, task) = world.connect();
    timeout(PATIENCE, task).await.expect("it is closed").expect("in order");
    assert_eq!(world.refused(Refusal::HalfOpen), 1);
    drop(idle);
    world
        .until("they are gone", |_| {
            relay.half_open.available_permits() == HALF_OPEN_STREAMS_MAX
        })
        .await;
    let (mut stream, _task) = world.connect();
    assert!(allocate(&mut stream, &world.credential()).await.is_ok());
}

#[tokio::test]
async fn strangers_of_one_network_get_a_bounded_number_of_answers() {
    let mut world = World::new();
    let begun = Instant::now();
    let mut answers = 0;
    for n in 0..1000u16 {
        let client = SocketAddr::from(([198, 51, 100, n as u8], 1000 + n));
        world
            .relay
            .handle_datagram(client, sfu_address(), request(Method::Allocate).finish());
    }
    world
        .until("all were looked at", |world| world.refused(Refusal::Challenged) == 1000)
        .await;
    let limited = world.refused(Refusal::RateLimited);
    while world.sent.try_recv().is_ok() {
        answers += 1;
    }
    assert_eq!(answers + limited, 1000);
    let most = 200 + (begun.elapsed().as_secs_f64() * 100.0) as u64 + 1;
    assert!(answers <= most, "{answers} answers");
    assert_eq!(
        world.relay.shared.registry().ledger.count(),
        (1, 0),
        "nothing is kept of them"
    );
    let elsewhere = addr("192.0.2.1:1");
    assert_eq!(world.allocate_by_udp(elsewhere).await, Ok(()), "another network");
}

#[tokio::test]
async fn a_client_that_reads_nothing_is_not_buffered_for() {
    let world = World::new();
    let credential = world.credential();
    let (mut stream, _task) = world.connect();
    let nonce = allocate(&mut stream, &credential).await.expect("an allocation");
    assert_eq!(code_of(&ask(&mut stream, &channel_bind(&credential, &nonce)).await), Ok(()));
    let mut frame = vec![0x40, 0, 4, 0];
    frame.resize(1028, 7);
    // What is sent up is never held up by what cannot be sent down: 200 kB go in while nobody reads.
    for _ in 0..200 {
        timeout(PATIENCE, stream.write_all(&frame))
            .await
            .expect("it is read on")
            .expect("written");
    }
    world
        .until("all of it arrived", |world| {
            world.metrics.relay_bytes.with_label_values(&["in"]).get() == 200 << 10
        })
        .await;
    let mut back = Vec::new();
    while let Ok(Ok(1..)) = timeout(Duration::from_millis(200), stream.read_buf(&mut back)).await {}
    // The pipe, one TLS record, the outbox.
    assert!(back.len() >= 64 << 10, "{} bytes came back", back.len());
    assert_eq!(back.len() % frame.len(), 0, "whole frames");
}
