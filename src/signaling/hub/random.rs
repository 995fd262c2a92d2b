//! Random interleavings of what browsers, the network and the clock do. The world checks every event; this checks what must hold
//! at every moment and at the end.

// The architecture test reads a file up to this line.
#[cfg(test)]
use proptest::prelude::*;

use super::world::{Browser, View, World, user_id};
use super::*;
use crate::id::{LinkId, MessageId, ParticipantId, Source};
use crate::signaling::call::Kind;
use crate::signaling::output::{MediaFact, MediaNews};
use crate::signaling::protocol::{
    Callers, Command, DirectSignal, EndReason, Happening, LinkWish, Measured, Path, PathReason, Reaction, Settings,
};
use crate::signaling::room::{Origin, Standing};
use crate::view;

#[derive(Debug, Clone)]
enum Step {
    Open(u64),
    Cut(usize),
    Resume(usize),
    /// With the last few events on the way.
    CutLosing(usize, usize),
    Pass(u64),
    Leave(usize),
    /// Nothing is heard of it from here on, and its websocket is still there.
    Mute(usize),
    Restart,
    Call(usize, u64, bool),
    /// What, by whom, about the how-manieth call there ever was.
    OnCall(usize, OnCall, usize),
    OnRoom(usize, OnRoom, usize),
    /// By whom, whom.
    Invite(usize, u64),
    /// By whom, in its room or for itself, with which wishes (a pass phrase, an expiry, single use, a lobby).
    CreateLink(usize, bool, [bool; 4]),
    /// By whom, which of the latest links, with the right pass phrase or another, and always through the server.
    Join(usize, usize, bool, bool),
    OnLink(usize, OnLink, usize),
    /// What of a host, about whom in its room.
    AsHost(usize, AsHost, usize),
    /// The slow hashes are there.
    Hash,
    /// By whom, in the room of whom, which message.
    Say(usize, usize, u64),
    /// The store has kept the oldest of what was written, or has not.
    Keep(bool),
    /// By whom, about which user.
    OnPerson(usize, OnPerson, u64),
    /// The store has kept what users changed of theirs, or has not.
    KeepChanges(bool),
    ForgetUser(u64),
    SfuHears(usize, usize),
    StartCheck(usize),
    EndCheck(usize),
    /// By whom, into the latest check of whom.
    OfferInCheck(usize, usize),
    SetName(usize, String),
    SfuAnswers(usize, u32),
    SfuLoses(usize, u32),
    Stop,
}

#[derive(Debug, Clone, Copy)]
enum OnCall {
    Accept(bool),
    Decline,
    Cancel,
    HangUp,
}

#[derive(Debug, Clone, Copy)]
enum OnRoom {
    Offer(u32),
    Publish,
    Signal,
    RequestPath,
    ReportPath,
    ReportQuality,
    ReportHappening,
    Leave,
    Hand(bool),
    React,
    View,
}

#[derive(Debug, Clone, Copy)]
enum OnPerson {
    KeepContact,
    ForgetContact,
    Block,
    Unblock,
    Set(bool, bool),
    Away(bool),
}

#[derive(Debug, Clone, Copy)]
enum OnLink {
    Look,
    List,
    Revoke,
}

