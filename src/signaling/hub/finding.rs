//! What only one node has and nobody knows which, in the hub of whoever wants it: all nodes that are heard are asked, and what was to be
//! done is done where it is.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use rand::Rng;

use super::neighbours::UNREACHABLE;
use super::{Hub, Timer};
use crate::grants::Grants;
use crate::id::{CallId, ConnectionId, LinkId, NodeId, SessionId, UserId};
use crate::signaling::limits::{Limit, Refusal};
use crate::signaling::nodes::{Abroad, Sought, Visitor, Word};
use crate::signaling::protocol::{Command, ErrorCode, Event};
use crate::signaling::records::Asked;

/// For so long the answers of other nodes are waited for, and then that of the one which has it.
pub(super) const PATIENCE: Duration = Duration::from_millis(1500);

/// After so long the store is asked whether the node that has it is gone: one that lives has answered, as a rule.
const EARLY: Duration = Duration::from_millis(300);

/// Whoever joins waits longer: a pass phrase takes the time of its slow hash.
const JOIN_PATIENCE: Duration = Duration::from_secs(5);

/// What one session may have looked for at a time.
const ERRANDS_MAX: usize = 8;

/// Something that is looked for.
#[derive(Debug)]
pub(super) struct Find {
    /// The nodes that have not answered.
    waits_for: BTreeSet<NodeId>,
    /// Those that would take it on if nobody has it.
    takers: BTreeSet<NodeId>,
    /// Whether nobody who might have it could not be asked.
    is_whole: bool,
    /// Whether somebody who was asked did not answer.
    is_late: bool,
    until: Instant,
    /// Whether the store was asked already.
    asked_early: bool,
    errands: Vec<Errand>,
}

impl Find {
    pub(super) fn is_late(&self) -> bool {
        self.is_late
    }

    /// The same was looked for again.
    pub(super) fn join(&mut self, other: Find) {
        self.is_whole &= other.is_whole;
        self.is_late |= other.is_late;
        self.errands.extend(other.errands);
    }
}

/// What is to be done where it is.
#[derive(Debug)]
pub(super) enum Errand {
    /// What a session asked for.
    Command { asked: Asked, command: Command },
    /// A websocket is to have its session.
    Resume(ConnectionId),
}

impl Errand {
    fn is_of(&self, id: SessionId) -> bool {
        match self {
            Errand::Command { asked, .. } => asked.session == id,
            Errand::Resume(_) => false,
        }
    }
}

/// The link that a command is about, which may be on any node.
fn link_of(command: &Command) -> Option<LinkId> {
    match command {
        Command::LookAtLink { link_id } | Command::Join { link_id, .. } | Command::RevokeLink { link_id } => Some(*link_id),
        _ => None,
    }
}

/// Who looks.
impl Hub {
    /// Carries out what is about a link, wherever that is.
    pub(super) fn by_link(&mut self, asked: Asked, command: Command, now: Instant) -> Result<(), Refusal> {
        let Some(link) = link_of(&command) else { return Ok(()) };
        let is_visitor = self.is_visitor(asked.session);
        if is_visitor || !self.neighbours.joined || self.links.contains_key(&link) {
            return self.by_link_here(asked, command, now);
        }
        let done = self.check_errand(asked.session, &command, now);
        if let Command::Join { .. } = command {
            self.count_refused_join(&done);
        }
        done?;
        let errand = Errand::Command { asked, command };
        self.look_for(Sought::Link(link), errand, now);
        Ok(())
    }

    fn by_link_here(&mut self, Asked { session, reference }: Asked, command: Command, now: Instant) -> Result<(), Refusal> {
        match command {
            Command::LookAtLink { link_id } => self.look_at_link(session, reference, link_id, now),
            Command::RevokeLink { link_id } => self.revoke_link(session, reference, link_id, now),
            Command::Join {
                link_id,
                passphrase,
                always_through_server,
            } => self.join(session, reference, link_id, passphrase, always_through_server, now),
            _ => Ok(()),
        }
    }

