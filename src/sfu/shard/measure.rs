//! What simulations hold the SFU to.

use super::Shard;
use crate::id::{ParticipantId, RoomId};

impl Shard {
    /// What a participant's network is thought to take, in bits per second. For simulations, which hold the SFU to it.
    #[doc(hidden)]
    pub fn budget_bps(&self, room: RoomId, participant: ParticipantId) -> Option<u64> {
        let router = self.rooms.get(&room)?;
        router.budget_bps(router.find(participant)?)
    }

    /// Bytes of video that were forwarded to a participant. For simulations.
    #[doc(hidden)]
    pub fn video_forwarded(&self, room: RoomId, participant: ParticipantId) -> u64 {
        let router = self.rooms.get(&room);
        let link = router.and_then(|router| router.link(router.find(participant)?));
        let entry = link.and_then(|link| self.transports.get(link.key.0 as usize)?.as_ref());
        entry.map_or(0, |entry| entry.video_forwarded)
    }

    /// How many things are kept here, of all kinds. For simulations, which hold it to a bound.
    #[doc(hidden)]
    pub fn footprint(&self) -> usize {
        let of_shard = self.transports.len() + self.free.len() + self.timers.len() + self.room_timers.len();
        let waiting = self.dirty.len() + self.outputs.sends.len() + self.turn.len() + self.events.len();
        let pending: usize = self.transports.iter().flatten().map(|e| e.pending.len()).sum();
        let of_rooms: usize = self.rooms.values().map(|router| 1 + router.footprint()).sum();
        of_shard + waiting + pending + of_rooms + self.demux.footprint()
    }
}
