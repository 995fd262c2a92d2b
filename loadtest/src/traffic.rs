//! What one publisher sends when its encoder is of no interest: so many packets a second of one size, and a voice beside them.

use std::time::Duration;

/// Bytes of a packet of a voice, and how often one is sent.
pub const AUDIO_BYTES: usize = 80;
pub const AUDIO_EVERY: Duration = Duration::from_millis(20);

/// A camera without simulcast whose packets are all of one size.
#[derive(Debug, Clone, Copy, clap::Args)]
pub struct Traffic {
    /// Packets of a camera in a second
    #[arg(long, default_value_t = 250)]
    pub video_packets: u32,
    /// Bytes in each, without headers
    #[arg(long, default_value_t = 1100)]
    pub video_bytes: usize,
    /// Packets that leave at once, as those of an encoder's frame do
    #[arg(long, default_value_t = 1)]
    pub burst: u32,
}

impl Traffic {
    /// From one burst to the next.
    pub fn burst_every(&self) -> Duration {
        Duration::from_secs(1) * self.burst.max(1) / self.video_packets.max(1)
    }
}
