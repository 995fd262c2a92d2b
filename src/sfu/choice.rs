//! Which tracks a participant is to be sent: what it looks at (`View`), out of what there is, as far as its slots go. Pure.
//!
//! | view | video | audio |
//! |---|---|---|
//! | everything | cameras in the order of joining, then screens | the sound of screens, then the loudest voices |
//! | tiles | the tiles that are there, in their order | the same |
//! | speaker | one: the screen that was shared last, else who speaks, else who spoke last | one voice; the sound of a screen in a further slot |
//! | participant | its screen, its camera | its voice, the sound of its screen |
//!
//! The sound of screens never takes the last audio slot from the voices.

use crate::id::{ParticipantId, Source};
use crate::view::{TILES_MAX, Tile, View, Weight};

/// A track that is on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Offered {
    /// The publisher's place in the room.
    pub place: usize,
    pub participant: ParticipantId,
    pub source: Source,
    /// Counts arrivals of participants.
    pub joined: u64,
    /// Counts the times that anything was switched on.
    pub started: u64,
}

/// How a picture is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sight {
    pub weight: Weight,
    /// In device pixels; as large as it comes where nobody has said.
    pub height_px: u16,
    /// It is not to be seen now: the slot is kept, and nothing is sent in it.
    pub hidden: bool,
}

/// A track that is to have a slot, and how it is looked at.
pub type Chosen = (Offered, Sight);

/// Everything that a room has to be seen and heard.
#[derive(Debug, Default)]
pub struct Stage {
    /// Cameras in the order of joining, then screens in the same.
    videos: Vec<Offered>,
    /// Last shared first.
    screens: Vec<Offered>,
    /// Most worth looking at first.
    cameras: Vec<Offered>,
    /// Most worth hearing first.
    voices: Vec<Offered>,
    /// Last shared first.
    screen_sounds: Vec<Offered>,
}

impl Sight {
    /// As large and as good as it comes.
    pub fn full(source: Source) -> Sight {
        Sight {
            weight: if source == Source::Screen {
                Weight::Screen
            } else {
                Weight::Rest
            },
            height_px: u16::MAX,
            hidden: false,
        }
    }

    fn of(tile: &Tile) -> Sight {
        Sight {
            weight: tile.weight,
            height_px: tile.height_px,
            hidden: tile.width_px == 0 || tile.height_px == 0,
        }
    }
}

impl Stage {
    /// `voices` and `pictures` are the participants whose voices and pictures go first.
    pub fn new(offered: &[Offered], voices: &[ParticipantId], pictures: &[ParticipantId]) -> Stage {
        let of = |source: Source| {
            let mut list: Vec<Offered> = offered.iter().filter(|o| o.source == source).copied().collect();
            list.sort_unstable_by_key(|o| o.joined);
            list
        };
        let ranked = |source: Source, by: &[ParticipantId]| {
            let mut list = of(source);
            list.sort_by_cached_key(|o| by.iter().position(|p| *p == o.participant).unwrap_or(by.len()));
            list
        };
        let last_first = |source: Source| {
            let mut list = of(source);
            list.sort_unstable_by_key(|o| std::cmp::Reverse(o.started));
            list
        };
        let mut videos = of(Source::Camera);
        videos.extend(of(Source::Screen));
        Stage {
            videos,
            screens: last_first(Source::Screen),
            cameras: ranked(Source::Camera, pictures),
            voices: ranked(Source::Microphone, voices),
            screen_sounds: last_first(Source::ScreenAudio),
        }
    }

    /// What a participant at this place in the room is to see in so many slots.
    pub fn choose_video(&self, view: &View, viewer: usize, slots: usize) -> Vec<Chosen> {
        let full = |o: &Offered| (*o, Sight::full(o.source));
        let others = |o: &&Offered| o.place != viewer;
        match view {
            View::Everything => self.videos.iter().filter(others).take(slots).map(full).collect(),
            View::Tiles { tiles } => self.choose_tiles(tiles, viewer, slots),
            View::Speaker => {
                let best = self.screens.iter().chain(&self.cameras).find(others);
                best.into_iter().take(slots).map(full).collect()
            }
            View::Participant { participant_id } => {
                let its = |o: &&Offered| o.participant == *participant_id && o.place != viewer;
                let videos = self.screens.iter().chain(&self.cameras).filter(its);
                videos.take(slots).map(full).collect()
            }
        }
    }

