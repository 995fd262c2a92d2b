//! A call with media between two synthetic browsers, over the server's SFU.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context, bail, ensure};
use loadtest::participant::Participant;
use serde_json::{Value, json};
use tokio::net::UdpSocket;
use tokio::task::JoinHandle;
use tokio::time::{interval, sleep_until, timeout};

use crate::session::Session;

/// From the answer to the first decoded frame on both sides: beyond it, the call is taken to have failed.
const CONNECT_WITHIN: Duration = Duration::from_secs(20);

/// A page says `ping` more often than the server expects it.
const PING_EVERY: Duration = Duration::from_secs(2);

/// A running call.
pub struct Talk {
    sides: [Side; 2],
    stop: Arc<AtomicBool>,
    /// From the answer until both saw the first frame.
    pub setup: Duration,
}

struct Side {
    facts: Arc<Mutex<Facts>>,
    task: JoinHandle<anyhow::Result<()>>,
}

/// What one side knows of its connection.
#[derive(Debug, Clone, Default)]
pub struct Facts {
    pub address: Option<SocketAddr>,
    /// Where the server is reached, and the name of its end of the connection.
    pub server: Option<SocketAddr>,
    pub ufrag: Option<String>,
    pub decoded: usize,
    pub longest_gap: Duration,
    /// Connections that the server gave up.
    pub lost: usize,
    /// Asked of the side: forget the longest gap.
    reset: bool,
}

/// What may be done as soon as a side's addresses are known, before it connects.
pub type OnAnswer = Arc<dyn Fn(&Facts) + Send + Sync>;

