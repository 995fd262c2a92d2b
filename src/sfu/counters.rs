//! What the cores count, as plain numbers: the worker moves them into the process's metrics once a second.

/// Why a media packet or a datagram was not forwarded: each has exactly one reason.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Drop {
    /// Not STUN, DTLS, RTP or RTCP (RFC 7983), or from an address that no transport has verified.
    UnknownAddress,
    /// STUN that is no Binding request, or one for a transport that is not there.
    UnknownStun,
    /// More Binding requests from one prefix than are answered.
    RateLimited,
    /// The transport could not read it.
    BadDatagram,
    /// The sender, or everybody else, is not admitted to the call yet.
    NotAdmitted,
    /// The m-line was not said to carry a track, or the track is off.
    NotPublished,
    /// Nobody has a slot for the track.
    NoWatcher,
    /// The subscription carries another layer.
    LayerNotSelected,
    /// The subscription waits for a key frame of this layer.
    NoKeyFrameYet,
    /// It belongs before the key frame that the subscription switched at.
    BeforeSwitch,
    /// It is of a higher temporal layer than the subscription carries: less of the frame rate.
    TemporalLayer,
    /// It is of a higher spatial layer inside of one encoding (SVC) than the subscription carries.
    SpatialLayer,
    /// It came so late that no number is kept for it, or among packets that were left out.
    TooLate,
    /// Redundant audio for a subscriber that did not negotiate it, with no primary block in it.
    BadPayload,
    /// The subscriber's browser did not negotiate this codec.
    NoCodec,
}

impl Drop {
    pub const ALL: [Drop; 15] = [
        Drop::UnknownAddress,
        Drop::UnknownStun,
        Drop::RateLimited,
        Drop::BadDatagram,
        Drop::NotAdmitted,
        Drop::NotPublished,
        Drop::NoWatcher,
        Drop::LayerNotSelected,
        Drop::NoKeyFrameYet,
        Drop::BeforeSwitch,
        Drop::TemporalLayer,
        Drop::SpatialLayer,
        Drop::TooLate,
        Drop::BadPayload,
        Drop::NoCodec,
    ];

    /// The label of `tandem_media_dropped_total`.
    pub fn as_str(self) -> &'static str {
        match self {
            Drop::UnknownAddress => "unknown_address",
            Drop::UnknownStun => "unknown_stun",
            Drop::RateLimited => "rate_limited",
            Drop::BadDatagram => "bad_datagram",
            Drop::NotAdmitted => "not_admitted",
            Drop::NotPublished => "not_published",
            Drop::NoWatcher => "no_watcher",
            Drop::LayerNotSelected => "layer_not_selected",
            Drop::NoKeyFrameYet => "no_key_frame_yet",
            Drop::BeforeSwitch => "before_switch",
            Drop::TemporalLayer => "temporal_layer",
            Drop::SpatialLayer => "spatial_layer",
            Drop::TooLate => "too_late",
            Drop::BadPayload => "bad_payload",
            Drop::NoCodec => "no_codec",
        }
    }
}

/// Packets and payload bytes of one direction and kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Traffic {
    pub packets: u64,
    pub bytes: u64,
}

impl Traffic {
    pub fn add(&mut self, bytes: usize) {
        self.packets += 1;
        self.bytes += bytes as u64;
    }
}

/// Since they were last taken.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Counters {
    pub audio_in: Traffic,
    pub video_in: Traffic,
    pub audio_out: Traffic,
    pub video_out: Traffic,
    dropped: [u64; Drop::ALL.len()],
    /// Key frame requests from receivers, to publishers, and those that were not passed on because one was just sent.
    pub key_frames_asked: u64,
    pub key_frames_requested: u64,
    pub key_frames_throttled: u64,
    pub stun_bindings: u64,
    /// Offers refused because too many transports wait for their browser, and because of their size.
    pub refused_half_open: u64,
    pub refused_too_large: u64,
    pub lost_timeout: u64,
    pub lost_handshake: u64,
    pub lost_fault: u64,
    pub lost_closed: u64,
}

impl Counters {
    pub fn drop(&mut self, reason: Drop) {
        self.dropped[reason as usize] += 1;
    }

    pub fn dropped(&self, reason: Drop) -> u64 {
        self.dropped[reason as usize]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_drop_has_a_name_and_a_counter_of_its_own() {
        let mut counters = Counters::default();
        for (n, reason) in Drop::ALL.into_iter().enumerate() {
            assert_eq!(reason as usize, n);
            assert_eq!(counters.dropped(reason), 0);
            counters.drop(reason);
        }
        let mut names: Vec<_> = Drop::ALL.iter().map(|d| d.as_str()).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), Drop::ALL.len());
    }
}
