//! Malformed datagrams and forged handshakes against a server that carries a call: the call must not notice.

use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4, UdpSocket};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use loadtest::malformed::{Malformed, Shape};
use serde_json::json;
use socket2::{Domain, Protocol, Socket, Type};

use crate::process;
use crate::talk::{Facts, Media, Talk};

/// Strangers: each is a socket, so an address of its own.
const STRANGERS: usize = 64;

/// Datagrams between two looks at the clock.
const BURST: u32 = 50;

/// Between the end of a first attack and the end of a second. A server that has just started takes 24 MiB, and what its allocator and
/// the database's cache have not had yet is 1 to 2 MiB of that; a leak of 50 bytes a datagram would be 10 MiB of a short attack.
const GROWTH_MAX_KIB: u64 = 4096;

/// How much faster the attack is sent the first time.
const REHEARSAL_HASTE: u32 = 10;

/// After it, for the server to let go.
const COOL_DOWN: Duration = Duration::from_secs(3);

/// ClientHellos in the name of somebody who is connecting.
const FORGED_HELLOS: usize = 200;

#[derive(Debug, clap::Args)]
pub struct Attack {
    /// The server's websocket; it has to be on this machine
    #[arg(long, default_value = "ws://127.0.0.1:8443/ws")]
    url: String,
    /// Malformed datagrams in all
    #[arg(long, short, default_value_t = 1_000_000)]
    number: u32,
    /// Datagrams a second
    #[arg(long, default_value_t = 20_000)]
    rate: u32,
    /// The same seed makes the same datagrams
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Calls that are made during the attack, each under a flood of ClientHellos in the name of those who connect
    #[arg(long, default_value_t = 20)]
    joins: u32,
    /// Also sends in the name of those who are in the call. Needs root
    #[arg(long)]
    forge: bool,
    /// The server's process: its memory is compared before and after
    #[arg(long)]
    server_pid: u32,
}

/// # Errors
/// The call had a gap above 200 ms, a call during the attack took too long to connect (5 s; where ClientHellos are forged, 8 s, since
/// a stalled handshake is given up after 3 s), or memory grew by more than [`GROWTH_MAX_KIB`].
pub async fn run(asked: Attack) -> anyhow::Result<()> {
    const GAP_MAX: Duration = Duration::from_millis(200);
    let setup_max = Duration::from_secs(if asked.forge { 8 } else { 5 });

    let control = Talk::start(&asked.url, Media::forwarded()).await?;
    let target = control.facts()[0].clone();
    // The whole attack once before: what the server allots once for it (buffers, the database's cache) is no leak.
    attack(&asked, &target, asked.rate.saturating_mul(REHEARSAL_HASTE), asked.seed).await?;
    tokio::time::sleep(COOL_DOWN).await;
    let before = resident_kib(&asked)?;
    control.reset_gaps();
    let outcome = attack(&asked, &target, asked.rate, asked.seed.wrapping_add(1)).await?;
    let gap = control
        .facts()
        .iter()
        .map(|facts| facts.picture.longest_gap)
        .max()
        .unwrap_or_default();
    tokio::time::sleep(COOL_DOWN).await;
    let after = resident_kib(&asked)?;
    ensure!(control.facts().iter().all(|facts| facts.lost == 0), "the call was lost");
    control.stop().await.context("the call during the attack")?;

    let Outcome { setups, lost, sent } = outcome;
    let report = json!({
        "seed": asked.seed,
        "datagrams": sent,
        "forged": asked.forge,
        "longest_gap_ms": gap.as_millis() as u64,
        "calls_made": setups.len(),
        "setup_ms_median": setups.get(setups.len() / 2).map(|setup| setup.as_millis() as u64),
        "setup_ms_worst": setups.last().map(|setup| setup.as_millis() as u64),
        "connections_made_again": lost,
        "resident_kib": [before, after],
    });
    println!("{report}");
    ensure!(gap <= GAP_MAX, "a gap of {gap:?} in the call, more than {GAP_MAX:?}");
    ensure!(
        setups.last().is_none_or(|worst| *worst <= setup_max),
        "a call took more than {setup_max:?} to connect"
    );
    ensure!(
        after <= before + GROWTH_MAX_KIB,
        "resident memory grew from {before} to {after} KiB"
    );
    Ok(())
}

/// What an attack did to the calls that were made during it.
struct Outcome {
    /// From the answer to the first frames, shortest first.
    setups: Vec<Duration>,
    /// Connections that the server gave up.
    lost: usize,
    sent: u32,
}

