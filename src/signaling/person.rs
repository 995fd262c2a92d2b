//! What belongs to a user and lasts: whom they know, whom they have blocked, and their settings.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::protocol::{Callers, Settings, UserInfo};
use super::push::Subscription;
use super::records::Asked;
use crate::id::UserId;

/// What the hub knows of a user who is here. The names that they gave others are only in the store.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Person {
    pub contacts: BTreeSet<UserId>,
    pub blocked: BTreeSet<UserId>,
    pub settings: Settings,
    /// Those of the contacts who have this user as one, and have not blocked them; known where they may be on another node.
    pub known_by: BTreeSet<UserId>,
}

impl Person {
    /// Whether a call of this user rings here.
    pub fn may_be_called_by(&self, caller: UserId) -> bool {
        let is_wanted = match self.settings.callers {
            Callers::Anyone => true,
            Callers::Contacts => self.contacts.contains(&caller),
        };
        is_wanted && !self.blocked.contains(&caller)
    }

    /// Whether this user has the other as a contact and has not blocked them.
    pub fn knows(&self, other: UserId) -> bool {
        self.contacts.contains(&other) && !self.blocked.contains(&other)
    }

    /// What was kept holds.
    pub fn apply(&mut self, change: &PersonChange) {
        match change {
            PersonChange::KeepContact(contact) => {
                self.contacts.insert(contact.user_id);
            }
            PersonChange::ForgetContact(contact) => {
                self.contacts.remove(contact);
            }
            PersonChange::Block(other) => {
                self.blocked.insert(other.user_id);
            }
            PersonChange::Unblock(other) => {
                self.blocked.remove(other);
            }
            PersonChange::Set(settings) => self.settings = *settings,
            // For whom the store is asked, when they are not here.
            PersonChange::Subscribe(_) | PersonChange::Unsubscribe(_) => {}
        }
    }
}

/// What a user changes of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PersonChange {
    /// With the name that the user gives.
    KeepContact(UserInfo),
    ForgetContact(UserId),
    Block(UserInfo),
    Unblock(UserId),
    Set(Settings),
    /// A browser of theirs is to be told what they miss. No other node has to know.
    #[serde(skip)]
    Subscribe(Subscription),
    /// By its endpoint.
    #[serde(skip)]
    Unsubscribe(String),
}

impl PersonChange {
    /// Whom it is about besides the user.
    pub fn other(&self) -> Option<UserId> {
        match self {
            PersonChange::KeepContact(other) | PersonChange::Block(other) => Some(other.user_id),
            PersonChange::ForgetContact(other) | PersonChange::Unblock(other) => Some(*other),
            PersonChange::Set(_) | PersonChange::Subscribe(_) | PersonChange::Unsubscribe(_) => None,
        }
    }
}

/// For the store. Answered by `News::Person`, or by `News::TooMany`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PersonNote {
    pub user: UserId,
    pub change: PersonChange,
    pub asked: Asked,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_is_blocked_does_not_ring_whatever_else_holds() {
        let [ada, bob] = [1, 2].map(UserId::from_random);
        let info = |user_id| UserInfo {
            user_id,
            name: String::new(),
        };
        let mut person = Person::default();
        assert!(person.may_be_called_by(ada) && !person.knows(ada));
        person.apply(&PersonChange::Set(Settings {
            callers: Callers::Contacts,
            always_through_server: false,
        }));
        assert!(!person.may_be_called_by(ada));
        person.apply(&PersonChange::KeepContact(info(ada)));
        assert!(person.may_be_called_by(ada) && person.knows(ada) && !person.may_be_called_by(bob));
        person.apply(&PersonChange::Block(info(ada)));
        assert!(!person.may_be_called_by(ada) && !person.knows(ada));
        person.apply(&PersonChange::Unblock(ada));
        assert!(person.may_be_called_by(ada));
        person.apply(&PersonChange::ForgetContact(ada));
        assert!(!person.may_be_called_by(ada));
    }
}