#[derive(Debug, Clone, Copy)]
enum AsHost {
    Lock(bool),
    Admit(bool),
    Mute,
    Remove,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let browser = 0usize..6;
    let on_call = prop_oneof![
        4 => any::<bool>().prop_map(OnCall::Accept),
        1 => Just(OnCall::Decline),
        1 => Just(OnCall::Cancel),
        2 => Just(OnCall::HangUp),
    ];
    let on_room = prop_oneof![
        (1u32..4).prop_map(OnRoom::Offer),
        Just(OnRoom::Publish),
        Just(OnRoom::Signal),
        Just(OnRoom::RequestPath),
        Just(OnRoom::ReportPath),
        Just(OnRoom::ReportQuality),
        Just(OnRoom::ReportHappening),
        Just(OnRoom::Leave),
        any::<bool>().prop_map(OnRoom::Hand),
        Just(OnRoom::React),
        Just(OnRoom::View),
    ];
    let on_link = prop_oneof![Just(OnLink::Look), Just(OnLink::List), Just(OnLink::Revoke)];
    let as_host = prop_oneof![
        1 => any::<bool>().prop_map(AsHost::Lock),
        4 => proptest::bool::weighted(0.8).prop_map(AsHost::Admit),
        1 => Just(AsHost::Mute),
        1 => Just(AsHost::Remove),
    ];
    let on_person = prop_oneof![
        6 => Just(OnPerson::KeepContact),
        1 => Just(OnPerson::ForgetContact),
        1 => Just(OnPerson::Block),
        1 => Just(OnPerson::Unblock),
        1 => (proptest::bool::weighted(0.2), proptest::bool::weighted(0.3)).prop_map(|(own, through)| OnPerson::Set(own, through)),
        1 => any::<bool>().prop_map(OnPerson::Away),
    ];
    let rarely = || proptest::bool::weighted(0.2);
    let wishes = [rarely(), rarely(), rarely(), rarely()];
    let pass = prop_oneof![0u64..200, 1_000u64..4_000, 10_000u64..20_000];
    let step = prop_oneof![
        3 => (1u64..4).prop_map(Step::Open),
        2 => browser.clone().prop_map(Step::Cut),
        3 => browser.clone().prop_map(Step::Resume),
        2 => (browser.clone(), 0usize..5).prop_map(|(b, events)| Step::CutLosing(b, events)),
        1 => browser.clone().prop_map(Step::Leave),
        1 => browser.clone().prop_map(Step::Mute),
        1 => Just(Step::Restart),
        5 => pass.prop_map(Step::Pass),
        8 => (browser.clone(), 1u64..5, any::<bool>()).prop_map(|(b, user, through)| Step::Call(b, user, through)),
        10 => (browser.clone(), on_call, 0usize..3).prop_map(|(b, what, call)| Step::OnCall(b, what, call)),
        8 => (browser.clone(), on_room, 0usize..3).prop_map(|(b, what, call)| Step::OnRoom(b, what, call)),
        6 => (browser.clone(), 1u64..5).prop_map(|(b, user)| Step::Invite(b, user)),
        3 => (browser.clone(), any::<bool>(), wishes).prop_map(|(b, own, wishes)| Step::CreateLink(b, own, wishes)),
        10 => (browser.clone(), 0usize..3, proptest::bool::weighted(0.8), proptest::bool::weighted(0.1))
            .prop_map(|(b, link, right, through)| Step::Join(b, link, right, through)),
        1 => (browser.clone(), on_link, 0usize..3).prop_map(|(b, what, link)| Step::OnLink(b, what, link)),
        5 => (browser.clone(), as_host, 0usize..5).prop_map(|(b, what, whom)| Step::AsHost(b, what, whom)),
        2 => Just(Step::Hash),
        4 => (browser.clone(), browser.clone(), 0u64..4).prop_map(|(b, of, message)| Step::Say(b, of, message)),
        4 => any::<bool>().prop_map(Step::Keep),
        5 => (browser.clone(), on_person, 1u64..5).prop_map(|(b, what, user)| Step::OnPerson(b, what, user)),
        4 => proptest::bool::weighted(0.8).prop_map(Step::KeepChanges),
        1 => proptest::option::weighted(0.3, 1u64..4).prop_map(|user| user.map_or(Step::KeepChanges(true), Step::ForgetUser)),
        1 => (browser.clone(), 0usize..5).prop_map(|(b, whom)| Step::SfuHears(b, whom)),
        2 => browser.clone().prop_map(Step::StartCheck),
        1 => browser.clone().prop_map(Step::EndCheck),
        2 => (browser.clone(), browser.clone()).prop_map(|(b, of)| Step::OfferInCheck(b, of)),
        1 => (browser.clone(), ".{0,4}").prop_map(|(b, name)| Step::SetName(b, name)),
        2 => (browser.clone(), 1u32..4).prop_map(|(b, attempt)| Step::SfuAnswers(b, attempt)),
        1 => (browser, 1u32..4).prop_map(|(b, attempt)| Step::SfuLoses(b, attempt)),
    ];
    let stop = proptest::option::weighted(0.2, Just(Step::Stop));
    (proptest::collection::vec(step, 1..80), stop, any::<prop::sample::Index>()).prop_map(|(mut steps, stop, at)| {
        if let Some(stop) = stop {
            let at = at.index(steps.len());
            steps.insert(at, stop);
        }
        steps
    })
}

