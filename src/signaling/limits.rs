//! What one browser may send, by size and by rate. Each limit has a name and a reason.

use std::time::{Duration, Instant};

use super::protocol::{Command, DirectSignal, ErrorCode};
use super::push::{ENDPOINT_BYTES_MAX, KEY_BYTES_MAX};
use super::words::MESSAGE_BYTES_MAX;
use crate::view::{TILES_MAX, View};

/// A session description with every m-line that a room needs is about 20 KiB.
pub const SDP_BYTES_MAX: usize = 64 * 1024;

/// A text frame: the longest session description with its line ends escaped, and what stands around it.
pub const FRAME_BYTES_MAX: usize = 80 * 1024;

/// A candidate line is about 150 bytes; a name in it may be 255 (RFC 1035 section 2.3.4).
pub const CANDIDATE_BYTES_MAX: usize = 1024;

/// RFC 8839 section 5.4: a ufrag has up to 256 characters. A mid is shorter.
pub const TOKEN_BYTES_MAX: usize = 256;

/// There are four kinds of source; the rest is for kinds to come.
pub const SOURCES_MAX: usize = 16;

/// A sentence, not a book.
pub const PASSPHRASE_BYTES_MAX: usize = 256;

/// A name before it is cleaned, in bytes.
pub const NAME_BYTES_MAX: usize = 1024;

/// Commands of one session per second, in the long run. A burst of trickled candidates is some tens.
pub const COMMANDS_PER_S: f64 = 50.0;

/// Commands of one session at once.
pub const COMMANDS_BURST: f64 = 100.0;

/// Refusals for rate that a session may collect before its websocket is closed; one is forgiven each second.
pub const RATE_REFUSALS_MAX: f64 = 100.0;

/// Calls of one session in a row that reach nobody (somebody may be guessing user ids); a minute brings that many back.
pub const MISSES_MAX: f64 = 10.0;

/// The same of everybody at one address together: an office where many mistype at once, and still 60 bits to guess.
pub const ADDRESS_MISSES_MAX: f64 = 30.0;

/// Checks of a connection by one session at once; a minute brings that many back. Each costs the SFU a handshake.
pub const CHECKS_MAX: f64 = 6.0;

/// Calls that ring at once into one room.
pub const INVITATIONS_MAX: usize = 10;

/// Links of one user that let people in.
pub const LINKS_PER_USER_MAX: usize = 100;

/// Links on this server.
pub const LINKS_MAX: usize = 100_000;

/// Joins, and links made, of one session at once; a minute brings that many back.
pub const JOINS_MAX: f64 = 20.0;

/// Wrong pass phrases of one session at once; a minute brings that many back.
pub const SESSION_ATTEMPTS_MAX: f64 = 5.0;

/// Wrong pass phrases for one link at once, whoever gives them; a minute brings that many back.
pub const LINK_ATTEMPTS_MAX: f64 = 30.0;

/// Who waits in one lobby.
pub const LOBBY_MAX: usize = 50;

/// Users who were taken out of one room. When there are more, it is locked.
pub const REMOVED_MAX: usize = 256;

/// Users of whom a room knows that they were in it; those beyond it find no way back while the server is drained.
pub const GUESTS_MAX: usize = 1000;

/// When to try again where the server has too much to do.
pub const RETRY_AFTER_S: u32 = 10;

/// Reactions of one session at once.
pub const REACTIONS_BURST: f64 = 10.0;

/// And in the long run. Everybody in the room is sent each.
pub const REACTIONS_PER_S: f64 = 2.0;

/// Messages of one session at once: what was written while the websocket was away comes together.
pub const MESSAGES_BURST: f64 = 20.0;

/// And in the long run. Everybody in the room is sent each, and the disk keeps it.
pub const MESSAGES_PER_S: f64 = 5.0;

/// Files that one session begins to send at once: a day's pictures.
pub const FILES_BURST: f64 = 20.0;

/// And in the long run. The disk keeps each.
pub const FILES_PER_S: f64 = 0.2;

/// Messages in one answer to `messages`.
pub const MESSAGES_PAGE_MAX: u32 = 100;

/// Codes that are shown on this server at a time, by which users come to one more browser.
pub const PAIRINGS_MAX: usize = 10_000;

