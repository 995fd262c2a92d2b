//! What comes out of a shard: datagrams, events and counts.

use std::ops::RangeInclusive;

use super::{Send, Shard};
use crate::sfu::counters::Counters;
use crate::sfu::demux::UfragChange;
use crate::sfu::flow::Flow;
use crate::sfu::handle::SfuEvent;
use crate::sfu::slot::LayerCounts;

/// Buffers that are kept for the next datagrams: those of one packet for a room of many.
const SPARE_MAX: usize = 512;

/// Their size: nearly all packets of pictures, and nothing that would have to grow for one.
const SPARE_BYTES: RangeInclusive<usize> = 1024..=2048;

impl Shard {
    /// The datagrams to send, in order.
    pub fn poll_sends(&mut self) -> &mut Vec<Send> {
        &mut self.outputs.sends
    }

    /// Takes a buffer back whose datagram was sent.
    pub fn take_back(&mut self, buffer: Vec<u8>) {
        if self.outputs.spare.len() < SPARE_MAX && SPARE_BYTES.contains(&buffer.capacity()) {
            self.outputs.spare.push(buffer);
        }
    }

    /// What came by UDP for the TURN server, in order.
    pub fn poll_turn(&mut self) -> &mut Vec<(Flow, Vec<u8>)> {
        &mut self.turn
    }

    /// Whether what nobody here knows may be another process's, and so is kept for `poll_strangers`.
    pub fn keep_strangers(&mut self, keep: bool) {
        self.strangers = keep.then(Vec::new);
    }

    /// What came by UDP for transports that are not here, in order.
    pub fn poll_strangers(&mut self) -> impl Iterator<Item = (Flow, Vec<u8>)> {
        self.strangers.iter_mut().flat_map(|strangers| strangers.drain(..))
    }

    /// Which ufrags this shard came to answer to, and which no more.
    pub fn poll_ufrag_changes(&mut self) -> &mut Vec<UfragChange> {
        self.demux.poll_ufrag_changes()
    }

    /// The events for the rest of the server, in order.
    pub fn poll_events(&mut self) -> &mut Vec<SfuEvent> {
        &mut self.events
    }

    /// What was counted since the last call.
    pub fn take_counters(&mut self) -> Counters {
        std::mem::take(&mut self.counters)
    }

    /// Transports that are (connecting, connected).
    pub fn count_transports(&self) -> (usize, usize) {
        (self.connecting, self.connected)
    }

    pub fn count_layers(&self) -> LayerCounts {
        let mut counts = LayerCounts::default();
        for router in self.rooms.values() {
            router.count_layers(&mut counts);
        }
        counts
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;
    use crate::sfu::candidates::Candidates;
    use crate::sfu::certificate::Certificate;
    use crate::sfu::counters::Drop;
    use crate::sfu::flow::Via;
    use crate::sfu::shard::{CONNECTING_MAX, ShardConfig};

    #[test]
    #[expect(clippy::disallowed_methods, reason = "any moment will do")]
    fn what_may_be_another_process_s_is_kept_where_there_is_one() {
        let mut shard = Shard::new(ShardConfig {
            certificate: Certificate::generate().expect("random numbers"),
            candidates: Candidates::default(),
            loopback_candidates: Candidates::default(),
            connecting_max: CONNECTING_MAX,
            busy_max: 0.0,
        });
        let now = Instant::now();
        let flow = Flow::udp(([192, 0, 2, 1], 5000).into(), ([198, 51, 100, 1], 8443).into());
        let tcp = Flow { via: Via::Tcp, ..flow };
        let rtp = [0x80, 0x60, 0, 1];
        shard.handle_datagram(flow, &rtp, now);
        assert_eq!(shard.poll_strangers().count(), 0);
        assert_eq!(shard.take_counters().dropped(Drop::UnknownAddress), 1);
        shard.keep_strangers(true);
        shard.handle_datagram(flow, &rtp, now);
        // A TCP connection is of one process.
        shard.handle_datagram(tcp, &rtp, now);
        assert_eq!(shard.poll_strangers().collect::<Vec<_>>(), [(flow, rtp.to_vec())]);
        assert_eq!(shard.take_counters().dropped(Drop::UnknownAddress), 1);
        shard.keep_strangers(false);
        shard.handle_datagram(flow, &rtp, now);
        assert_eq!(shard.poll_strangers().count(), 0);
    }
}
