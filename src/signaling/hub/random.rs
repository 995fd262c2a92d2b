//! Random interleavings of what browsers, the network and the clock do. The world checks every event; this checks what must hold
//! at every moment and at the end.

// The architecture test reads a file up to this line.
#[cfg(test)]
use proptest::prelude::*;

use super::world::{View, World, user_id};
use super::*;
use crate::id::{ParticipantId, Source};
use crate::signaling::output::{MediaFact, MediaNews};
use crate::signaling::protocol::{Command, DirectSignal, Path, PathReason};
use crate::signaling::room::Origin;

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
    ];
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

/// Every call that there ever was, the latest first, with what a hostile browser could wish to know of it.
#[derive(Default)]
struct Known {
    calls: Vec<(CallId, RoomId, ParticipantId)>,
}

impl Known {
    fn learn(&mut self, world: &World) {
        for browser in &world.browsers {
            let (call, room) = match browser.view {
                View::Idle => continue,
                View::Calling(call, room) | View::Ringing(call, room) | View::Talking(call, room, ..) => (call, room),
            };
            let participant = match browser.view {
                View::Talking(.., other) => other,
                View::Idle | View::Calling(..) | View::Ringing(..) => ParticipantId::from_random(0),
            };
            self.calls.retain(|(known, ..)| *known != call);
            self.calls.insert(0, (call, room, participant));
        }
    }

    fn nth(&self, n: usize) -> (CallId, RoomId, ParticipantId) {
        let none = (CallId::from_random(9), RoomId::from_random(9), ParticipantId::from_random(9));
        self.calls.get(n).copied().unwrap_or(none)
    }
}

fn state(world: &World) -> String {
    format!("{:?} {:?}", world.hub.calls, world.hub.rooms)
}

/// Sends a command about a call; if the browser has no part in that call, nothing may change and nobody else may hear of it.
fn send(world: &mut World, browser: usize, command: Command, about: CallId) {
    let has_part = world.hub.calls.get(&about).is_some_and(|call| {
        let session = world.browsers[browser].session;
        call.involved().contains(&session)
    });
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

fn take_step(world: &mut World, known: &Known, step: Step) {
    let count = world.browsers.len();
    let exists = |browser: usize| browser < count;
    match step {
        Step::Open(user) if count < 6 => {
            // A stopping server refuses.
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
            let (call_id, ..) = known.nth(n);
            let command = match what {
                OnCall::Accept(always_through_server) => Command::Accept {
                    call_id,
                    always_through_server,
                },
                OnCall::Decline => Command::Decline { call_id },
                OnCall::Cancel => Command::Cancel { call_id },
                OnCall::HangUp => Command::HangUp { call_id },
            };
            send(world, b, command, call_id);
        }
        Step::OnRoom(b, what, n) if exists(b) => {
            let (call_id, room_id, to) = known.nth(n);
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
                    setup_ms: Some(5),
                },
            };
            send(world, b, command, call_id);
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
            world.hub.begin_stopping(world.now);
            world.drain();
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
        assert!(!matches!(browser.view.call(), Some(call) if world.ends.contains_key(&call)));
    }
    for (id, call) in &hub.calls {
        let involved = call.involved();
        assert!(involved.len() >= 2);
        for session in &involved {
            assert_eq!(hub.sessions[session].call, Some(*id));
        }
        let room = &hub.rooms[&call.room];
        assert_eq!(room.members.len(), involved.len());
        assert!(involved.iter().all(|session| room.participant(*session).is_some()));
        for session in &involved {
            assert!(hub.users[&hub.sessions[session].user].calls.contains(id));
        }
    }
    for (id, session) in &hub.sessions {
        assert!(hub.users[&session.user].sessions.contains(id));
        assert!(session.call.is_none_or(|call| hub.calls[&call].involved().contains(id)));
    }
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
    assert_eq!(hub.rooms.len(), hub.calls.len() + checks);
    assert_eq!(hub.answered, hub.calls.values().filter(|call| call.is_answered()).count());
    assert_eq!(
        hub.connections.len(),
        hub.sessions.values().filter(|s| s.connection().is_some()).count()
    );
}

fn run(steps: Vec<Step>) {
    let mut world = World::new();
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
    check(&world);
    world.assert_empty();
    // Every call ended once, and with one reason for everybody.
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
        assert!(reasons.iter().all(|reason| Some(reason) == ended.get(call)), "{reasons:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: ProptestConfig::default().cases.max(2_000), failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn whatever_happens_every_call_ends_once_and_nothing_is_left(steps in steps()) {
        run(steps);
    }
}