fn about(what: OnPerson, user_id: UserId) -> Command {
    let name = String::new();
    match what {
        OnPerson::KeepContact => Command::KeepContact { user_id, name },
        OnPerson::ForgetContact => Command::ForgetContact { user_id },
        OnPerson::Block => Command::Block { user_id, name },
        OnPerson::Unblock => Command::Unblock { user_id },
        OnPerson::Set(own, always_through_server) => Command::Set {
            settings: Settings {
                callers: if own { Callers::Contacts } else { Callers::Anyone },
                always_through_server,
            },
        },
        OnPerson::Away(away) => Command::SetAway { away },
    }
}

/// Every call, room and link that there ever was, the latest first, with what a hostile browser could wish to know of it.
#[derive(Default)]
struct Known {
    calls: Vec<CallId>,
    rooms: Vec<(RoomId, ParticipantId)>,
    links: Vec<LinkId>,
}

impl Known {
    fn learn(&mut self, world: &World) {
        for browser in &world.browsers {
            if let Some(call) = browser.view.call() {
                self.calls.retain(|known| *known != call);
                self.calls.insert(0, call);
            }
            if let Some(room) = browser.view.room() {
                let other = browser.seat.others.keys().next().copied();
                self.rooms.retain(|(known, _)| *known != room);
                self.rooms.insert(0, (room, other.unwrap_or(ParticipantId::from_random(0))));
            }
            for link in &browser.links {
                if !self.links.contains(link) {
                    self.links.insert(0, *link);
                }
            }
        }
    }

    fn call(&self, n: usize) -> CallId {
        self.calls.get(n).copied().unwrap_or(CallId::from_random(9))
    }

    fn room(&self, n: usize) -> (RoomId, ParticipantId) {
        let none = (RoomId::from_random(9), ParticipantId::from_random(9));
        self.rooms.get(n).copied().unwrap_or(none)
    }

    fn link(&self, n: usize) -> LinkId {
        self.links.get(n).copied().unwrap_or(LinkId::from_random(9))
    }
}

fn state(world: &World) -> String {
    format!("{:?} {:?}", world.hub.calls, world.hub.rooms)
}

/// Sends a command about a call or a room; if the browser has no part in it, nothing may change and nobody else may hear of it.
fn send(world: &mut World, browser: usize, command: Command, about: Option<CallId>, room: Option<RoomId>) {
    let session = world.browsers[browser].session;
    let call = about.and_then(|id| world.hub.calls.get(&id));
    let room = room.and_then(|id| world.hub.rooms.get(&id));
    // Who called somebody into a room of several has no part in that any more, and may try to take it back.
    let has_part = call.is_some_and(|call| call.involved().contains(&session))
        || room.is_some_and(|room| room.participant(session).is_some());
    if has_part || world.browsers[browser].connection.is_none() {
        world.send(browser, command);
        return;
    }
    let before = state(world);
    let asked = world.media.len();
    for b in 0..world.browsers.len() {
        world.take(b);
    }
    world.send(browser, command);
    assert_eq!(state(world), before, "a stranger changed something");
    assert_eq!(world.media.len(), asked, "a stranger reached the SFU");
    for b in 0..world.browsers.len() {
        let heard = world.told(b);
        if b == browser {
            assert!(heard.iter().all(|e| e.starts_with("error")) && heard.len() <= 1, "{heard:?}");
        } else {
            assert!(heard.is_empty(), "a stranger was heard: {heard:?}");
        }
    }
}

/// Everybody in a browser's room and lobby, and somebody who is not; the nth of them.
fn somebody(world: &World, browser: usize, n: usize) -> ParticipantId {
    let seat = &world.browsers[browser].seat;
    let mut all: Vec<ParticipantId> = seat.lobby.iter().chain(seat.others.keys()).copied().collect();
    all.extend(world.browsers[browser].view.participant());
    all.get(n).copied().unwrap_or(ParticipantId::from_random(9))
}