impl Talk {
    /// Connects two new users, and returns when both see and hear each other.
    ///
    /// # Errors
    /// The server cannot be reached, refuses a command, or no media comes within [`CONNECT_WITHIN`].
    pub async fn start(url: &str, on_answer: OnAnswer) -> anyhow::Result<Talk> {
        let (mut caller, mut callee) = (Session::open(url).await?, Session::open(url).await?);
        caller
            .send(json!({ "type": "call", "user_id": callee.user_id, "always_through_server": true }))
            .await?;
        let incoming = callee.expect("incoming_call").await?;
        let ringing = caller.expect("call_ringing").await?;
        ensure!(incoming["room_id"] == ringing["room_id"], "two rooms for one call");
        let room = incoming["room_id"].as_str().context("a room")?.to_owned();
        callee
            .send(json!({ "type": "accept", "call_id": incoming["call_id"] }))
            .await?;
        let began = Instant::now();
        let stop = Arc::<AtomicBool>::default();
        let sides = [caller, callee].map(|session| {
            let facts = Arc::<Mutex<Facts>>::default();
            let task = tokio::spawn(hold(session, room.clone(), facts.clone(), stop.clone(), on_answer.clone()));
            Side { facts, task }
        });
        let mut talk = Talk {
            sides,
            stop,
            setup: Duration::ZERO,
        };
        let both_see = async {
            while talk.facts().iter().any(|facts| facts.decoded == 0) {
                if talk.sides.iter().any(|side| side.task.is_finished()) {
                    break;
                }
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        let saw = timeout(CONNECT_WITHIN, both_see).await;
        talk.setup = began.elapsed();
        if saw.is_err() || talk.sides.iter().any(|side| side.task.is_finished()) {
            let facts = talk.facts();
            talk.stop().await?;
            bail!("no media within {CONNECT_WITHIN:?}: {facts:?}");
        }
        Ok(talk)
    }

    pub fn facts(&self) -> [Facts; 2] {
        self.sides
            .each_ref()
            .map(|side| side.facts.lock().unwrap_or_else(PoisonError::into_inner).clone())
    }

    /// Measures gaps anew.
    pub fn reset_gaps(&self) {
        for side in &self.sides {
            side.facts.lock().unwrap_or_else(PoisonError::into_inner).reset = true;
        }
    }

    /// # Errors
    /// What went wrong on a side while it ran.
    pub async fn stop(self) -> anyhow::Result<()> {
        self.stop.store(true, Ordering::Relaxed);
        for side in self.sides {
            side.task.await??;
        }
        Ok(())
    }
}

/// One side, until it is told to stop.
async fn hold(
    mut session: Session,
    room: String,
    facts: Arc<Mutex<Facts>>,
    stop: Arc<AtomicBool>,
    on_answer: OnAnswer,
) -> anyhow::Result<()> {
    let socket = UdpSocket::bind("127.0.0.1:0").await?;
    let address = socket.local_addr()?;
    let mut attempt = 0;
    let mut participant = offer(&mut session, &room, address, &mut attempt).await?;
    let mut ping = interval(PING_EVERY);
    let mut buffer = [0; 2048];
    while !stop.load(Ordering::Relaxed) {
        for (destination, payload) in participant.sends.drain(..) {
            // A full socket is a lost datagram.
            let _ = socket.send_to(&payload, destination).await;
        }
        tokio::select! {
            received = socket.recv_from(&mut buffer) => {
                let (length, source) = received?;
                participant.handle_datagram(source, &buffer[..length], Instant::now());
            }
            event = session.next() => {
                let event = event?;
                match event["type"].as_str() {
                    Some("offer_answered") if event["attempt"] == attempt => {
                        let sdp = event["sdp"].as_str().context("an answer has SDP")?;
                        note_server(&facts, address, sdp);
                        on_answer(&facts.lock().unwrap_or_else(PoisonError::into_inner).clone());
                        participant.accept_answer(sdp, Instant::now());
                    }
                    Some("layers_wanted") => participant.want(&layers(&event)),
                    Some("transport_lost") if event["attempt"] == attempt => {
                        facts.lock().unwrap_or_else(PoisonError::into_inner).lost += 1;
                        participant = offer(&mut session, &room, address, &mut attempt).await?;
                    }
                    Some("call_ended") => bail!("the call ended: {event}"),
                    _ => {}
                }
            }
            _ = ping.tick() => session.send(json!({ "type": "ping" })).await?,
            () = sleep_until(participant.poll_timeout().into()) => participant.handle_timeout(Instant::now()),
        }
        let mut facts = facts.lock().unwrap_or_else(PoisonError::into_inner);
        let reset = std::mem::take(&mut facts.reset);
        let now = Instant::now();
        // Of the one slot, which shows the other's camera.
        let Some(receiver) = participant.slots.first().and_then(|slot| participant.received.get_mut(slot)) else {
            continue;
        };
        if reset {
            receiver.longest_gap = Duration::ZERO;
        }
        // The gap that is not over yet counts too.
        let silent = receiver
            .last_decoded
            .map_or(Duration::ZERO, |at| now.saturating_duration_since(at));
        facts.decoded = receiver.decoded;
        facts.longest_gap = receiver.longest_gap.max(silent);
    }
    Ok(())
}

async fn offer(session: &mut Session, room: &str, address: SocketAddr, attempt: &mut u32) -> anyhow::Result<Participant> {
    let now = Instant::now();
    let (mut participant, sdp) = Participant::new(address, 1, now);
    participant.publish(now);
    *attempt += 1;
    let sources = json!([
        { "mid": participant.microphone().to_string(), "source": "microphone" },
        { "mid": participant.camera().to_string(), "source": "camera" },
    ]);
    session
        .send(json!({ "type": "offer", "room_id": room, "attempt": *attempt, "sdp": sdp, "sources": sources }))
        .await?;
    session
        .send(json!({ "type": "publish", "room_id": room, "sources": ["microphone", "camera"] }))
        .await?;
    Ok(participant)
}

fn note_server(facts: &Mutex<Facts>, address: SocketAddr, sdp: &str) {
    let mut facts = facts.lock().unwrap_or_else(PoisonError::into_inner);
    facts.address = Some(address);
    facts.ufrag = sdp
        .lines()
        .find_map(|line| line.strip_prefix("a=ice-ufrag:"))
        .map(str::to_owned);
    // a=candidate:<foundation> 1 udp <priority> <address> <port> typ host
    facts.server = sdp
        .lines()
        .filter_map(|line| line.strip_prefix("a=candidate:"))
        .find_map(|candidate| {
            let fields: Vec<&str> = candidate.split(' ').collect();
            let server = SocketAddr::new(fields.get(4)?.parse().ok()?, fields.get(5)?.parse().ok()?);
            (fields.get(2) == Some(&"udp") && server.ip().is_loopback() && server.is_ipv4()).then_some(server)
        });
}

/// What `layers_wanted` says.
pub fn layers(event: &Value) -> Vec<(Option<String>, bool, u32)> {
    let layers = event["layers"].as_array().map(Vec::as_slice).unwrap_or_default();
    layers
        .iter()
        .map(|layer| {
            (
                layer["rid"].as_str().map(str::to_owned),
                layer["active"].as_bool().unwrap_or(false),
                layer["bitrate_bps"].as_u64().map_or(u32::MAX, |bps| bps as u32),
            )
        })
        .collect()
}
