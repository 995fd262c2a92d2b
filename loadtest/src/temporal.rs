//! Temporal layers as an encoder of VP8 makes them: which layer each frame is of, and which frames it builds on.

/// What a frame builds on at most: one frame of its own layer, and one of each below.
pub const REFERENCES: usize = 3;

/// The layers of two rounds. In the first one the upper layers begin anew (Y), in the second they build on themselves.
const PATTERNS: [&[(u8, bool)]; 3] = [
    &[(0, false)],
    &[(0, false), (1, true), (0, false), (1, false)],
    &[
        (0, false),
        (2, true),
        (1, true),
        (2, false),
        (0, false),
        (2, false),
        (1, false),
        (2, false),
    ],
];

/// One encoder's layers.
#[derive(Debug, Clone)]
pub struct Temporal {
    pattern: &'static [(u8, bool)],
    step: usize,
    /// The last frame of each layer.
    last: [u32; REFERENCES],
}

/// One frame's place in them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    pub layer: u8,
    pub syncs: bool,
    /// Numbers of frames; one may be there more than once.
    pub builds_on: [u32; REFERENCES],
}

impl Temporal {
    /// One to three layers.
    pub fn new(layers: usize) -> Temporal {
        Temporal {
            pattern: PATTERNS[layers.clamp(1, PATTERNS.len()) - 1],
            step: 0,
            last: [0; REFERENCES],
        }
    }

    /// The place of the next frame.
    pub fn next(&mut self, number: u32, is_key: bool) -> Place {
        if is_key {
            self.step = 0;
            self.last = [number; REFERENCES];
        }
        let (layer, syncs) = self.pattern[self.step % self.pattern.len()];
        self.step += 1;
        let mut builds_on = self.last;
        for (below, frame) in builds_on.iter_mut().enumerate() {
            if below > usize::from(layer) || syncs {
                *frame = self.last[0];
            }
        }
        self.last[usize::from(layer)] = number;
        Place { layer, syncs, builds_on }
    }
}
