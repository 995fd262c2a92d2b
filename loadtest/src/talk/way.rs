//! A connection of a side, with its socket.

use std::time::Instant;

use loadtest::participant::Participant;
use tokio::net::UdpSocket;
use tokio::time::sleep_until;

/// A connection to the server's SFU, or to the other side.
pub(super) struct Way {
    pub socket: UdpSocket,
    pub participant: Participant,
}

impl Way {
    /// Does what is due next. Safe to be dropped before.
    pub async fn work(&mut self) {
        self.send();
        let mut buffer = [0; 2048];
        tokio::select! {
            // A server that is gone makes the kernel say so here.
            received = self.socket.recv_from(&mut buffer) => if let Ok((length, source)) = received {
                self.participant.handle_datagram(source, &buffer[..length], Instant::now());
            },
            () = sleep_until(self.participant.poll_timeout().into()) => self.participant.handle_timeout(Instant::now()),
        }
        self.send();
    }

    fn send(&mut self) {
        for (destination, payload) in self.participant.sends.drain(..) {
            // A full socket is a lost datagram.
            let _ = self.socket.try_send_to(&payload, destination);
        }
    }

    /// What came in the first slots: frames that were decoded, and packets of sound.
    pub fn received(&self) -> (usize, usize) {
        let participant = &self.participant;
        let receiver = |slot: Option<&_>| slot.and_then(|slot| participant.received.get(slot));
        (
            receiver(participant.slots.first()).map_or(0, |receiver| receiver.decoded),
            receiver(participant.audio_slots.first()).map_or(0, |receiver| receiver.packets),
        )
    }

    /// Packets that never came, and how often a decoder could not go on.
    pub fn flaws(&self) -> (u64, usize) {
        let received = self.participant.received.values();
        received.fold((0, 0), |(missing, stuck), receiver| {
            (
                missing + receiver.missing(),
                stuck + receiver.broken + receiver.key_frames_asked,
            )
        })
    }

    pub fn close(mut self) {
        self.participant.close(Instant::now());
        self.send();
    }
}