/// Changes of contacts, of who is blocked, and of settings, of one session at once.
pub const CHANGES_BURST: f64 = 30.0;

/// And in the long run. The disk keeps each.
pub const CHANGES_PER_S: f64 = 2.0;

/// Reports of what was measured or happened, of one session at once: a device that is plugged in and out, a page that is shown and hidden.
pub const REPORTS_BURST: f64 = 30.0;

/// And in the long run. A page measures every five seconds.
pub const REPORTS_PER_S: f64 = 0.5;

/// Contacts of one user, and as many may be blocked.
pub const CONTACTS_MAX: u32 = 500;

/// Calls in one answer to `history`.
pub const HISTORY_PAGE_MAX: u32 = 100;

/// Forwarded offers of one participant that wait for the SFU's answer.
pub const OFFERS_PENDING_MAX: usize = 4;

/// Every limit by its name in metrics.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Limit {
    /// [`FRAME_BYTES_MAX`].
    FrameBytes,
    /// The size of a field in a command.
    FieldBytes,
    /// `NAME_CHARS_MAX`: the name was cut.
    NameChars,
    /// [`COMMANDS_PER_S`].
    CommandRate,
    /// [`MISSES_MAX`] or [`ADDRESS_MISSES_MAX`].
    CallsToNobody,
    /// [`CHECKS_MAX`].
    Checks,
    /// `limits.participants_per_room`.
    ParticipantsPerRoom,
    /// [`INVITATIONS_MAX`].
    Invitations,
    /// [`LINKS_PER_USER_MAX`].
    LinksPerUser,
    /// [`LINKS_MAX`].
    Links,
    /// [`JOINS_MAX`], or [`ADDRESS_MISSES_MAX`] of links that no node has.
    Joins,
    /// [`SESSION_ATTEMPTS_MAX`] or [`LINK_ATTEMPTS_MAX`].
    PassphraseAttempts,
    /// [`LOBBY_MAX`].
    Lobby,
    /// [`REMOVED_MAX`].
    Removed,
    /// [`REACTIONS_PER_S`].
    Reactions,
    /// [`MESSAGES_PER_S`], or as many as one room keeps.
    Messages,
    /// [`FILES_PER_S`], or the bytes that files may have.
    Files,
    /// [`REPORTS_PER_S`].
    Reports,
    /// [`CONTACTS_MAX`] or [`CHANGES_PER_S`].
    People,
    /// `limits.sessions_per_user`.
    SessionsPerUser,
    /// `limits.sessions`.
    Sessions,
    /// `OUTBOX_FRAMES_MAX`.
    Outbox,
    /// `limits.connections_per_address`.
    ConnectionsPerAddress,
    /// `limits.websockets_per_address`.
    WebsocketsPerAddress,
    /// Websockets of an address that have not said hello.
    HalfOpenPerAddress,
    /// No hello in time.
    HelloTime,
    /// Users made from one address.
    UsersPerAddress,
    /// WHIP and WHEP resources.
    Resources,
    /// WHIP and WHEP resources of an address.
    ResourcesPerAddress,
    /// WHIP and WHEP requests of an address for a resource.
    ResourceRequests,
    /// Wrong keys of the API from one address.
    ApiKeys,
    /// [`PAIRINGS_MAX`], or wrong codes of a session or an address.
    Pairings,
    /// Sign-ins of one address with the provider: `SIGN_INS_PER_S` in http/addresses.rs.
    SignIns,
}

impl Limit {
    pub const ALL: [Limit; 33] = [
        Limit::FrameBytes,
        Limit::FieldBytes,
        Limit::NameChars,
        Limit::CommandRate,
        Limit::CallsToNobody,
        Limit::Checks,
        Limit::ParticipantsPerRoom,
        Limit::Invitations,
        Limit::LinksPerUser,
        Limit::Links,
        Limit::Joins,
        Limit::PassphraseAttempts,
        Limit::Lobby,
        Limit::Removed,
        Limit::Reactions,
        Limit::Messages,
        Limit::Files,
        Limit::Reports,
        Limit::People,
        Limit::SessionsPerUser,
        Limit::Sessions,
        Limit::Outbox,
        Limit::ConnectionsPerAddress,
        Limit::WebsocketsPerAddress,
        Limit::HalfOpenPerAddress,
        Limit::HelloTime,
        Limit::UsersPerAddress,
        Limit::Resources,
        Limit::ResourcesPerAddress,
        Limit::ResourceRequests,
        Limit::ApiKeys,
        Limit::Pairings,
        Limit::SignIns,
    ];