fn take_step(world: &mut World, known: &Known, step: Step) {
    let count = world.browsers.len();
    let exists = |browser: usize| browser < count;
    match step {
        Step::Open(user) if count < 6 => {
            // Beyond the limits, it is refused.
            let _ = world.try_open(user);
        }
        Step::Open(_) => {}
        Step::Cut(b) if exists(b) => world.cut(b),
        Step::Resume(b) if exists(b) && world.browsers[b].connection.is_none() => {
            let _ = world.resume(b);
        }
        Step::CutLosing(b, events) if exists(b) && world.browsers[b].connection.is_some() => world.cut_losing(b, events),
        Step::Pass(ms) => world.pass_ms(ms),
        Step::Leave(b) if exists(b) => world.leave(b),
        Step::Mute(b) if exists(b) => world.browsers[b].mute = true,
        Step::Restart => world.restart(),
        Step::Call(b, user, always_through_server) if exists(b) => {
            let user_id = user_id(user);
            world.send(
                b,
                Command::Call {
                    user_id,
                    always_through_server,
                },
            );
        }
        Step::OnCall(b, what, n) if exists(b) => {
            let call_id = known.call(n);
            let command = match what {
                OnCall::Accept(always_through_server) => Command::Accept {
                    call_id,
                    always_through_server,
                },
                OnCall::Decline => Command::Decline { call_id },
                OnCall::Cancel => Command::Cancel { call_id },
                OnCall::HangUp => Command::HangUp { call_id },
            };
            send(world, b, command, Some(call_id), None);
        }
        Step::OnRoom(b, what, n) if exists(b) => {
            let (room_id, to) = known.room(n);
            let (path, reason) = (Path::Direct, PathReason::DirectReady);
            let command = match what {
                OnRoom::Offer(attempt) => Command::Offer {
                    room_id,
                    attempt,
                    sdp: "v=0".to_owned(),
                    sources: Vec::new(),
                },
                OnRoom::Publish => Command::Publish {
                    room_id,
                    sources: vec![Source::Camera],
                },
                OnRoom::Signal => Command::Signal {
                    room_id,
                    to,
                    signal: DirectSignal::Candidate {
                        generation: 1,
                        candidate: None,
                    },
                },
                OnRoom::RequestPath => Command::RequestPath { room_id, path, reason },
                OnRoom::ReportPath => Command::ReportPath {
                    room_id,
                    path,
                    reason,
                    protocol: None,
                    relayed: false,
                    setup_ms: Some(5),
                },
                OnRoom::ReportQuality => Command::ReportQuality {
                    room_id,
                    measured: Measured {
                        path,
                        lasted_ms: 5_000,
                        received_loss_permille: Some(70),
                        sent_loss_permille: None,
                        jitter_ms: None,
                        round_trip_ms: Some(9),
                        frames_per_s: None,
                        frozen_permille: None,
                    },
                },
                OnRoom::ReportHappening => Command::ReportHappening {
                    room_id,
                    what: Happening::CameraSwitched,
                },
                OnRoom::Leave => Command::Leave { room_id },
                OnRoom::Hand(raised) => Command::RaiseHand { room_id, raised },
                OnRoom::React => Command::React {
                    room_id,
                    reaction: Reaction::Party,
                },
                OnRoom::View => Command::View {
                    room_id,
                    view: view::View::Speaker,
                },
            };
            send(world, b, command, None, Some(room_id));
        }
        Step::Invite(b, user) if exists(b) => {
            let room_id = world.browsers[b].view.room().unwrap_or(known.room(0).0);
            let user_id = user_id(user);
            send(world, b, Command::Invite { room_id, user_id }, None, Some(room_id));
        }
        Step::CreateLink(b, own, [passphrase, expiry, single_use, lobby]) if exists(b) => {
            let wish = LinkWish {
                name: "name".to_owned(),
                passphrase: passphrase.then(|| "right".to_owned()),
                expires_in_s: expiry.then_some(10),
                single_use,
                lobby,
            };
            let room_id = world.browsers[b].view.room().filter(|_| !own);
            world.send(b, Command::CreateLink { room_id, wish });
        }
        Step::Join(b, n, right, always_through_server) if exists(b) => {
            let passphrase = Some(if right { "right" } else { "wrong" }.to_owned());
            let link_id = known.link(n);
            world.send(
                b,
                Command::Join {
                    link_id,
                    passphrase,
                    always_through_server,
                },
            );
        }
        Step::OnLink(b, what, n) if exists(b) => {
            let link_id = known.link(n);
            let command = match what {
                OnLink::Look => Command::LookAtLink { link_id },
                OnLink::List => Command::ListLinks {},
                OnLink::Revoke => Command::RevokeLink { link_id },
            };
            world.send(b, command);
        }
        Step::AsHost(b, what, whom) if exists(b) => {
            let room_id = world.browsers[b].view.room().unwrap_or(known.room(0).0);
            let participant_id = somebody(world, b, whom);
            let command = match what {
                AsHost::Lock(locked) => Command::Lock { room_id, locked },
                AsHost::Admit(admitted) => Command::Admit {
                    room_id,
                    participant_id,
                    admitted,
                },
                AsHost::Mute => Command::Mute {
                    room_id,
                    participant_id,
                    source: Source::Camera,
                },
                AsHost::Remove => Command::Remove { room_id, participant_id },
            };
            let may = world.browsers[b].seat.host;
            let before = state(world);
            send(world, b, command, None, Some(room_id));
            let is_there = world.browsers[b].connection.is_some();
            assert!(
                may || !is_there || state(world) == before,
                "somebody who is no host did something"
            );
        }
        Step::Hash => world.hash_all(),
        Step::Say(b, of, message) if exists(b) && exists(of) => {
            if let Some(room_id) = world.browsers[of].view.room() {
                let message_id = MessageId::from_random(message);
                let text = "hello".to_owned();
                let command = Command::Say {
                    room_id,
                    message_id,
                    text,
                    file_id: None,
                };
                world.send(b, command);
            }
        }
        Step::Keep(kept) => world.save_one(kept),
        Step::OnPerson(b, what, user) if exists(b) => world.send(b, about(what, user_id(user))),
        Step::KeepChanges(kept) => world.keep_changes(kept),
        Step::ForgetUser(user) => {
            world.hub.forget_user(user_id(user), world.now);
            world.drain();
        }
        Step::SfuHears(b, whom) if exists(b) => {
            if let Some(room) = world.browsers[b].view.room() {
                let speakers = vec![somebody(world, b, whom)];
                world.hub.handle_media(MediaFact::Speakers { room, speakers }, world.now);
                world.drain();
            }
        }
        Step::StartCheck(b) if exists(b) => world.send(b, Command::StartCheck {}),
        Step::EndCheck(b) if exists(b) => world.send(b, Command::EndCheck {}),
        Step::OfferInCheck(b, of) if exists(b) && exists(of) => {
            let room_id = world.browsers[of].checks.last().copied();
            let room_id = room_id.unwrap_or(RoomId::from_random(9));
            let asked = world.media.len();
            let may = world
                .hub
                .sessions
                .get(&world.browsers[b].session)
                .and_then(|session| session.check)
                == Some(room_id);
            world.send(b, offer_in(room_id));
            assert!(may || world.media.len() == asked, "a stranger reached the SFU");
        }
        Step::SetName(b, name) if exists(b) => world.send(b, Command::SetName { name }),
        Step::SfuAnswers(b, attempt) if exists(b) => {
            let sdp = "v=0".to_owned();
            sfu_says(world, b, MediaNews::Answered { attempt, sdp });
        }
        Step::SfuLoses(b, attempt) if exists(b) => {
            let reason = crate::signaling::protocol::TransportLostReason::Timeout;
            sfu_says(world, b, MediaNews::TransportLost { attempt, reason });
        }
        Step::Stop => {
            world.hub.set_draining(true);
        }
        // About a browser that is not there (or, for a resume, that is).
        Step::Cut(_)
        | Step::Leave(_)
        | Step::Mute(_)
        | Step::Resume(_)
        | Step::CutLosing(..)
        | Step::Call(..)
        | Step::OnCall(..)
        | Step::OnRoom(..)
        | Step::Invite(..)
        | Step::CreateLink(..)
        | Step::Join(..)
        | Step::OnLink(..)
        | Step::AsHost(..)
        | Step::Say(..)
        | Step::OnPerson(..)
        | Step::SfuHears(..)
        | Step::StartCheck(_)
        | Step::EndCheck(_)
        | Step::OfferInCheck(..)
        | Step::SetName(..)
        | Step::SfuAnswers(..)
        | Step::SfuLoses(..) => {}
    }
}

