//! The real thing once: a worker's thread, real UDP on 127.0.0.1, and the real clock.

use std::net::UdpSocket;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tandem::id::{ParticipantId, RoomId, Source};
use tandem::metrics::Metrics;
use tandem::sfu::handle::{self, Offer, SfuCommand, SfuConfig, SfuEvent};

use super::world::certificate;
use crate::sources;
use loadtest::participant::Participant;

struct Browser {
    id: ParticipantId,
    socket: UdpSocket,
    participant: Participant,
}

impl Browser {
    fn drive(&mut self) {
        let mut buffer = [0; 2000];
        while let Ok((length, source)) = self.socket.recv_from(&mut buffer) {
            self.participant.handle_datagram(source, &buffer[..length], Instant::now());
        }
        let now = Instant::now();
        if self.participant.poll_timeout() <= now {
            self.participant.handle_timeout(now);
        }
        for (destination, payload) in self.participant.sends.drain(..) {
            let _ = self.socket.send_to(&payload, destination);
        }
    }

    fn decoded(&self) -> usize {
        let slot = self.participant.slots[0];
        self.participant.received.get(&slot).map_or(0, |r| r.decoded)
    }
}

#[test]
fn media_flows_over_real_sockets_and_stops_in_time() {
    let metrics = Arc::new(Metrics::new());
    let (events, mut inbox) = tokio::sync::mpsc::channel(64);
    let config = SfuConfig {
        bound: Vec::new(),
        listen: "[::]:0".parse().expect("an address"),
        workers: 2,
        candidates: Vec::new(),
        tcp_port: None,
        busy_max: 0.0,
        certificate: certificate(),
        strangers: None,
        turn: tokio::sync::mpsc::channel(1).0,
    };
    let (sfu, guard) = handle::start(config, metrics.clone(), events).expect("the ports are free");
    assert_eq!(sfu.addresses().len(), 2);
    let room = RoomId::from_random(1);
    let mut browsers: Vec<Browser> = (0..2)
        .map(|n| {
            let socket = UdpSocket::bind("127.0.0.1:0").expect("a port");
            socket.set_nonblocking(true).expect("it can");
            let now = Instant::now();
            let (mut participant, sdp) = Participant::new(socket.local_addr().expect("bound"), 1, now);
            let id = ParticipantId::from_random(n);
            let offer = SfuCommand::Offer(Offer {
                room,
                participant: id,
                attempt: 1,
                sdp,
                sources: sources(&participant),
                loopback: true,
            });
            sfu.send(offer).expect("it runs");
            let sources = vec![Source::Microphone, Source::Camera];
            sfu.send(SfuCommand::Publish {
                room,
                participant: id,
                sources,
            })
            .expect("it runs");
            let admit = SfuCommand::Admit {
                room,
                participant: id,
                receives: true,
            };
            sfu.send(admit).expect("it runs");
            participant.publish(now);
            Browser { id, socket, participant }
        })
        .collect();

    let deadline = Instant::now() + Duration::from_secs(20);
    while browsers.iter().any(|b| b.decoded() < 60) {
        assert!(
            Instant::now() < deadline,
            "{:?} frames",
            browsers.iter().map(Browser::decoded).collect::<Vec<_>>()
        );
        while let Ok(event) = inbox.try_recv() {
            match event {
                SfuEvent::Answered { participant, sdp, .. } => {
                    let browser = browsers.iter_mut().find(|b| b.id == participant).expect("it offered");
                    browser.participant.accept_answer(&sdp, Instant::now());
                }
                SfuEvent::LayersWanted { participant, layers, .. } => {
                    let browser = browsers.iter_mut().find(|b| b.id == participant).expect("it offered");
                    browser.participant.want(&layers);
                }
                SfuEvent::SlotsChanged { .. } | SfuEvent::SpeakersChanged { .. } => {}
                event => panic!("unexpected {event:?}"),
            }
        }
        for browser in &mut browsers {
            browser.drive();
        }
        std::thread::sleep(Duration::from_micros(500));
    }

    let stopping = Instant::now();
    guard.stop();
    assert!(stopping.elapsed() < Duration::from_secs(2), "{:?}", stopping.elapsed());
    assert!(
        sfu.send(SfuCommand::Admit {
            room,
            participant: browsers[0].id,
            receives: true,
        })
        .is_err()
    );
    let text = metrics.render();
    for line in text
        .lines()
        .filter(|l| l.contains("forward_seconds") || l.contains("busy") || l.contains("dropped"))
    {
        println!("{line}");
    }
    for line in [
        "tandem_media_packets_total{direction=\"out\",kind=\"video\"}",
        "tandem_udp_datagrams_total{direction=\"in\"}",
    ] {
        let value = text.lines().find_map(|l| l.strip_prefix(line)).expect("the metric is there");
        assert!(value.trim().parse::<u64>().expect("a number") > 100, "{line} {value}");
    }
}
