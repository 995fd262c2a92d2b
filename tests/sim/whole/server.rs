//! The server without its drivers: the real hub and an SFU, with a door for each websocket. What `http/websocket.rs`, `auth/` and
//! `signaling/driver.rs` do is done here in one thread and in one moment.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::time::Instant;

use rand::SeedableRng;
use rand::rngs::StdRng;
use tandem::grants::Grants;
use tandem::id::{ConnectionId, UserId};
use tandem::signaling::hub::{Attach, Hub, HubConfig, Identity};
use tandem::signaling::output::{Fact, Output};
use tandem::signaling::person::Person;
use tandem::signaling::protocol::{Command, CommandFrame, Credentials, ErrorCode, Event, EventFrame, IceServer, Resume};
use tandem::signaling::session::Departure;

use super::sfu::Sfu;
use super::websocket::Outgoing;
use crate::network::Dice;

pub struct Server {
    pub hub: Hub,
    pub sfu: Sfu,
    address: SocketAddr,
    dice: Dice,
    /// The secret and the name of every user that was made.
    users: BTreeMap<UserId, (String, String)>,
    /// Websockets whose `hello` was taken.
    greeted: BTreeSet<u64>,
    /// For which websocket, in order.
    outgoing: Vec<(u64, Outgoing)>,
    pub facts: Vec<Fact>,
}

impl Server {
    pub fn new(sfu: Sfu, address: SocketAddr, seed: u64) -> Server {
        Server {
            hub: Hub::new(HubConfig::default(), StdRng::seed_from_u64(seed)),
            sfu,
            address,
            dice: Dice::new(seed),
            users: BTreeMap::new(),
            greeted: BTreeSet::new(),
            outgoing: Vec::new(),
            facts: Vec::new(),
        }
    }

    /// A websocket brought a text frame.
    pub fn handle_text(&mut self, websocket: u64, text: &str, now: Instant) {
        let connection = ConnectionId::from_random(websocket);
        let is_greeted = self.greeted.contains(&websocket);
        match CommandFrame::from_json(text) {
            Ok(frame) if is_greeted => self.hub.handle_command(connection, frame, now),
            Ok(frame) => self.greet(websocket, frame, now),
            Err(bad) if is_greeted => {
                self.hub
                    .handle_bad_frame(connection, bad.reference, ErrorCode::BadCommand, &bad.message, now);
            }
            Err(bad) => self.refuse(websocket, bad.reference, ErrorCode::BadCommand, bad.message),
        }
    }

    /// A websocket is gone.
    pub fn handle_gone(&mut self, websocket: u64, now: Instant) {
        if self.greeted.remove(&websocket) {
            self.hub
                .handle_detach(ConnectionId::from_random(websocket), Departure::Dropped, now);
        }
    }

    pub fn handle_timeout(&mut self, now: Instant) {
        self.sfu.handle_timeout(now);
        if self.hub.poll_timeout().is_some_and(|at| at <= now) {
            self.hub.handle_timeout(now);
        }
    }

    pub fn poll_timeout(&self) -> Option<Instant> {
        [self.hub.poll_timeout(), self.sfu.poll_timeout()].into_iter().flatten().min()
    }

    /// What the hub and the SFU made of it: for which websocket what is to be written.
    pub fn poll_outgoing(&mut self, now: Instant) -> Vec<(u64, Outgoing)> {
        loop {
            while let Some(output) = self.hub.poll_output() {
                self.carry_out(output, now);
            }
            let facts = self.sfu.poll_facts(now);
            if facts.is_empty() {
                return std::mem::take(&mut self.outgoing);
            }
            for fact in facts {
                self.hub.handle_media(fact, now);
            }
        }
    }