fn offer_in(room_id: RoomId) -> Command {
    Command::Offer {
        room_id,
        attempt: 1,
        sdp: "v=0".to_owned(),
        sources: Vec::new(),
    }
}

fn sfu_says(world: &mut World, browser: usize, what: MediaNews) {
    let session = world.browsers[browser].session;
    let found = world
        .hub
        .rooms
        .iter()
        .find_map(|(room, r)| Some((*room, r.participant(session)?)));
    if let Some((room, participant)) = found {
        let fact = MediaFact::Transport { room, participant, what };
        world.hub.handle_media(fact, world.now);
        world.drain();
    }
}

/// What must hold after every step.
fn check(world: &World) {
    let hub = &world.hub;
    assert!(hub.lost.is_empty());
    for browser in world.browsers.iter().filter(|b| b.connection.is_some()) {
        let session = &hub.sessions[&browser.session];
        assert_eq!(session.connection(), browser.connection);
        assert_eq!(session.call, browser.view.call(), "the two sides differ on the call");
        let live = |call| hub.calls.contains_key(&call);
        assert!(browser.view.call().is_none_or(live), "a call is over for the hub alone");
    }
    for browser in world.browsers.iter().filter(|b| b.connection.is_some()) {
        check_seat(hub, browser);
    }
    for (id, call) in &hub.calls {
        let room = &hub.rooms[&call.room];
        for session in call.involved() {
            let is_inviter = session == call.caller && call.kind == Kind::Invitation && !call.is_answered();
            assert!(is_inviter || hub.sessions[&session].call == Some(*id));
            assert!(room.participant(session).is_some());
            assert!(hub.users[&hub.sessions[&session].user].calls.contains(id));
        }
        assert_eq!(
            room.invitations.contains(id),
            call.kind == Kind::Invitation && !call.is_answered()
        );
    }
    for (id, user) in &hub.users {
        for call in &user.calls {
            let involved = hub.calls[call].involved();
            assert!(
                involved.iter().any(|session| hub.sessions[session].user == *id),
                "somebody is busy with a call that they have no part in"
            );
        }
    }
    for (id, session) in &hub.sessions {
        assert!(hub.users[&session.user].sessions.contains(id));
        assert!(session.call.is_none_or(|call| hub.calls[&call].involves(*id)));
        assert!(session.room.is_none_or(|room| hub.rooms[&room].participant(*id).is_some()));
        assert!(session.call.is_none() || session.room.is_some());
    }
    for (id, room) in &hub.rooms {
        check_room(hub, *id, room);
    }
    for (id, link) in &hub.links {
        assert!(link.room.is_none_or(|room| hub.rooms[&room].link == Some(*id)));
        assert!(hub.links_of[&link.maker].contains(id));
    }
    assert_eq!(hub.links.len(), hub.links_of.values().map(|links| links.len()).sum::<usize>());
    world.assert_kept();
    for (room, participants) in &world.sfu {
        let members = &hub.rooms[room].members;
        assert!(
            participants.iter().all(|id| members.contains_key(id)),
            "the SFU was not told who left"
        );
    }
    let mut checks = 0;
    for (id, session) in &hub.sessions {
        let Some(room) = session.check else { continue };
        checks += 1;
        let room = &hub.rooms[&room];
        assert!(room.origin == Origin::Check && room.members.len() == 1 && room.participant(*id).is_some());
    }
    let is_check = |room: &&Room| room.origin == Origin::Check;
    assert_eq!(hub.rooms.values().filter(is_check).count(), checks);
    let count = |what: fn(&Room) -> usize| hub.rooms.values().map(what).sum::<usize>();
    assert_eq!(hub.present, count(Room::present_count));
    assert_eq!(hub.open_rooms, count(|room| usize::from(room.present_count() > 0)));
    assert_eq!(hub.waiting, count(|room| room.waiting().len()));
    assert_eq!(hub.answered, hub.calls.values().filter(|call| call.is_answered()).count());
    assert_eq!(
        hub.connections.len(),
        hub.sessions.values().filter(|s| s.connection().is_some()).count()
    );
}

