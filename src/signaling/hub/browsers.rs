//! In which browsers a user is signed in, in the hub: the list of them, and signing them out.

use std::time::Instant;

use super::Hub;
use crate::id::{DeviceId, SessionId, UserId};
use crate::signaling::limits::Refusal;
use crate::signaling::output::{Keep, Output};
use crate::signaling::protocol::{Browser, Event};
use crate::signaling::records::{Asked, Question, SignOut, WhichBrowsers};

impl Hub {
    /// The browser of a session, where people are signed in by browsers.
    pub(super) fn browser_of(&self, session: SessionId) -> Option<DeviceId> {
        self.sessions.get(&session)?.device
    }

    pub(super) fn browsers(&mut self, session: SessionId, reference: u32) -> Result<(), Refusal> {
        let (user, _) = self.signed_in_by(session)?;
        let asked = Asked { session, reference };
        self.outputs.push_back(Output::Read(Question::Browsers { asked, user }));
        Ok(())
    }

    pub(super) fn browsers_found(&mut self, asked: Asked, mut browsers: Vec<Browser>) {
        let this = self.browser_of(asked.session);
        for browser in &mut browsers {
            browser.is_this = this == Some(browser.browser_id);
        }
        self.tell(asked.session, Some(asked.reference), Event::Browsers { browsers });
    }

    /// Signs one browser out, or, with none named, all but this one.
    pub(super) fn sign_out(
        &mut self,
        session: SessionId,
        reference: u32,
        browser: Option<DeviceId>,
        now: Instant,
    ) -> Result<(), Refusal> {
        let (user, this) = self.signed_in_by(session)?;
        let which = match browser {
            Some(browser) if browser == this => {
                return Err(Refusal::bad_command("that is this browser: another one signs it out"));
            }
            Some(browser) => WhichBrowsers::One(browser),
            None => WhichBrowsers::AllBut(this),
        };
        self.take_personal_change(session, now)?;
        let asked = Asked { session, reference };
        self.await_store(asked, now);
        self.outputs
            .push_back(Output::Keep(Keep::SignOut(SignOut { user, which, asked })));
        Ok(())
    }

    /// They are signed out, for good: their pages end, on all nodes.
    pub(super) fn signed_out(&mut self, user: UserId, browsers: Vec<DeviceId>, asked: Asked, now: Instant) {
        let reference = self.kept(asked);
        for browser in &browsers {
            self.end_sessions_in(user, *browser, now);
        }
        let browser_ids = browsers;
        self.tell(asked.session, reference, Event::SignedOut { browser_ids });
    }

    fn signed_in_by(&self, session: SessionId) -> Result<(UserId, DeviceId), Refusal> {
        let found = self.sessions.get(&session).filter(|_| !self.is_visitor(session));
        let found = found.and_then(|session| Some((session.user, session.device?)));
        found.ok_or(Refusal::not_allowed("this server does not know people by their browsers"))
    }
}

#[cfg(test)]
mod tests {
    use super::super::stories::{BOB, ada_and_bob};
    use super::super::world::{World, device_id, user_id};
    use super::*;
    use crate::signaling::protocol::Command;
    use crate::signaling::records::{Finding, News};

    fn browser(number: usize) -> Browser {
        Browser {
            browser_id: device_id(number),
            name: "Firefox, Linux".to_owned(),
            added_at_ms: 1,
            seen_at_ms: 2,
            is_this: false,
        }
    }

    /// Has it kept what was asked for last.
    fn keep(world: &mut World, browsers: Vec<DeviceId>) -> SignOut {
        let note = world.signed_out.pop().expect("it is to be kept");
        let SignOut { user, asked, .. } = note;
        world.hub.handle_news(News::SignedOut { user, browsers, asked }, world.now);
        world.drain();
        note
    }

    #[test]
    fn a_user_sees_their_browsers_and_which_one_this_is() {
        let (mut world, _, bobs) = ada_and_bob(2);
        world.send(bobs[1], Command::Browsers {});
        let Some(Question::Browsers { asked, user }) = world.questions.pop() else {
            panic!("the store is asked");
        };
        assert_eq!(user, user_id(BOB));
        let browsers = bobs.iter().map(|bob| browser(*bob)).collect();
        world.hub.handle_finding(Finding::Browsers { asked, browsers }, world.now);
        world.drain();
        let told = world.take(bobs[1]);
        let [(Some(_), Event::Browsers { browsers })] = &told[..] else {
            panic!("{told:?}");
        };
        assert_eq!(browsers.iter().map(|one| one.is_this).collect::<Vec<_>>(), [false, true]);
    }

    #[test]
    fn the_pages_of_a_browser_end_when_it_is_kept_that_it_is_signed_out() {
        let (mut world, ada, bobs) = ada_and_bob(3);
        let browser_id = Some(device_id(bobs[1]));
        world.send(bobs[0], Command::SignOut { browser_id });
        assert!(world.browsers[bobs[1]].connection.is_some(), "it is not kept yet");
        let note = keep(&mut world, vec![device_id(bobs[1])]);
        assert_eq!(
            (note.user, note.which),
            (user_id(BOB), WhichBrowsers::One(device_id(bobs[1])))
        );
        assert_eq!(world.browsers[bobs[1]].connection, None);
        let told = world.take(bobs[0]);
        let browser_ids = vec![device_id(bobs[1])];
        assert!(matches!(&told[..], [(Some(_), Event::SignedOut { browser_ids: told })] if *told == browser_ids));

        world.send(bobs[0], Command::SignOut { browser_id: None });
        let note = keep(&mut world, vec![device_id(bobs[2])]);
        assert_eq!(note.which, WhichBrowsers::AllBut(device_id(bobs[0])));
        let left: Vec<usize> = [ada, bobs[0], bobs[1], bobs[2]]
            .into_iter()
            .filter(|browser| world.browsers[*browser].connection.is_some())
            .collect();
        assert_eq!(left, [ada, bobs[0]]);
    }

    #[test]
    fn nobody_signs_out_the_browser_that_asks_or_one_that_is_not_known_as_one() {
        let (mut world, ada, _) = ada_and_bob(1);
        let this = Command::SignOut {
            browser_id: Some(device_id(ada)),
        };
        world.send(ada, this);
        assert_eq!(world.told(ada), ["error bad_command"]);
        world.hub.sessions.get_mut(&world.browsers[ada].session).expect("hers").device = None;
        for command in [Command::Browsers {}, Command::SignOut { browser_id: None }] {
            world.send(ada, command);
            assert_eq!(world.told(ada), ["error not_allowed"]);
        }
        assert!(world.signed_out.is_empty() && world.questions.is_empty());
    }
}