    fn carry_out(&mut self, output: Output, now: Instant) {
        match output {
            Output::Send { connection, mut frame } => {
                if let Event::Welcome { ice_servers, .. } = &mut frame.event {
                    ice_servers.push(IceServer {
                        urls: vec![format!("stun:{}", self.address)],
                        username: None,
                        credential: None,
                    });
                }
                let websocket = self.websocket(connection);
                self.outgoing.push((websocket, Outgoing::Text(frame.to_json())));
            }
            Output::Attached { .. } => unreachable!("there is one node"),
            Output::Close { connection, .. } => {
                let websocket = self.websocket(connection);
                self.greeted.remove(&websocket);
                self.outgoing.push((websocket, Outgoing::Close));
            }
            Output::Media(request) => self.sfu.handle_request(request, now),
            Output::SaveName { user, name } => {
                if let Some((_, kept)) = self.users.get_mut(&user) {
                    *kept = name;
                }
            }
            // Nobody here has a link.
            Output::Hash { .. } => {}
            // This world's server is not started again.
            Output::Keep(_) | Output::Read(_) => {}
            // Nobody here subscribes to push.
            Output::Push(_) => {}
            Output::Count(fact) => self.facts.push(fact),
            Output::Say { word, .. } => panic!("there is no other node: {word:?}"),
        }
    }

    /// The hub speaks only of websockets that were greeted and are not gone.
    fn websocket(&self, connection: ConnectionId) -> u64 {
        let mut greeted = self.greeted.iter().copied();
        let found = greeted.find(|websocket| ConnectionId::from_random(*websocket) == connection);
        found.expect("frames go to websockets that are there")
    }

    fn greet(&mut self, websocket: u64, frame: CommandFrame, now: Instant) {
        let reference = frame.reference;
        let Command::Hello { user, name, resume, .. } = frame.command else {
            return self.refuse(
                websocket,
                Some(reference),
                ErrorCode::NotSignedIn,
                "hello comes first".to_owned(),
            );
        };
        let Some((identity, new_secret)) = self.sign_in(user, name) else {
            return self.refuse(websocket, Some(reference), ErrorCode::NotSignedIn, "who is that?".to_owned());
        };
        let attach = self.attach(identity, new_secret, resume, reference);
        // Before the hub says anything to it.
        self.greeted.insert(websocket);
        if let Err(refused) = self.hub.handle_attach(ConnectionId::from_random(websocket), attach, now) {
            self.greeted.remove(&websocket);
            self.refuse(websocket, Some(reference), refused.code(), refused.to_string());
        }
    }

    fn attach(&self, identity: Identity, new_secret: Option<String>, resume: Option<Resume>, reference: u32) -> Attach {
        Attach {
            identity: Some(identity),
            new_secret,
            missed: Some(0),
            resume,
            reference,
            loopback: false,
            address: None,
            unattended: false,
            device: None,
            browser: String::new(),
        }
    }

    fn sign_in(&mut self, user: Option<Credentials>, name: Option<String>) -> Option<(Identity, Option<String>)> {
        if let Some(Credentials { user_id, secret }) = user {
            let (kept, name) = self.users.get(&user_id)?;
            let name = name.clone();
            return (*kept == secret).then_some((identity(user_id, name), None));
        }
        let user_id = UserId::from_random(self.dice.next());
        let (secret, name) = (format!("{:016x}", self.dice.next()), name.unwrap_or_default());
        self.users.insert(user_id, (secret.clone(), name.clone()));
        Some((identity(user_id, name), Some(secret)))
    }

    fn refuse(&mut self, websocket: u64, reference: Option<u32>, code: ErrorCode, message: String) {
        let event = Event::Error {
            code,
            message,
            retry_after_s: None,
        };
        let frame = EventFrame {
            seq: None,
            reference,
            event,
        };
        self.outgoing.push((websocket, Outgoing::Text(frame.to_json())));
        self.outgoing.push((websocket, Outgoing::Close));
    }
}

fn identity(user_id: UserId, name: String) -> Identity {
    Identity {
        user_id,
        name,
        grants: Grants::ALL,
        person: Person::default(),
    }
}