    /// The name in metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Limit::FrameBytes => "frame_bytes",
            Limit::FieldBytes => "field_bytes",
            Limit::NameChars => "name_chars",
            Limit::CommandRate => "command_rate",
            Limit::CallsToNobody => "calls_to_nobody",
            Limit::Checks => "checks",
            Limit::ParticipantsPerRoom => "participants_per_room",
            Limit::Invitations => "invitations",
            Limit::LinksPerUser => "links_per_user",
            Limit::Links => "links",
            Limit::Joins => "joins",
            Limit::PassphraseAttempts => "passphrase_attempts",
            Limit::Lobby => "lobby",
            Limit::Removed => "removed",
            Limit::Reactions => "reactions",
            Limit::Messages => "messages",
            Limit::Files => "files",
            Limit::Reports => "reports",
            Limit::People => "people",
            Limit::SessionsPerUser => "sessions_per_user",
            Limit::Sessions => "sessions",
            Limit::Outbox => "outbox",
            Limit::ConnectionsPerAddress => "connections_per_address",
            Limit::WebsocketsPerAddress => "websockets_per_address",
            Limit::HalfOpenPerAddress => "half_open_per_address",
            Limit::HelloTime => "hello_time",
            Limit::UsersPerAddress => "users_per_address",
            Limit::Resources => "resources",
            Limit::ResourcesPerAddress => "resources_per_address",
            Limit::ResourceRequests => "resource_requests",
            Limit::ApiKeys => "api_keys",
            Limit::Pairings => "pairings",
            Limit::SignIns => "sign_ins",
        }
    }
}

/// Why a command was not carried out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Refusal {
    pub code: ErrorCode,
    pub message: &'static str,
}

impl Refusal {
    pub(super) fn not_allowed(message: &'static str) -> Refusal {
        Refusal {
            code: ErrorCode::NotAllowed,
            message,
        }
    }

    pub(super) fn bad_command(message: &'static str) -> Refusal {
        Refusal {
            code: ErrorCode::BadCommand,
            message,
        }
    }

    pub(super) fn shutting_down() -> Refusal {
        Refusal {
            code: ErrorCode::ShuttingDown,
            message: "the server is about to restart, and takes no new calls",
        }
    }

    pub(super) fn overloaded() -> Refusal {
        Refusal {
            code: ErrorCode::Overloaded,
            message: "the server has too much to do to take on more",
        }
    }

    pub(super) fn rate_limited(message: &'static str) -> Refusal {
        Refusal {
            code: ErrorCode::RateLimited,
            message,
        }
    }
}