/// A browser believes of its room what is the case.
fn check_seat(hub: &Hub, browser: &Browser) {
    let session = &hub.sessions[&browser.session];
    assert_eq!(session.room, browser.view.room(), "the two sides differ on the room");
    let (View::Talking(_, room_id, me, _) | View::Joined(room_id, me)) = browser.view else {
        return;
    };
    let room = &hub.rooms[&room_id];
    assert_eq!(room.participant(browser.session), Some(me));
    let others: BTreeMap<_, _> = hub
        .others_in(room_id, me)
        .into_iter()
        .map(|p| (p.participant_id, p))
        .collect();
    assert_eq!(browser.seat.others, others, "it sees others than are there");
    assert_eq!(browser.seat.direct, room.direct);
    assert_eq!(browser.seat.room, Some(hub.room_info(room_id)));
    let member = &room.members[&me];
    assert_eq!((browser.seat.host, browser.seat.hand), (member.host, member.hand));
    if member.host {
        let waiting: Vec<_> = room.waiting().iter().map(|(id, _)| *id).collect();
        assert_eq!(browser.seat.lobby, waiting, "a host is told who waits");
    }
}

fn check_room(hub: &Hub, id: RoomId, room: &Room) {
    for member in room.members.values() {
        let session = &hub.sessions[&member.session];
        if room.origin == Origin::Check {
            assert_eq!(session.check, Some(id));
            continue;
        }
        assert_eq!((session.room, session.call), (Some(id), member.call));
        match member.standing {
            Standing::Ringing => assert!(!hub.calls[&member.call.expect("it rings")].is_answered()),
            Standing::Waiting => assert_eq!(member.call, None),
            Standing::Present { .. } => assert!(member.call.is_none_or(|call| hub.calls[&call].is_answered())),
        }
    }
    let rings = room.origin == Origin::Call && room.present_count() == 0;
    let only_waits = room.present_count() == 0 && !room.waiting().is_empty();
    assert!(
        room.origin == Origin::Check || rings || only_waits || room.outlasts(None),
        "a room outlived itself"
    );
    assert!(room.present_count() == 0 || room.has_host(), "a room has no host");
    assert!(room.present_count() <= hub.config.participants_per_room_max);
    assert!(!room.direct || room.may_be_direct(), "addresses leak");
    assert!(
        room.direct || !room.may_be_direct() || room.shrunk.is_some(),
        "two stay forwarded"
    );
    for call in &room.invitations {
        let inviter = room.participant(hub.calls[call].caller).expect("it is in the room");
        assert!(room.members[&inviter].standing.is_present());
    }
}