    /// What would be refused wherever the link is: nobody is asked for that.
    fn check_errand(&mut self, id: SessionId, command: &Command, now: Instant) -> Result<(), Refusal> {
        let Some(session) = self.sessions.get_mut(&id) else {
            return Ok(());
        };
        // All nodes and the store would be asked for each guess.
        if !self.link_strangers.may_miss(session.address, now) {
            self.count_limit(Limit::Joins);
            return Err(Refusal::rate_limited("too many links that are not there: wait a minute"));
        }
        match command {
            Command::LookAtLink { link_id } => self.check_may_join(id, *link_id)?,
            Command::Join { link_id, passphrase, .. } => {
                if !session.joins.has(now) {
                    self.count_limit(Limit::Joins);
                    return Err(Refusal::rate_limited("too many joins: wait a minute"));
                }
                let guesses = passphrase.as_ref().is_some_and(|passphrase| !passphrase.is_empty());
                if guesses && !session.attempts.has(now) {
                    self.count_limit(Limit::PassphraseAttempts);
                    return Err(Refusal::rate_limited("too many pass phrases: wait a minute"));
                }
                self.check_takes_new()?;
                self.check_may_join(id, *link_id)?;
                self.check_is_free(id)?;
            }
            _ => {}
        }
        self.check_errands(id)
    }

    /// Whether one more may be asked for by this session at all nodes.
    pub(super) fn check_errands(&self, id: SessionId) -> Result<(), Refusal> {
        let errands = self.neighbours.finds.values().flat_map(|find| &find.errands);
        let ours = errands.filter(|errand| errand.is_of(id)).count();
        match ours + self.lists_of(id) >= ERRANDS_MAX {
            true => Err(Refusal::rate_limited("too many links at once: wait a second")),
            false => Ok(()),
        }
    }

    pub(super) fn look_for(&mut self, what: Sought, errand: Errand, now: Instant) {
        if let Some(find) = self.neighbours.finds.get_mut(&what) {
            find.errands.push(errand);
            return;
        }
        let heard = self.neighbours.heard();
        let find = Find {
            waits_for: heard.clone(),
            takers: BTreeSet::new(),
            is_whole: self.neighbours.hears_all(),
            is_late: false,
            until: now + PATIENCE,
            asked_early: false,
            errands: vec![errand],
        };
        self.neighbours.finds.insert(what, find);
        if !heard.is_empty() {
            self.timers.insert((now + EARLY, Timer::Find(what)));
            self.timers.insert((now + PATIENCE, Timer::Find(what)));
        }
        for to in heard {
            self.say_to(to, Word::Find { what });
        }
        self.end_find_if_answered(what, now);
    }

    /// A node has it, or does not.
    pub(super) fn has_there(&mut self, from: NodeId, what: Sought, has: bool, takes: bool, now: Instant) {
        let Some(find) = self.neighbours.finds.get_mut(&what) else {
            return;
        };
        if !has {
            find.waits_for.remove(&from);
            find.takers.extend(takes.then_some(from));
            return self.end_find_if_answered(what, now);
        }
        if let Some(find) = self.end_find(what) {
            self.do_there(from, find, now);
        }
    }

    /// Another node has what was looked for.
    pub(super) fn do_there(&mut self, from: NodeId, find: Find, now: Instant) {
        for errand in find.errands {
            match errand {
                Errand::Command { asked, command } => self.send_there(from, asked, command, now),
                Errand::Resume(connection) => self.knock_at(from, connection, now),
            }
        }
    }

    fn end_find(&mut self, what: Sought) -> Option<Find> {
        self.neighbours.finds.remove(&what)
    }

    fn end_find_if_answered(&mut self, what: Sought, now: Instant) {
        let is_answered = |find: &Find| find.waits_for.is_empty();
        if self.neighbours.finds.get(&what).is_some_and(is_answered) {
            self.found_nowhere(what, now);
        }
    }

    /// Not all have answered in time.
    pub(super) fn give_up_find(&mut self, what: Sought, now: Instant) {
        let Some(find) = self.neighbours.finds.get_mut(&what) else {
            return;
        };
        if now >= find.until {
            (find.is_whole, find.is_late) = (false, true);
            self.found_nowhere(what, now);
        } else if now + PATIENCE >= find.until + EARLY && !std::mem::replace(&mut find.asked_early, true) {
            self.ask_store_early(what);
        }
    }

    /// The store was faster than those who have not answered.
    pub(super) fn take_find(&mut self, what: Sought) -> Option<Find> {
        self.end_find(what)
    }

    /// A node that has not answered will not.
    pub(super) fn stop_finding_at(&mut self, node: NodeId, now: Instant) {
        let waiting = self.neighbours.finds.iter_mut();
        let unanswered = waiting.filter_map(|(what, find)| find.waits_for.remove(&node).then_some((*what, find)));
        let unanswered: Vec<Sought> = unanswered
            .map(|(what, find)| {
                find.is_whole = false;
                what
            })
            .collect();
        for what in unanswered {
            self.end_find_if_answered(what, now);
        }
        let at_node = self.neighbours.errands.iter().filter(|(_, at)| **at == node);
        let asked: Vec<Asked> = at_node.map(|(asked, _)| *asked).collect();
        for asked in asked {
            self.give_up_errand(asked);
        }
    }

