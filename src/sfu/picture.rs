//! What a payload descriptor says in the clear of a packet: the picture that it belongs to, its layers inside of one encoding, and
//! where such layers may be left out or taken up again.

/// A picture id: 15 bits, or 7 (RFC 7741 and RFC 9628, section 4.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct PictureId {
    pub value: u16,
    /// Whether it has 15 bits.
    pub is_wide: bool,
}

impl PictureId {
    fn mask(self) -> u16 {
        if self.is_wide { 0x7fff } else { 0x7f }
    }

    /// So many pictures later, in the same width.
    pub fn plus(self, pictures: u16) -> PictureId {
        PictureId {
            value: self.value.wrapping_add(pictures) & self.mask(),
            ..self
        }
    }

    /// How many pictures it comes after another one of its width.
    pub fn since(self, before: PictureId) -> u16 {
        self.value.wrapping_sub(before.value) & self.mask()
    }
}

/// Whether a picture is a point from which more temporal layers can be decoded than before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum StepUp {
    #[default]
    No,
    /// It depends on the base layer only, so its own layer can be taken up with it (Y of VP8).
    ToItsLayer,
    /// What follows in layers above its own depends on nothing in those layers before it (U of VP9).
    BeyondItsLayer,
}

/// The part of a picture that a packet is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Part {
    pub spatial: u8,
    pub temporal: u8,
    pub step_up: StepUp,
    /// First of its picture, or of its spatial layer in it.
    pub begins: bool,
    /// Last of its picture, or of its spatial layer in it.
    pub ends: bool,
    /// A receiver can start with it: it begins a key frame, or needs none (audio).
    pub starts_key_frame: bool,
}

/// The highest layers inside of one encoding that are carried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limit {
    pub spatial: u8,
    pub temporal: u8,
}

impl Limit {
    pub const ALL: Limit = Limit {
        spatial: u8::MAX,
        temporal: u8::MAX,
    };
}

impl Default for Limit {
    fn default() -> Limit {
        Limit::ALL
    }
}