fn run(steps: Vec<Step>) {
    let mut world = World::new();
    // Six browsers fill it, until the server is started again.
    world.hub.config.participants_per_room_max = 4;
    for user in [1, 2, 2] {
        world.open(user);
    }
    let mut known = Known::default();
    for step in steps {
        take_step(&mut world, &known, step);
        check(&world);
        known.learn(&world);
    }
    for browser in 0..world.browsers.len() {
        world.cut(browser);
    }
    world.pass_ms(120_000);
    world.hash_all();
    check(&world);
    world.assert_empty();
    // Every call ended once, and one that nobody answered with one reason for everybody.
    let mut ended = BTreeMap::new();
    for fact in &world.facts {
        if let Fact::CallEnded { call, reason, .. } = fact {
            assert_eq!(ended.insert(*call, *reason), None, "a call ended twice");
        }
    }
    for fact in &world.facts {
        if let Fact::CallStarted { call, .. } = fact {
            assert!(
                ended.contains_key(call) || world.forgotten.contains(call),
                "a call never ended"
            );
        }
    }
    for (call, reasons) in &world.ends {
        let end = ended.get(call).expect("who is told the end of a call");
        let was_answered = matches!(end, EndReason::HungUp | EndReason::ConnectionLost | EndReason::Removed);
        assert!(was_answered || reasons.iter().all(|reason| reason == end), "{reasons:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: ProptestConfig::default().cases.max(2_000), failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn whatever_happens_every_call_ends_once_and_nothing_is_left(steps in steps()) {
        run(steps);
    }
}
