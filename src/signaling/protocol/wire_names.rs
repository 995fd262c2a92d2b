//! The names of the closed sets, for metrics and logs. A test compares them with what serde writes.

use super::{EndReason, ErrorCode, Path, PathProtocol, PathReason};

macro_rules! wire_names {
    ($type:ident: $($variant:ident => $name:literal),* $(,)?) => {
        impl $type {
            /// The name on the wire, in metrics and in logs.
            pub fn as_str(self) -> &'static str {
                match self {
                    $($type::$variant => $name),*
                }
            }

            /// None: there is none of this name.
            pub fn from_name(name: &str) -> Option<$type> {
                match name {
                    $($name => Some($type::$variant),)*
                    _ => None,
                }
            }
        }
    };
}

wire_names!(Path: Direct => "direct", Forwarded => "forwarded");
wire_names!(PathProtocol: Udp => "udp", Tcp => "tcp", Tls => "tls");
wire_names!(PathReason:
    FirstMedia => "first_media",
    DirectReady => "direct_ready",
    DirectLost => "direct_lost",
    DirectStalled => "direct_stalled",
    AlwaysThroughServer => "always_through_server",
    Loss => "loss",
    RoundTrip => "round_trip",
    DirectRecovered => "direct_recovered",
    UdpLoss => "udp_loss",
    UdpDead => "udp_dead",
    UdpRecovered => "udp_recovered",
    Group => "group",
);
wire_names!(EndReason:
    Declined => "declined",
    Busy => "busy",
    NoAnswer => "no_answer",
    Cancelled => "cancelled",
    HungUp => "hung_up",
    ConnectionLost => "connection_lost",
    Unreachable => "unreachable",
    Removed => "removed",
);
wire_names!(ErrorCode:
    BadCommand => "bad_command",
    NotSignedIn => "not_signed_in",
    NotAllowed => "not_allowed",
    RateLimited => "rate_limited",
    TooLarge => "too_large",
    ShuttingDown => "shutting_down",
    Overloaded => "overloaded",
    RoomFull => "room_full",
    RoomLocked => "room_locked",
    NoSuchLink => "no_such_link",
    PassphraseNeeded => "passphrase_needed",
    NotSaved => "not_saved",
    NotLoaded => "not_loaded",
    NodeUnreachable => "node_unreachable",
    NoSuchCode => "no_such_code",
    NoSpace => "no_space",
    KeptElsewhere => "kept_elsewhere",
);
