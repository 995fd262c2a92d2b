//! What the nodes keep together: whose is what, and who takes up what of whom.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use tandem::id::{CallId, LinkId, RoomId, SessionId, UserId};
use tandem::signaling::hub::restore::{AbroadAt, Restored};
use tandem::signaling::nodes::Sought;
use tandem::signaling::output::{Keep, KeptCall, KeptLink, KeptMember, KeptRoom, KeptSession};
use tandem::signaling::person::Person;
use tandem::signaling::records::{Adoption, Finding, Lost, Question, Renewed};

/// Each with the name of the node that has it.
#[derive(Default)]
pub struct Store {
    sessions: BTreeMap<SessionId, (String, KeptSession)>,
    links: BTreeMap<LinkId, (String, KeptLink)>,
    rooms: BTreeMap<RoomId, (String, KeptRoom)>,
    members: BTreeMap<SessionId, (String, KeptMember)>,
    calls: BTreeMap<CallId, (String, KeptCall)>,
    /// The names that somebody holds.
    pub held: BTreeSet<String>,
    /// It is not there.
    pub is_away: bool,
    /// Who adopted whom.
    pub adoptions: Vec<(String, String)>,
}

impl Store {
    pub fn keep(&mut self, node: &str, keep: Keep) {
        let own = node.to_owned();
        match keep {
            Keep::Session(kept) => drop(self.sessions.insert(kept.session, (own, kept))),
            Keep::ForgetSession(id) => self.sessions.retain(|session, (of, _)| *session != id || of != node),
            Keep::Link(kept) => drop(self.links.insert(kept.link, (own, kept))),
            Keep::ForgetLink(id) => self.links.retain(|link, (of, _)| *link != id || of != node),
            Keep::Room(kept) => drop(self.rooms.insert(kept.room, (own, kept))),
            Keep::ForgetRoom(id) => {
                self.rooms.remove(&id);
                self.members.retain(|_, (_, member)| member.room != id);
            }
            Keep::Member(kept) => drop(self.members.insert(kept.session, (own, kept))),
            Keep::ForgetMember(id) => self.members.retain(|session, (of, _)| *session != id || of != node),
            Keep::Call(kept) => drop(self.calls.insert(kept.call, (own, kept))),
            Keep::ForgetCall(id) => drop(self.calls.remove(&id)),
            _ => {}
        }
    }

    /// What bears a node's name.
    pub fn of(&self, node: &str) -> Restored {
        fn own<K, T: Clone>(all: &BTreeMap<K, (String, T)>, node: &str) -> Vec<T> {
            let own = all.values().filter(|(of, _)| of == node);
            own.map(|(_, kept)| kept.clone()).collect()
        }
        let named = |kept: KeptSession| (kept, format!("user {}", kept.user));
        let members = own(&self.members, node);
        let guest = |member: &KeptMember| {
            let (of, kept) = self.sessions.get(&member.session)?;
            (of != node).then(|| named(*kept))
        };
        let elsewhere = self.members.values().filter(|(owner, _)| owner != node);
        let abroad = elsewhere.filter(|(_, member)| self.sessions.get(&member.session).is_some_and(|(of, _)| of == node));
        let guests: Vec<(KeptSession, String)> = members.iter().filter_map(guest).collect();
        let sessions: Vec<(KeptSession, String)> = own(&self.sessions, node).into_iter().map(named).collect();
        let users: BTreeSet<UserId> = sessions.iter().chain(&guests).map(|(kept, _)| kept.user).collect();
        Restored {
            people: users.into_iter().map(|user| (user, Person::default())).collect(),
            links: own(&self.links, node),
            rooms: own(&self.rooms, node).into_iter().map(|room| (room, None)).collect(),
            calls: own(&self.calls, node)
                .into_iter()
                .map(|call| (call, Duration::ZERO))
                .collect(),
            abroad: abroad
                .map(|(owner, member)| {
                    let at = AbroadAt {
                        owner: owner.clone(),
                        room: member.room,
                        call: member.call,
                    };
                    (member.session, at)
                })
                .collect(),
            members: members.into_iter().map(|member| (member, Duration::ZERO)).collect(),
            sessions,
            guests,
        }
    }

    pub fn answer(&mut self, node: &str, question: &Question) -> Finding {
        match question {
            Question::Adopt(lost) if !self.is_away => Finding::Adopted {
                lost: lost.clone(),
                outcome: self.adopt(node, lost),
            },
            Question::Renewal { users, barred } => Finding::Renewal {
                users: users
                    .iter()
                    .map(|user| Renewed {
                        user: *user,
                        name: Some(format!("user {user}")),
                        person: Person::default(),
                        contacts: Vec::new(),
                        blocked: Vec::new(),
                    })
                    .collect(),
                barred: barred.then(Vec::new),
            },
            other => other.unanswered(false),
        }
    }

    fn adopt(&mut self, by: &str, lost: &Lost) -> Adoption {
        let of = match lost {
            Lost::Node(name) => Some(name.clone()),
            Lost::Of(Sought::Session(id)) => self.sessions.get(id).map(|(of, _)| of.clone()),
            Lost::Of(Sought::Link(id)) => self.links.get(id).map(|(of, _)| of.clone()),
        };
        let Some(of) = of else { return Adoption::Unknown };
        if of == by {
            return Adoption::Ours;
        }
        if self.held.contains(&of) {
            return Adoption::NotFree(Some(of));
        }
        let restored = self.of(&of);
        if restored.is_empty() {
            return Adoption::Unknown;
        }
        let rename = |name: &mut String| {
            if *name == of {
                by.clone_into(name);
            }
        };
        self.sessions.values_mut().for_each(|(name, _)| rename(name));
        self.links.values_mut().for_each(|(name, _)| rename(name));
        self.rooms.values_mut().for_each(|(name, _)| rename(name));
        self.members.values_mut().for_each(|(name, _)| rename(name));
        self.calls.values_mut().for_each(|(name, _)| rename(name));
        self.adoptions.push((by.to_owned(), of.clone()));
        let restored = Box::new(restored);
        Adoption::Adopted { node: of, restored }
    }

    /// Nothing is kept of any room or call.
    pub fn has_no_rooms(&self) -> bool {
        self.rooms.is_empty() && self.members.is_empty() && self.calls.is_empty()
    }
}
