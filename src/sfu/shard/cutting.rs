//! Less is forwarded while this worker has too much to do.

use std::time::Instant;

use super::Shard;
use crate::sfu::cut::Cut;

impl Shard {
    /// Which share of the last second this worker was busy, 0 to 1 -> what is cut of its rooms' pictures from now on.
    pub fn handle_busy(&mut self, busy: f64, now: Instant) -> Cut {
        let before = self.cutter.cut();
        let cut = self.cutter.handle_busy(busy, now);
        if cut != before {
            for room in self.rooms.keys().copied().collect::<Vec<_>>() {
                self.with_router(room, now, |router, _| router.set_cut(cut, now));
            }
        }
        cut
    }
}