    fn found_nowhere(&mut self, what: Sought, now: Instant) {
        let Some(find) = self.end_find(what) else { return };
        let Err(find) = self.ask_store_for(what, find) else { return };
        let (takers, is_whole) = (find.takers, find.is_whole);
        for errand in find.errands {
            match (what, errand) {
                (Sought::Link(link), Errand::Command { asked, command }) => {
                    self.end_by_link(link, (asked, command), &takers, is_whole, now);
                }
                (_, Errand::Resume(connection)) => self.arrive_here(connection, now),
                (Sought::Session(_), Errand::Command { .. }) => {}
            }
        }
    }

    /// The store was asked too. `is_known`: whether there is such a thing, and then it is here; None: nobody can say where.
    pub(super) fn end_lost_find(&mut self, what: Sought, find: Find, is_known: Option<bool>, now: Instant) {
        for errand in find.errands {
            match (what, errand) {
                (_, Errand::Resume(connection)) => self.arrive_lost(connection, is_known, find.is_late, now),
                (Sought::Link(link), Errand::Command { asked, command }) if is_known.is_some() => {
                    self.end_by_link(link, (asked, command), &find.takers, true, now);
                }
                (_, Errand::Command { asked, .. }) => {
                    self.refuse(asked.session, Some(asked.reference), UNREACHABLE.code, UNREACHABLE.message);
                }
            }
        }
    }

    fn end_by_link(
        &mut self,
        link: LinkId,
        (asked, command): (Asked, Command),
        takers: &BTreeSet<NodeId>,
        is_whole: bool,
        now: Instant,
    ) {
        if let Err(refusal) = self.by_link_nowhere(link, (asked, command), takers, is_whole, now) {
            if refusal.code == ErrorCode::NoSuchLink {
                let address = self.sessions.get(&asked.session).and_then(|session| session.address);
                self.link_strangers.miss(address, now);
            }
            self.refuse(asked.session, Some(asked.reference), refusal.code, refusal.message);
        }
    }

    /// `is_whole`: nobody has the link, for all were asked.
    fn by_link_nowhere(
        &mut self,
        link: LinkId,
        (asked, command): (Asked, Command),
        takers: &BTreeSet<NodeId>,
        is_whole: bool,
        now: Instant,
    ) -> Result<(), Refusal> {
        let may_open = self.unopened(asked.session, link).is_some();
        if !may_open && !is_whole {
            return Err(UNREACHABLE);
        }
        let opener = self.opener_of(link, takers).filter(|_| may_open && is_whole);
        match (opener, &command) {
            (Some(node), Command::Join { .. }) => {
                self.send_there(node, asked, command, now);
                Ok(())
            }
            _ => self.by_link_here(asked, command, now),
        }
    }

    /// On which other node the room is made that a token names and nobody has: all nodes choose the same one, so that it is not made twice.
    fn opener_of(&self, link: LinkId, takers: &BTreeSet<NodeId>) -> Option<NodeId> {
        let me = self.neighbours.me.filter(|_| !self.takes_nothing_new());
        let all = takers.iter().copied().chain(me);
        let chosen = all.min_by_key(|node| super::sha256(&format!("{link} {node}")));
        chosen.filter(|chosen| Some(*chosen) != me)
    }

    fn send_there(&mut self, node: NodeId, asked: Asked, command: Command, now: Instant) {
        let Asked { session, reference } = asked;
        let Some(of) = self.sessions.get(&session) else { return };
        let (user, grants) = (of.user, of.grants);
        let word = match command {
            Command::LookAtLink { link_id: link } => Word::LookAtLink {
                session,
                reference,
                link,
                user,
                grants,
            },
            Command::RevokeLink { link_id: link } => Word::RevokeLink {
                session,
                reference,
                link,
                user,
            },
            command => {
                if let Err(refusal) = self.come_there(node, asked, command, now) {
                    self.refuse(session, Some(reference), refusal.code, refusal.message);
                }
                return;
            }
        };
        self.neighbours.errands.insert(asked, node);
        self.timers.insert((now + PATIENCE, Timer::Errand(asked)));
        self.say_to(node, word);
    }

