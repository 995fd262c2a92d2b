//! What a session may do: said by the token that signed it in, obeyed by signaling, and shown to the page. Without a token it is
//! everything, but for a guest.

use serde::{Deserialize, Serialize};

use crate::id::{LinkId, Source};

/// What a session may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct Grants {
    /// The only room that it may enter, by the id of its link; none: any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(test, ts(optional))]
    pub room: Option<LinkId>,
    /// Comes by the link of that room alone: nobody has vouched for them.
    #[serde(default, skip_serializing_if = "is_false")]
    #[cfg_attr(test, ts(optional, as = "Option<bool>"))]
    pub guest: bool,
    /// May enter rooms by links, and answer calls.
    pub join: bool,
    /// May make rooms: by links and by calls. Bound to a room, it may open that one.
    pub create: bool,
    /// Is a host wherever it enters by a link.
    pub admin: bool,
    /// May become a host by what happens: the first who comes in, or the longest there when the last host goes.
    pub appointed: bool,
    pub publish: Sources,
    /// May be sent the media of others.
    pub subscribe: bool,
    /// May raise a hand and react.
    pub data: bool,
    /// May change its user's name.
    pub rename: bool,
}

/// Which tracks may be published.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct Sources {
    pub microphone: bool,
    pub camera: bool,
    pub screen: bool,
    pub screen_audio: bool,
}

fn is_false(value: &bool) -> bool {
    !value
}

impl Grants {
    pub const ALL: Grants = Grants {
        room: None,
        guest: false,
        join: true,
        create: true,
        admin: false,
        appointed: true,
        publish: Sources::ALL,
        subscribe: true,
        data: true,
        rename: true,
    };

    /// What the link of a room lets somebody do who has not signed in.
    pub fn guest(room: LinkId) -> Grants {
        Grants {
            room: Some(room),
            guest: true,
            create: false,
            appointed: false,
            ..Grants::ALL
        }
    }

    /// Whether it may call a user.
    pub fn may_call(&self) -> bool {
        self.create && self.room.is_none()
    }

    /// Whether a call may ring at it.
    pub fn may_answer(&self) -> bool {
        self.join && self.room.is_none()
    }

    /// Whether it may enter the room of this link.
    pub fn may_join(&self, link: LinkId) -> bool {
        self.join && self.room.is_none_or(|room| room == link)
    }

    /// Whether the token names this room: the application has let its bearer in. A guest has no token.
    pub fn is_bound_to(&self, link: LinkId) -> bool {
        self.room == Some(link) && !self.guest
    }

    /// Whether its media may take a path that this server does not see.
    pub fn may_be_direct(&self) -> bool {
        self.publish == Sources::ALL && self.subscribe
    }
}

impl Sources {
    pub const ALL: Sources = Sources::each(true);
    pub const NONE: Sources = Sources::each(false);

    const fn each(may: bool) -> Sources {
        Sources {
            microphone: may,
            camera: may,
            screen: may,
            screen_audio: may,
        }
    }

    pub fn has(&self, source: Source) -> bool {
        match source {
            Source::Microphone => self.microphone,
            Source::Camera => self.camera,
            Source::Screen => self.screen,
            Source::ScreenAudio => self.screen_audio,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_for_a_room_is_for_nothing_else() {
        let link = LinkId::from_random(1);
        let bound = Grants {
            room: Some(link),
            ..Grants::ALL
        };
        assert!(bound.may_join(link) && !bound.may_join(LinkId::from_random(2)));
        assert!(!bound.may_call() && !bound.may_answer());
        assert!(Grants::ALL.may_join(link) && Grants::ALL.may_call() && Grants::ALL.may_answer());
        assert!(!Grants { join: false, ..bound }.may_join(link));
    }

    #[test]
    fn media_that_is_limited_goes_through_the_server() {
        assert!(Grants::ALL.may_be_direct());
        let publish = Sources {
            screen: false,
            ..Sources::ALL
        };
        assert!(publish.has(Source::Camera) && !publish.has(Source::Screen));
        for limited in [
            Grants { publish, ..Grants::ALL },
            Grants {
                subscribe: false,
                ..Grants::ALL
            },
        ] {
            assert!(!limited.may_be_direct());
        }
    }
}
