//! Web push: somebody who has no page open is told what they missed, by the service of their browser (RFC 8030).

mod encryption;
mod queue;
mod quota;
mod sender;

pub use self::encryption::{AUTH_BYTES, BrowserKeys, PUBLIC_KEY_BYTES};
pub use self::sender::{NUDGES_MAX, Push};
