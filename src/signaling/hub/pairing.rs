//! How a user comes to one more browser, in the hub: whose code is shown, who gives it, and what comes of that.

use std::time::Instant;

use rand::Rng;

use super::{Hub, Timer, sha256};
use crate::id::{DeviceId, SessionId};
use crate::signaling::limits::{Limit, Refusal};
use crate::signaling::output::{Keep, Output};
use crate::signaling::pairing::{self, LASTS, NewDevice, Pairing, Secret};
use crate::signaling::protocol::{ErrorCode, Event};
use crate::signaling::records::Asked;

const NO_SUCH_CODE: Refusal = Refusal {
    code: ErrorCode::NoSuchCode,
    message: "there is no such code, or it was used, called off or is over",
};

impl Hub {
    /// Shows a code by which one more browser becomes this user's. What this session showed before is over.
    pub(super) fn pair(&mut self, session: SessionId, reference: u32, now: Instant) -> Result<(), Refusal> {
        self.check_may_pair(session)?;
        let Some(user) = self.user_of(session) else {
            return Ok(());
        };
        self.take_change(session, now)?;
        let code = pairing::code(self.rng.next_u64());
        let pairing = Pairing {
            session,
            user,
            until: now + LASTS,
        };
        let hash = sha256(&pairing::digits(&code).unwrap_or_default());
        self.end_pairing(session);
        if !self.pairings.begin(hash, pairing) {
            self.count_limit(Limit::Pairings);
            return Err(Refusal::rate_limited(
                "too many codes are shown on this server: try again in a minute",
            ));
        }
        self.timers.insert((pairing.until, Timer::EndPairing(session)));
        let expires_in_s = u32::try_from(LASTS.as_secs()).unwrap_or(u32::MAX);
        self.tell(session, Some(reference), Event::PairingBegun { code, expires_in_s });
        Ok(())
    }

    /// Its code is shown no more. Without one it is no error: it may have been used meanwhile.
    pub(super) fn cancel_pairing(&mut self, session: SessionId, reference: u32) {
        self.end_pairing(session);
        self.tell(session, Some(reference), Event::PairingOver { used_by: None });
    }

    /// A code that was not used in time.
    pub(super) fn expire_pairing(&mut self, session: SessionId) {
        self.end_pairing(session);
        self.tell(session, None, Event::PairingOver { used_by: None });
    }

    /// Whom a code brings.
    pub(super) fn look_at_pairing(
        &mut self,
        session: SessionId,
        reference: u32,
        code: &str,
        now: Instant,
    ) -> Result<(), Refusal> {
        let pairing = self.find_pairing(session, code, now)?;
        let user = self.user_info(pairing.user);
        self.tell(session, Some(reference), Event::PairingSeen { user });
        Ok(())
    }

    /// The browser of this session becomes the user's whom the code brings, once that is kept.
    pub(super) fn use_pairing(&mut self, session: SessionId, reference: u32, code: &str, now: Instant) -> Result<(), Refusal> {
        let Pairing {
            session: shown_by, user, ..
        } = self.find_pairing(session, code, now)?;
        if self.user_of(session) == Some(user) {
            return Err(Refusal::bad_command("this browser is that user's already"));
        }
        self.take_change(session, now)?;
        // Whatever comes of it: a code that was given is good no more.
        self.end_pairing(shown_by);
        let secret = self.fresh_secret();
        let new = NewDevice {
            device: DeviceId::from_random(self.rng.next_u64()),
            user,
            secret_hash: sha256(&secret),
            secret: Secret(secret),
            name: self
                .sessions
                .get(&session)
                .map(|session| session.browser.clone())
                .unwrap_or_default(),
            shown_by,
        };
        let asked = Asked { session, reference };
        self.await_store(asked, now);
        self.outputs.push_back(Output::Keep(Keep::Device(new, asked)));
        Ok(())
    }

    /// One more browser is a user's. Whoever gave the code may be told late, or be gone: then nobody has its secret.
    pub(super) fn paired(&mut self, new: NewDevice, asked: Asked) {
        let reference = self.kept(asked);
        let user_id = new.user;
        let Secret(secret) = new.secret;
        self.tell(asked.session, reference, Event::Paired { user_id, secret });
        let used_by = Some(new.name);
        self.tell(new.shown_by, None, Event::PairingOver { used_by });
    }

    fn find_pairing(&mut self, session: SessionId, code: &str, now: Instant) -> Result<Pairing, Refusal> {
        self.check_may_pair(session)?;
        let address = self.sessions.get(&session).and_then(|session| session.address);
        let may_try = self.pairings.may_miss(address, now)
            && self
                .sessions
                .get_mut(&session)
                .is_some_and(|session| session.attempts.has(now));
        if !may_try {
            self.count_limit(Limit::Pairings);
            return Err(Refusal::rate_limited("too many wrong codes: wait a minute"));
        }
        let hash = pairing::digits(code).map(|digits| sha256(&digits));
        match hash.and_then(|hash| self.pairings.find(&hash, now)) {
            Some(found) => Ok(found),
            None => {
                self.pairings.miss(address, now);
                if let Some(session) = self.sessions.get_mut(&session) {
                    session.attempts.take(now);
                }
                Err(NO_SUCH_CODE)
            }
        }
    }

    /// Where people sign in by something of the operator's, they do so on every device.
    fn check_may_pair(&self, session: SessionId) -> Result<(), Refusal> {
        if self.config.pairs && !self.is_visitor(session) {
            return Ok(());
        }
        Err(Refusal::not_allowed("sign in on the other device as on this one"))
    }

