-- The tables of migrations/sqlite up to this number, column by column. Truth is 0 or 1 and text is ordered by its bytes, as there: one
-- query serves both. From here on a change is a file of the same number in both folders.

-- A durable identity. The secret itself is only in the browser.
CREATE TABLE users (
    user_id     TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    secret_hash BYTEA    NOT NULL CHECK (length(secret_hash) = 32), -- SHA-256
    name        TEXT     NOT NULL,
    created_at  BIGINT   NOT NULL,                                  -- Unix seconds
    seen_at     BIGINT   NOT NULL,                                  -- Unix seconds; the last sign-in
    blocked_at  BIGINT                                              -- Unix seconds; NULL: the user may come in
);

-- Whom the operator's application knows: the subject of its tokens is always the same user here.
CREATE TABLE identities (
    subject TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    user_id TEXT COLLATE "C" NOT NULL
);

-- Tokens that were good for one sign-in and are used up, until they run out by themselves.
CREATE TABLE used_tokens (
    token_id   TEXT COLLATE "C" NOT NULL PRIMARY KEY, -- its jti
    until_unix BIGINT NOT NULL                        -- Unix seconds
);
CREATE INDEX used_tokens_until ON used_tokens (until_unix);

-- What a restart of the server has to find again. A row is removed when its session or call ends.
CREATE TABLE sessions (
    session_id  TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    user_id     TEXT COLLATE "C" NOT NULL,
    secret_hash BYTEA NOT NULL CHECK (length(secret_hash) = 32), -- SHA-256 of the resume secret
    grants      TEXT                                             -- JSON; NULL: everything
);

-- Answered calls.
CREATE TABLE calls (
    call_id        TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    room_id        TEXT COLLATE "C" NOT NULL,
    invitation     SMALLINT NOT NULL CHECK (invitation IN (0, 1)), -- into a room that was there before
    caller_session TEXT COLLATE "C" NOT NULL,
    caller_user    TEXT COLLATE "C" NOT NULL,
    callee_user    TEXT COLLATE "C" NOT NULL,
    answered_at_ms BIGINT   NOT NULL -- Unix milliseconds
);

-- One row: when the server last wrote that it lives.
CREATE TABLE alive (
    one   BIGINT NOT NULL PRIMARY KEY CHECK (one = 1),
    at_ms BIGINT NOT NULL -- Unix milliseconds
);

-- What lets people into a room. Kept until it is revoked, expires, is used up, or the room that it was made in ends.
CREATE TABLE links (
    link_id       TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    maker         TEXT COLLATE "C" NOT NULL,                                     -- a user id
    name          TEXT     NOT NULL,
    passphrase    BYTEA    CHECK (passphrase IS NULL OR length(passphrase) = 32), -- PBKDF2
    expires_at_ms BIGINT,                                                        -- Unix milliseconds
    single_use    SMALLINT NOT NULL CHECK (single_use IN (0, 1)),
    used          SMALLINT NOT NULL CHECK (used IN (0, 1)),
    lobby         SMALLINT NOT NULL CHECK (lobby IN (0, 1)),
    makes_hosts   SMALLINT NOT NULL CHECK (makes_hosts IN (0, 1)),
    within_room   TEXT COLLATE "C"                                               -- a room id
);

-- Rooms with somebody in them. A row is removed when its room ends.
CREATE TABLE rooms (
    room_id TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    by_call SMALLINT NOT NULL CHECK (by_call IN (0, 1)),
    name    TEXT     NOT NULL,
    link_id TEXT COLLATE "C",
    locked  SMALLINT NOT NULL CHECK (locked IN (0, 1)),
    lobby   SMALLINT NOT NULL CHECK (lobby IN (0, 1)),
    removed TEXT     NOT NULL -- user ids, with a space between
);

CREATE TABLE members (
    session_id     TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    room_id        TEXT COLLATE "C" NOT NULL,
    participant_id TEXT COLLATE "C" NOT NULL,
    call_id        TEXT COLLATE "C",  -- by which it came; else by the link
    place          BIGINT   NOT NULL, -- in the order of coming
    host           SMALLINT NOT NULL CHECK (host IN (0, 1)),
    through_server SMALLINT NOT NULL CHECK (through_server IN (0, 1)),
    entered_at_ms  BIGINT   NOT NULL  -- Unix milliseconds
);