/// Checks the size of every field that has no bound of its own.
pub fn check_size(command: &Command) -> Result<(), Refusal> {
    let limit = |size: usize, max: usize, message: &'static str| {
        if size <= max {
            Ok(())
        } else {
            Err(Refusal {
                code: ErrorCode::TooLarge,
                message,
            })
        }
    };
    match command {
        Command::Hello { .. }
        | Command::Ping {}
        | Command::Call { .. }
        | Command::Accept { .. }
        | Command::Decline { .. }
        | Command::Cancel { .. }
        | Command::HangUp { .. }
        | Command::RequestPath { .. }
        | Command::ReportPath { .. }
        | Command::ReportQuality { .. }
        | Command::ReportHappening { .. }
        | Command::CallReport { .. }
        | Command::Invite { .. }
        | Command::RevokeLink { .. }
        | Command::ListLinks {}
        | Command::LookAtLink { .. }
        | Command::Leave { .. }
        | Command::Lock { .. }
        | Command::Admit { .. }
        | Command::Mute { .. }
        | Command::Remove { .. }
        | Command::RaiseHand { .. }
        | Command::React { .. }
        | Command::StartCheck {}
        | Command::EndCheck {}
        | Command::History { .. }
        | Command::SeeHistory {}
        | Command::ForgetHistory { .. }
        | Command::DeleteMessage { .. }
        | Command::Messages { .. }
        | Command::CallMessages { .. }
        | Command::OpenFile { .. }
        | Command::OpenCallFile { .. }
        | Command::People {}
        | Command::ForgetContact { .. }
        | Command::Unblock { .. }
        | Command::Set { .. }
        | Command::SetAway { .. }
        | Command::Browsers {}
        | Command::SignOut { .. }
        | Command::Pair {}
        | Command::CancelPairing {} => Ok(()),
        Command::LookAtPairing { code } | Command::UsePairing { code } => {
            limit(code.len(), TOKEN_BYTES_MAX, "the code is too long")
        }
        Command::SubscribePush { endpoint, p256dh, auth } => {
            limit(endpoint.len(), ENDPOINT_BYTES_MAX, "the endpoint is too long")?;
            limit(p256dh.len().max(auth.len()), KEY_BYTES_MAX, "a key is too long")
        }
        Command::UnsubscribePush { endpoint } => limit(endpoint.len(), ENDPOINT_BYTES_MAX, "the endpoint is too long"),
        Command::Say { text, .. } | Command::EditMessage { text, .. } => {
            limit(text.len(), MESSAGE_BYTES_MAX, "the text is too long")
        }
        Command::CreateLink { wish, .. } => {
            limit(wish.name.len(), NAME_BYTES_MAX, "the name is too long")?;
            let passphrase = wish.passphrase.as_ref().map_or(0, String::len);
            limit(passphrase, PASSPHRASE_BYTES_MAX, "the pass phrase is too long")
        }
        Command::Join { passphrase, .. } => {
            let passphrase = passphrase.as_ref().map_or(0, String::len);
            limit(passphrase, PASSPHRASE_BYTES_MAX, "the pass phrase is too long")
        }
        Command::View { view, .. } => match view {
            View::Tiles { tiles } => limit(tiles.len(), TILES_MAX, "too many tiles"),
            View::Everything | View::Speaker | View::Participant { .. } => Ok(()),
        },
        Command::SetName { name }
        | Command::KeepContact { name, .. }
        | Command::Block { name, .. }
        | Command::SendFile { name, .. } => limit(name.len(), NAME_BYTES_MAX, "the name is too long"),
        Command::Offer { sdp, sources, .. } => {
            limit(sdp.len(), SDP_BYTES_MAX, "the session description is too long")?;
            limit(sources.len(), SOURCES_MAX, "too many sources")?;
            let longest = sources.iter().map(|line| line.mid.len()).max().unwrap_or(0);
            limit(longest, TOKEN_BYTES_MAX, "a mid is too long")
        }
        Command::Publish { sources, .. } => limit(sources.len(), SOURCES_MAX, "too many sources"),
        Command::Signal { signal, .. } => match signal {
            DirectSignal::Description { sdp, .. } => limit(sdp.len(), SDP_BYTES_MAX, "the session description is too long"),
            DirectSignal::Candidate { candidate: None, .. } | DirectSignal::Restart { .. } => Ok(()),
            DirectSignal::Candidate {
                candidate: Some(candidate),
                ..
            } => {
                limit(candidate.candidate.len(), CANDIDATE_BYTES_MAX, "the candidate is too long")?;
                let mid = candidate.sdp_mid.as_ref().map_or(0, String::len);
                limit(mid, TOKEN_BYTES_MAX, "a mid is too long")?;
                let ufrag = candidate.username_fragment.as_ref().map_or(0, String::len);
                limit(ufrag, TOKEN_BYTES_MAX, "the username fragment is too long")
            }
        },
    }
}

/// Lets through a burst, and from then on a rate.
#[derive(Debug)]
pub struct TokenBucket {
    burst: f64,
    per_s: f64,
    tokens: f64,
    filled_at: Instant,
}

impl TokenBucket {
    /// A full one.
    pub fn new(burst: f64, per_s: f64, now: Instant) -> TokenBucket {
        TokenBucket {
            burst,
            per_s,
            tokens: burst,
            filled_at: now,
        }
    }