    fn take_change(&mut self, session: SessionId, now: Instant) -> Result<(), Refusal> {
        let may = self
            .sessions
            .get_mut(&session)
            .is_some_and(|session| session.changes.take(now));
        if may {
            return Ok(());
        }
        self.count_limit(Limit::Pairings);
        Err(Refusal::rate_limited("too many codes: wait a second"))
    }

    /// The code that a session shows is good no more.
    pub(super) fn end_pairing(&mut self, session: SessionId) {
        if let Some(until) = self.pairings.end(session) {
            self.timers.remove(&(until, Timer::EndPairing(session)));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::stories::{ADA, BOB, ada_and_bob, all_go};
    use super::super::world::{World, user_id};
    use super::*;
    use crate::signaling::protocol::Command;
    use crate::signaling::records::News;

    /// The code that a browser is shown.
    fn shown(world: &mut World, browser: usize) -> String {
        world.send(browser, Command::Pair {});
        let events = world.take(browser);
        let code = events.into_iter().find_map(|(_, event)| match event {
            Event::PairingBegun { code, expires_in_s: 300 } => Some(code),
            _ => None,
        });
        code.expect("a code")
    }

    fn look(code: &str) -> Command {
        let code = code.to_owned();
        Command::LookAtPairing { code }
    }

    fn give(code: &str) -> Command {
        let code = code.to_owned();
        Command::UsePairing { code }
    }

    #[test]
    fn a_code_brings_its_user_once_and_only_when_that_is_kept() {
        let (mut world, ada, bobs) = ada_and_bob(2);
        let code = shown(&mut world, ada);
        world.send(bobs[0], look(&code.to_uppercase()));
        let seen = world.take(bobs[0]);
        assert!(
            matches!(&seen[..], [(_, Event::PairingSeen { user })] if user.user_id == user_id(ADA)),
            "{seen:?}"
        );
        // Two at once: one of them.
        world.send(bobs[0], give(&code));
        world.send(bobs[1], give(&code));
        assert_eq!(world.told(bobs[1]), ["error no_such_code"]);
        assert!(world.take(bobs[0]).is_empty(), "it is not kept yet");
        let (new, asked) = world.devices.pop().expect("it is to be kept");
        assert_eq!((new.user, new.secret_hash), (user_id(ADA), sha256(&new.secret.0)));
        assert!(!format!("{new:?}").contains(&new.secret.0));
        let secret = new.secret.0.clone();
        world.hub.handle_news(News::Paired { new, asked }, world.now);
        world.drain();
        let told = world.take(bobs[0]);
        assert!(
            matches!(&told[..], [(Some(_), Event::Paired { user_id: user, secret: told })] if *user == user_id(ADA) && *told == secret),
            "{told:?}"
        );
        let told = world.take(ada);
        assert!(
            matches!(&told[..], [(None, Event::PairingOver { used_by: Some(_) })]),
            "{told:?}"
        );
        world.send(bobs[0], look(&code));
        assert_eq!(world.told(bobs[0]), ["error no_such_code"]);
        all_go(world);
    }

    #[test]
    fn a_code_that_was_not_kept_is_used_all_the_same() {
        let (mut world, ada, bobs) = ada_and_bob(1);
        let code = shown(&mut world, ada);
        world.send(bobs[0], give(&code));
        let (_, asked) = world.devices.pop().expect("it is to be kept");
        world.hub.handle_news(News::NotKept(asked), world.now);
        world.drain();
        assert_eq!(world.told(bobs[0]), ["error not_saved"]);
        world.send(bobs[0], give(&code));
        assert_eq!(world.told(bobs[0]), ["error no_such_code"]);
        all_go(world);
    }

    #[test]
    fn a_code_is_over_by_time_by_the_next_one_and_with_its_session() {
        let (mut world, ada, bobs) = ada_and_bob(1);
        let bob = bobs[0];
        let gone = |world: &mut World, code: &str| {
            world.send(bob, look(code));
            assert_eq!(world.told(bob), ["error no_such_code"], "{code}");
            // The next wrong one is in another minute.
            world.pass(Duration::from_secs(20));
            world.take(bob);
            world.take(ada);
        };
        let first = shown(&mut world, ada);
        let second = shown(&mut world, ada);
        gone(&mut world, &first);
        world.send(ada, Command::CancelPairing {});
        assert_eq!(world.told(ada), ["pairing_over"]);
        gone(&mut world, &second);
        let third = shown(&mut world, ada);
        world.pass(LASTS - Duration::from_secs(1));
        assert!(!world.told(ada).contains(&"pairing_over".to_owned()));
        world.pass(Duration::from_secs(2));
        assert!(world.told(ada).contains(&"pairing_over".to_owned()));
        world.take(bob);
        gone(&mut world, &third);
        let fourth = shown(&mut world, ada);
        world.hub.bar_user(user_id(ADA), world.now);
        world.drain();
        gone(&mut world, &fourth);
        assert!(world.devices.is_empty());
    }

    #[test]
    fn guesses_are_few_and_one_s_own_code_brings_nobody_new() {
        let (mut world, ada, bobs) = ada_and_bob(1);
        let code = shown(&mut world, ada);
        world.send(ada, give(&code));
        assert_eq!(world.told(ada), ["error bad_command"]);
        for _ in 0..5 {
            world.send(bobs[0], look("00000-00000"));
        }
        world.send(bobs[0], look(&code));
        let told = world.told(bobs[0]);
        assert_eq!(told[..5], ["error no_such_code"; 5]);
        assert_eq!(told[5..], ["error rate_limited"], "also the right one");
        world.pass(Duration::from_secs(12));
        world.take(bobs[0]);
        world.send(bobs[0], give(&code));
        assert_eq!(world.devices.len(), 1);
        assert_eq!(BOB, 2, "the other one");
    }
}
