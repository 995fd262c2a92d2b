//! Who may meet whom. `hub` is the pure core that owns sessions, calls and rooms; `driver` is its one task, `keeper` notes what lasts,
//! `restoring` reads what a restart has to find again, `reader` what is asked.

pub mod call;
mod counting;
pub mod driver;
pub mod happening;
pub mod hub;
pub mod keeper;
pub mod limits;
pub mod link;
pub mod media_words;
pub mod names;
pub mod nodes;
pub mod operator;
pub mod output;
pub mod pairing;
pub mod passphrase;
pub mod person;
pub mod protocol;
pub mod push;
pub mod reader;
pub mod record;
pub mod records;
pub mod report;
pub mod restoring;
mod retention;
pub mod room;
pub mod session;
mod strangers;
pub mod words;