    /// Whether there is a token.
    pub fn has(&mut self, now: Instant) -> bool {
        let passed: Duration = now.saturating_duration_since(self.filled_at);
        self.tokens = (self.tokens + passed.as_secs_f64() * self.per_s).min(self.burst);
        self.filled_at = self.filled_at.max(now);
        self.tokens >= 1.0
    }

    /// Whether nothing was taken for so long that it is as a new one.
    pub fn is_full(&mut self, now: Instant) -> bool {
        self.has(now) && self.tokens >= self.burst
    }

    /// Puts back a token that was taken in vain.
    pub fn give_back(&mut self) {
        self.tokens = (self.tokens + 1.0).min(self.burst);
    }

    /// Takes a token, if there is one.
    pub fn take(&mut self, now: Instant) -> bool {
        let has = self.has(now);
        if has {
            self.tokens -= 1.0;
        }
        has
    }
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "a test's clock starts anywhere")]
mod tests {
    use super::*;
    use crate::id::{ParticipantId, RoomId, Source};
    use crate::signaling::protocol::{IceCandidate, SdpType, SourceLine};

    #[test]
    fn a_bucket_gives_a_burst_and_then_a_rate() {
        let start = Instant::now();
        let mut bucket = TokenBucket::new(100.0, 50.0, start);
        assert_eq!((0..300).filter(|_| bucket.take(start)).count(), 100);
        let later = start + Duration::from_secs(1);
        assert_eq!((0..300).filter(|_| bucket.take(later)).count(), 50);
        assert!(!bucket.take(start), "time that goes back brings nothing");
        let much_later = start + Duration::from_secs(3600);
        assert_eq!((0..300).filter(|_| bucket.take(much_later)).count(), 100);
    }

    #[test]
    fn fields_at_their_limit_pass_and_beyond_do_not() {
        let room_id = RoomId::from_random(1);
        let offer = |sdp: usize, sources: usize, mid: usize| Command::Offer {
            room_id,
            attempt: 1,
            sdp: "x".repeat(sdp),
            sources: vec![
                SourceLine {
                    mid: "m".repeat(mid),
                    source: Source::Camera
                };
                sources
            ],
        };
        let signal = |signal| Command::Signal {
            room_id,
            to: ParticipantId::from_random(1),
            signal,
        };
        let description = |sdp: usize| {
            signal(DirectSignal::Description {
                generation: 1,
                sdp_type: SdpType::Offer,
                sdp: "x".repeat(sdp),
            })
        };
        let candidate = |line: usize, mid: usize, ufrag: usize| {
            signal(DirectSignal::Candidate {
                generation: 1,
                candidate: Some(IceCandidate {
                    candidate: "x".repeat(line),
                    sdp_mid: Some("m".repeat(mid)),
                    sdp_m_line_index: None,
                    username_fragment: Some("u".repeat(ufrag)),
                }),
            })
        };
        let name = |bytes: usize| Command::SetName { name: "n".repeat(bytes) };
        let publish = |sources: usize| Command::Publish {
            room_id,
            sources: vec![Source::Camera; sources],
        };
        for command in [
            offer(SDP_BYTES_MAX, SOURCES_MAX, TOKEN_BYTES_MAX),
            description(SDP_BYTES_MAX),
            candidate(CANDIDATE_BYTES_MAX, TOKEN_BYTES_MAX, TOKEN_BYTES_MAX),
            name(NAME_BYTES_MAX),
            publish(SOURCES_MAX),
        ] {
            assert_eq!(check_size(&command), Ok(()));
        }
        for command in [
            offer(SDP_BYTES_MAX + 1, 0, 0),
            offer(0, SOURCES_MAX + 1, 0),
            offer(0, 1, TOKEN_BYTES_MAX + 1),
            description(SDP_BYTES_MAX + 1),
            candidate(CANDIDATE_BYTES_MAX + 1, 0, 0),
            candidate(0, TOKEN_BYTES_MAX + 1, 0),
            candidate(0, 0, TOKEN_BYTES_MAX + 1),
            name(NAME_BYTES_MAX + 1),
            publish(SOURCES_MAX + 1),
        ] {
            let refusal = check_size(&command).expect_err("it passed");
            assert_eq!(refusal.code, ErrorCode::TooLarge);
        }
    }
}