    fn choose_tiles(&self, tiles: &[Tile], viewer: usize, slots: usize) -> Vec<Chosen> {
        let mut chosen: Vec<Chosen> = Vec::with_capacity(slots.min(tiles.len()));
        for tile in tiles.iter().take(TILES_MAX) {
            if chosen.len() == slots {
                break;
            }
            let is_shown = |o: &&Offered| o.participant == tile.participant_id && o.source == tile.source && o.place != viewer;
            let Some(offered) = self.videos.iter().find(is_shown) else {
                continue;
            };
            if chosen.iter().all(|(other, _)| other != offered) {
                chosen.push((*offered, Sight::of(tile)));
            }
        }
        chosen
    }

    /// What it is to hear.
    pub fn choose_audio(&self, view: &View, viewer: usize, slots: usize) -> Vec<Chosen> {
        let full = |o: &Offered| (*o, Sight::full(o.source));
        let others = |o: &&Offered| o.place != viewer;
        match view {
            View::Everything | View::Tiles { .. } => {
                let has_voice = self.voices.iter().any(|o| o.place != viewer);
                let sounds = self.screen_sounds.iter().filter(others);
                let sounds = sounds.take(slots.saturating_sub(usize::from(has_voice)));
                let voices = self.voices.iter().filter(others);
                sounds.chain(voices).take(slots).map(full).collect()
            }
            View::Speaker => {
                let voice = self.voices.iter().find(others);
                let sound = self.screen_sounds.iter().find(others);
                voice.into_iter().chain(sound).take(slots).map(full).collect()
            }
            View::Participant { participant_id } => {
                let its = |o: &&Offered| o.participant == *participant_id && o.place != viewer;
                let audio = self.voices.iter().chain(&self.screen_sounds).filter(its);
                audio.take(slots).map(full).collect()
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const MIC: Source = Source::Microphone;
    const CAM: Source = Source::Camera;
    const SCREEN: Source = Source::Screen;
    const SOUND: Source = Source::ScreenAudio;

    fn id(n: usize) -> ParticipantId {
        ParticipantId::from_random(n as u64)
    }

    fn tile(n: usize, source: Source, height_px: u16) -> Tile {
        Tile {
            participant_id: id(n),
            source,
            width_px: height_px * 16 / 9,
            height_px,
            weight: Weight::Rest,
        }
    }

    /// Participants 0 to 4: all have microphone and camera on, 1 and 3 share screens with sound, 3 later. 2 speaks, 4 spoke before.
    fn stage() -> Stage {
        let mut offered = Vec::new();
        for n in (0..5).rev() {
            for source in [MIC, CAM, SCREEN, SOUND] {
                if source == MIC || source == CAM || n == 1 || n == 3 {
                    offered.push(Offered {
                        place: n,
                        participant: id(n),
                        source,
                        joined: n as u64,
                        started: if n == 3 { 9 } else { n as u64 },
                    });
                }
            }
        }
        let order = [2, 4, 0, 1, 3].map(id);
        Stage::new(&offered, &order, &order)
    }

    fn names(chosen: &[Chosen]) -> Vec<(usize, Source)> {
        chosen.iter().map(|(o, _)| (o.place, o.source)).collect()
    }

    #[test]
    fn what_each_view_is_given() {
        let stage = stage();
        let tiles = |tiles: &[Tile]| View::Tiles { tiles: tiles.to_vec() };
        let of = |n| View::Participant { participant_id: id(n) };
        type Row = (
            &'static str,
            View,
            usize,
            usize,
            usize,
            &'static [(usize, Source)],
            &'static [(usize, Source)],
        );
        let rows: [Row; 12] = [
            (
                "everything, few slots",
                View::Everything,
                0,
                2,
                2,
                &[(1, CAM), (2, CAM)],
                &[(3, SOUND), (2, MIC)],
            ),
            (
                "everything, slots enough",
                View::Everything,
                0,
                9,
                9,
                &[(1, CAM), (2, CAM), (3, CAM), (4, CAM), (1, SCREEN), (3, SCREEN)],
                &[(3, SOUND), (1, SOUND), (2, MIC), (4, MIC), (1, MIC), (3, MIC)],
            ),
            ("one audio slot is the voices'", View::Everything, 0, 0, 1, &[], &[(2, MIC)]),
            (
                "tiles in their order, nobody unknown, none of its own, none twice",
                tiles(&[
                    tile(3, SCREEN, 500),
                    tile(7, CAM, 500),
                    tile(4, CAM, 100),
                    tile(0, CAM, 100),
                    tile(2, SCREEN, 100),
                    tile(3, SCREEN, 700),
                    tile(1, CAM, 100),
                ]),
                0,
                9,
                1,
                &[(3, SCREEN), (4, CAM), (1, CAM)],
                &[(2, MIC)],
            ),
            (
                "tiles, few slots",
                tiles(&[tile(4, CAM, 9), tile(1, CAM, 9)]),
                0,
                1,
                0,
                &[(4, CAM)],
                &[],
            ),
            ("no tiles", tiles(&[]), 0, 3, 2, &[], &[(3, SOUND), (2, MIC)]),
            (
                "speaker: the last screen",
                View::Speaker,
                0,
                1,
                1,
                &[(3, SCREEN)],
                &[(2, MIC)],
            ),
            (
                "speaker, who shares it",
                View::Speaker,
                3,
                1,
                2,
                &[(1, SCREEN)],
                &[(2, MIC), (1, SOUND)],
            ),
            (
                "speaker, slots unused",
                View::Speaker,
                2,
                4,
                4,
                &[(3, SCREEN)],
                &[(4, MIC), (3, SOUND)],
            ),
            (
                "a participant",
                of(1),
                0,
                4,
                4,
                &[(1, SCREEN), (1, CAM)],
                &[(1, MIC), (1, SOUND)],
            ),
            (
                "a participant in one slot of each",
                of(1),
                0,
                1,
                1,
                &[(1, SCREEN)],
                &[(1, MIC)],
            ),
            ("a participant who is not there", of(9), 0, 4, 4, &[], &[]),
        ];
        for (what, view, viewer, video_slots, audio_slots, video, audio) in rows {
            assert_eq!(names(&stage.choose_video(&view, viewer, video_slots)), video, "{what}");
            assert_eq!(names(&stage.choose_audio(&view, viewer, audio_slots)), audio, "{what}");
        }
    }

    #[test]
    fn a_speaker_is_looked_at_where_no_screen_is_shared_and_a_lone_publisher_is_simply_shown() {
        let offered = |n: usize, source| Offered {
            place: n,
            participant: id(n),
            source,
            joined: n as u64,
            started: 0,
        };
        let two = [offered(0, CAM), offered(1, CAM), offered(0, MIC), offered(1, MIC)];
        let stage = Stage::new(&two, &[id(1), id(0)], &[id(1), id(0)]);
        assert_eq!(names(&stage.choose_video(&View::Speaker, 9, 1)), [(1, CAM)]);
        let lone = Stage::new(&[offered(4, CAM)], &[], &[]);
        assert_eq!(names(&lone.choose_video(&View::Speaker, 9, 1)), [(4, CAM)]);
        assert_eq!(names(&lone.choose_audio(&View::Speaker, 9, 1)), []);
    }

    #[test]
    fn a_tile_says_how_its_picture_is_looked_at() {
        let screen = Tile {
            weight: Weight::Pinned,
            ..tile(3, SCREEN, 900)
        };
        let unseen = Tile {
            width_px: 0,
            ..tile(4, CAM, 100)
        };
        let view = View::Tiles {
            tiles: vec![screen, unseen],
        };
        let sights: Vec<Sight> = stage().choose_video(&view, 0, 4).into_iter().map(|c| c.1).collect();
        assert_eq!(
            (sights[0].weight, sights[0].height_px, sights[0].hidden),
            (Weight::Pinned, 900, false)
        );
        assert!(sights[1].hidden, "it keeps its slot");
    }

    proptest! {
        /// Whatever is looked at: never more than slots, nothing twice, nothing of one's own, and each kind in slots of its kind.
        #[test]
        fn nobody_gets_more_than_there_are_slots_for(
            tiles in proptest::collection::vec((0usize..8, 0usize..4, any::<u16>()), 0..40),
            kind in 0usize..4,
            viewer in 0usize..6,
            slots in 0usize..10,
        ) {
            let view = match kind {
                0 => View::Everything,
                1 => View::Speaker,
                2 => View::Participant { participant_id: id(slots) },
                _ => {
                    let sources = [MIC, CAM, SCREEN, SOUND];
                    let of = |(n, source, height_px): (usize, usize, u16)| Tile { height_px, ..tile(n, sources[source], 1) };
                    View::Tiles { tiles: tiles.into_iter().map(of).collect() }
                }
            };
            let stage = stage();
            for is_video in [true, false] {
                let chosen = if is_video {
                    stage.choose_video(&view, viewer, slots)
                } else {
                    stage.choose_audio(&view, viewer, slots)
                };
                let chosen = names(&chosen);
                prop_assert!(chosen.len() <= slots);
                for (n, one) in chosen.iter().enumerate() {
                    prop_assert_ne!(one.0, viewer);
                    prop_assert_eq!(one.1.is_video(), is_video);
                    prop_assert!(!chosen[..n].contains(one));
                }
            }
        }
    }
}