    /// The session is a visitor of the node that has the link, if that lets it in.
    fn come_there(&mut self, node: NodeId, asked: Asked, command: Command, now: Instant) -> Result<(), Refusal> {
        let id = asked.session;
        // Much may have happened while others were asked.
        self.check_is_free(id)?;
        let Some(visitor) = self.visitor(id, None) else {
            return Ok(());
        };
        let Some(session) = self.sessions.get_mut(&id) else {
            return Ok(());
        };
        session.joins.take(now);
        let guesses = matches!(&command, Command::Join { passphrase: Some(passphrase), .. } if !passphrase.is_empty());
        if guesses {
            session.attempts.take(now);
        }
        let visit = CallId::from_random(self.rng.next_u64());
        let mut abroad = Abroad::new(node, visit);
        (abroad.joins, abroad.guesses) = (Some(asked.reference), guesses);
        self.note_abroad(id, abroad, now + JOIN_PATIENCE);
        self.say_to(
            node,
            Word::Comes {
                visit,
                visitor,
                reference: asked.reference,
                command,
            },
        );
        Ok(())
    }

    /// Whether a session comes in there was answered. Those who know the pass phrase do not use up what there is for guesses.
    pub(super) fn end_guess(&mut self, id: SessionId, guessed: bool, event: &Event) {
        let is_wrong = matches!(
            event,
            Event::Error {
                code: ErrorCode::PassphraseNeeded,
                ..
            }
        );
        if let Some(session) = self.sessions.get_mut(&id).filter(|_| guessed && !is_wrong) {
            session.attempts.give_back();
        }
    }

    pub(super) fn answered_there(&mut self, from: NodeId, asked: Asked, event: Event) {
        if self.neighbours.errands.get(&asked) == Some(&from) {
            self.neighbours.errands.remove(&asked);
            match event {
                Event::Error { code, message, .. } => self.refuse(asked.session, Some(asked.reference), code, &message),
                event => self.tell(asked.session, Some(asked.reference), event),
            }
        }
    }

    pub(super) fn revoked_there(&mut self, from: NodeId, asked: Asked, now: Instant) {
        if self.neighbours.errands.get(&asked) == Some(&from) {
            self.neighbours.errands.remove(&asked);
            self.list_links(asked, now);
        }
    }

    pub(super) fn give_up_errand(&mut self, asked: Asked) {
        if self.neighbours.errands.remove(&asked).is_some() {
            self.refuse(asked.session, Some(asked.reference), UNREACHABLE.code, UNREACHABLE.message);
        }
    }
}

/// Who has it.
impl Hub {
    pub(super) fn asked_for(&mut self, from: NodeId, what: Sought) {
        let has = match what {
            Sought::Link(link) => self.links.contains_key(&link),
            Sought::Session(session) => self.sessions.get(&session).is_some_and(|session| session.home.is_none()),
        };
        let takes = !self.takes_nothing_new();
        self.say_to(from, Word::Has { what, has, takes });
    }

    pub(super) fn looked_at_from(&mut self, from: NodeId, asked: Asked, link: LinkId, who: (UserId, Grants), now: Instant) {
        let event = match self.preview(link, who, now) {
            Ok(link) => Event::LinkSeen { link },
            Err(refusal) => refused(refusal),
        };
        self.answer(from, asked, event);
    }

    pub(super) fn revoked_from(&mut self, from: NodeId, asked: Asked, id: LinkId, user: UserId) {
        let Asked { session, reference } = asked;
        match self.check_may_revoke(session, user, id) {
            Ok(()) => {
                self.remove_link(id);
                self.say_to(from, Word::Revoked { session, reference });
            }
            Err(refusal) => self.answer(from, asked, refused(refusal)),
        }
    }

    fn answer(&mut self, to: NodeId, Asked { session, reference }: Asked, event: Event) {
        let word = Word::Answer {
            session,
            reference,
            event,
        };
        self.say_to(to, word);
    }

    pub(super) fn comes_from(
        &mut self,
        from: NodeId,
        visit: CallId,
        visitor: Visitor,
        reference: u32,
        command: Command,
        now: Instant,
    ) {
        let session = visitor.session;
        if self.let_visit(from, visit, visitor, now).is_some() {
            self.visitor_says(from, session, reference, command, now);
        }
    }
}

fn refused(refusal: Refusal) -> Event {
    Event::Error {
        code: refusal.code,
        message: refusal.message.to_owned(),
        retry_after_s: (refusal.code == ErrorCode::Overloaded).then_some(crate::signaling::limits::RETRY_AFTER_S),
    }
}
