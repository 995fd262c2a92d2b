//! What of its room a participant looks at: said by a page, carried by signaling, and obeyed by the SFU.

use serde::{Deserialize, Serialize};

use crate::id::{ParticipantId, Source};

/// The most tiles that a view may name: a page of the largest grid and two screens, with room to spare.
pub const TILES_MAX: usize = 32;

/// Which video the SFU sends to a participant. Audio is not chosen by it: the loudest voices are heard whoever is looked at.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum View {
    /// All there is, in the order of joining, as far as slots go. So it is until another view is said.
    #[default]
    Everything,
    /// These, in this order where slots or bandwidth are short, and nothing else.
    Tiles { tiles: Vec<Tile> },
    /// One picture and one voice at a time: the screen that is shared last, else who speaks, else who spoke last. For a viewer with a
    /// single slot of each kind, such as a WHEP player.
    Speaker,
    /// Picture and sound of this participant alone.
    Participant { participant_id: ParticipantId },
}

/// One picture on a page.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct Tile {
    pub participant_id: ParticipantId,
    /// `camera` or `screen`.
    pub source: Source,
    /// Its size on the page in device pixels. 0 for one that is not to be seen now: its slot is kept, and nothing is sent in it.
    pub width_px: u16,
    pub height_px: u16,
    pub weight: Weight,
}

/// How much a picture matters to whoever looks at it, most first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "snake_case")]
pub enum Weight {
    Screen,
    Pinned,
    Speaker,
    Rest,
}