-- Calls as each of their two users had them: one may forget theirs while the other keeps its own. A row is made when it rings.
CREATE TABLE history (
    user_id        TEXT COLLATE "C" NOT NULL,
    call_id        TEXT COLLATE "C" NOT NULL,
    other_id       TEXT COLLATE "C" NOT NULL,
    other_name     TEXT     NOT NULL,                             -- at that time
    room_id        TEXT COLLATE "C",                              -- NULL: it never rang
    made           SMALLINT NOT NULL CHECK (made IN (0, 1)),      -- by this user, or to it
    rang_at_ms     BIGINT   NOT NULL,                             -- Unix milliseconds
    answered_at_ms BIGINT,                                        -- NULL: it was not
    ended_at_ms    BIGINT,
    talked_ms      BIGINT   NOT NULL DEFAULT 0,
    reason         TEXT,                                          -- NULL: it is not over for this user
    missed         SMALLINT NOT NULL DEFAULT 0 CHECK (missed IN (0, 1)),
    seen           SMALLINT NOT NULL DEFAULT 0 CHECK (seen IN (0, 1)),
    PRIMARY KEY (user_id, call_id)
);
CREATE INDEX history_in_time ON history (user_id, rang_at_ms, call_id);
CREATE INDEX history_unseen ON history (user_id) WHERE missed = 1 AND seen = 0;
CREATE INDEX history_live ON history (call_id) WHERE reason IS NULL;
CREATE INDEX history_rooms ON history (room_id);
CREATE INDEX history_made ON history (rang_at_ms, call_id) WHERE made = 1;
CREATE INDEX history_by_age ON history (rang_at_ms);

-- What was written in rooms. Kept while its room lives, and as long as a user has the call that led there in their history.
CREATE TABLE messages (
    room_id        TEXT COLLATE "C" NOT NULL,
    number         BIGINT   NOT NULL,                              -- in the order of coming, from 1
    message_id     TEXT COLLATE "C" NOT NULL,                      -- chosen by the sender's page
    user_id        TEXT COLLATE "C" NOT NULL,
    name           TEXT     NOT NULL,                              -- at that time
    participant_id TEXT COLLATE "C" NOT NULL,
    at_ms          BIGINT   NOT NULL,                              -- Unix milliseconds
    words          TEXT     NOT NULL,                              -- empty: deleted
    edited         SMALLINT NOT NULL DEFAULT 0 CHECK (edited IN (0, 1)),
    deleted        SMALLINT NOT NULL DEFAULT 0 CHECK (deleted IN (0, 1)),
    PRIMARY KEY (room_id, number)
);
-- Said again, it is the same message.
CREATE UNIQUE INDEX messages_once ON messages (room_id, user_id, message_id);
CREATE INDEX messages_by_age ON messages (at_ms);

-- Whom a user knows, with the name that the user gave. That there is a user of such an id is neither asked nor needed.
CREATE TABLE contacts (
    user_id    TEXT COLLATE "C" NOT NULL,
    contact_id TEXT COLLATE "C" NOT NULL,
    name       TEXT   NOT NULL,
    since_ms   BIGINT NOT NULL, -- Unix milliseconds
    PRIMARY KEY (user_id, contact_id)
);

-- For whom a user is not there, with a name for that user's list.
CREATE TABLE blocks (
    user_id    TEXT COLLATE "C" NOT NULL,
    blocked_id TEXT COLLATE "C" NOT NULL,
    name       TEXT   NOT NULL,
    since_ms   BIGINT NOT NULL, -- Unix milliseconds
    PRIMARY KEY (user_id, blocked_id)
);

-- What a user has chosen. No row: the defaults.
CREATE TABLE settings (
    user_id               TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    contacts_only         SMALLINT NOT NULL CHECK (contacts_only IN (0, 1)), -- whose calls ring
    always_through_server SMALLINT NOT NULL CHECK (always_through_server IN (0, 1))
);