async fn attack(asked: &Attack, target: &Facts, rate: u32, seed: u64) -> anyhow::Result<Outcome> {
    let (target, number, forge) = (target.clone(), asked.number, asked.forge);
    let flood = tokio::task::spawn_blocking(move || flood(&target, number, rate, seed, forge));
    let media = if forge {
        Media::Forwarded(Arc::new(move |facts| forge_hellos(facts, seed)))
    } else {
        Media::forwarded()
    };
    let (mut setups, mut lost) = (Vec::new(), 0);
    for _ in 0..asked.joins {
        let talk = Talk::start(&asked.url, media.clone()).await?;
        setups.push(talk.setup);
        lost += talk.facts().iter().map(|facts| facts.lost).sum::<usize>();
        talk.stop().await?;
    }
    setups.sort_unstable();
    let sent = flood.await??;
    Ok(Outcome { setups, lost, sent })
}

fn resident_kib(asked: &Attack) -> anyhow::Result<u64> {
    let usage = process::usage(asked.server_pid).context("--server-pid names no process of ours")?;
    Ok(usage.resident_kib)
}

/// Sends at a steady rate, from strangers and, if asked for, in the name of one who is in the call.
fn flood(target: &Facts, number: u32, rate: u32, seed: u64, forge: bool) -> anyhow::Result<u32> {
    let server = target.server.context("the server offers no candidate on 127.0.0.1")?;
    let ufrag = target.ufrag.as_deref().context("the answer names a ufrag")?;
    let strangers = (0..STRANGERS)
        .map(|_| UdpSocket::bind("127.0.0.1:0"))
        .collect::<Result<Vec<_>, _>>()?;
    let forger = forge.then(Forger::new).transpose()?;
    let mut malformed = Malformed::new(seed);
    let began = Instant::now();
    for sent in 0..number {
        if sent % BURST == 0 {
            let due = began + Duration::from_secs_f64(f64::from(sent) / f64::from(rate));
            std::thread::sleep(due.saturating_duration_since(Instant::now()));
        }
        let datagram = malformed.any(ufrag);
        // One that the kernel does not take is one that the server would have dropped.
        match (&forger, target.address) {
            (Some(forger), Some(victim)) if sent % 4 == 0 => forger.send(victim, server, &datagram),
            _ => {
                let _ = strangers[sent as usize % STRANGERS].send_to(&datagram, server);
            }
        }
    }
    Ok(number)
}

/// ClientHellos in the name of somebody who is about to connect (threats: a forged one may stall a handshake).
fn forge_hellos(victim: &Facts, seed: u64) {
    let (Some(address), Some(server)) = (victim.address, victim.server) else {
        return;
    };
    std::thread::spawn(move || {
        let Ok(forger) = Forger::new() else { return };
        let mut malformed = Malformed::new(seed);
        for _ in 0..FORGED_HELLOS {
            forger.send(address, server, &malformed.of(Shape::ClientHello, ""));
            std::thread::sleep(Duration::from_millis(1));
        }
    });
}

/// Sends UDP datagrams with somebody else's source address.
struct Forger {
    socket: Socket,
}

impl Forger {
    fn new() -> anyhow::Result<Forger> {
        const IPPROTO_RAW: i32 = 255;
        let socket = Socket::new(Domain::IPV4, Type::RAW, Some(Protocol::from(IPPROTO_RAW)))
            .context("--forge needs a raw socket, which needs root (CAP_NET_RAW)")?;
        socket.set_header_included_v4(true)?;
        Ok(Forger { socket })
    }

    fn send(&self, source: SocketAddr, destination: SocketAddr, payload: &[u8]) {
        let (SocketAddr::V4(source), SocketAddr::V4(destination)) = (source, destination) else {
            return;
        };
        let packet = ipv4_udp(source, destination, payload);
        let _ = self.socket.send_to(&packet, &destination.into());
    }
}

/// An IPv4 packet with a UDP datagram in it (RFC 791 section 3.1, RFC 768). The kernel fills in the header checksum; the other may be 0.
fn ipv4_udp(source: SocketAddrV4, destination: SocketAddrV4, payload: &[u8]) -> Vec<u8> {
    const HEADERS_BYTES: u16 = 28;
    const UDP: u8 = 17;
    let length = HEADERS_BYTES + payload.len() as u16;
    let octets = |ip: &Ipv4Addr| ip.octets();
    let mut packet = vec![0x45, 0];
    packet.extend(length.to_be_bytes());
    packet.extend([0, 0, 0x40, 0, 64, UDP, 0, 0]);
    packet.extend(octets(source.ip()));
    packet.extend(octets(destination.ip()));
    packet.extend(source.port().to_be_bytes());
    packet.extend(destination.port().to_be_bytes());
    packet.extend((length - 20).to_be_bytes());
    packet.extend([0, 0]);
    packet.extend(payload);
    packet
}
