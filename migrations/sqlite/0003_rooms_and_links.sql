-- What lets people into a room. Kept until it is revoked, expires, is used up, or the room that it was made in ends.
CREATE TABLE links (
    link_id       TEXT    NOT NULL PRIMARY KEY,
    maker         TEXT    NOT NULL,                                           -- a user id
    name          TEXT    NOT NULL,
    passphrase    BLOB    CHECK (passphrase IS NULL OR length(passphrase) = 32), -- PBKDF2
    expires_at_ms INTEGER,                                                    -- Unix milliseconds
    single_use    INTEGER NOT NULL CHECK (single_use IN (0, 1)),
    used          INTEGER NOT NULL CHECK (used IN (0, 1)),
    lobby         INTEGER NOT NULL CHECK (lobby IN (0, 1)),
    makes_hosts   INTEGER NOT NULL CHECK (makes_hosts IN (0, 1)),
    within_room   TEXT                                                        -- a room id
) STRICT, WITHOUT ROWID;

-- Rooms with somebody in them. A row is removed when its room ends.
CREATE TABLE rooms (
    room_id TEXT    NOT NULL PRIMARY KEY,
    by_call INTEGER NOT NULL CHECK (by_call IN (0, 1)),
    name    TEXT    NOT NULL,
    link_id TEXT,
    locked  INTEGER NOT NULL CHECK (locked IN (0, 1)),
    lobby   INTEGER NOT NULL CHECK (lobby IN (0, 1)),
    removed TEXT    NOT NULL -- user ids, with a space between
) STRICT, WITHOUT ROWID;

CREATE TABLE members (
    session_id     TEXT    NOT NULL PRIMARY KEY,
    room_id        TEXT    NOT NULL,
    participant_id TEXT    NOT NULL,
    call_id        TEXT,             -- by which it came; else by the link
    place          INTEGER NOT NULL, -- in the order of coming
    host           INTEGER NOT NULL CHECK (host IN (0, 1)),
    through_server INTEGER NOT NULL CHECK (through_server IN (0, 1)),
    entered_at_ms  INTEGER NOT NULL  -- Unix milliseconds
) STRICT, WITHOUT ROWID;

-- Calls say no longer who is in their rooms.
INSERT INTO rooms SELECT room_id, 1, '', NULL, 0, 0, '' FROM calls;
INSERT OR IGNORE INTO members
    SELECT caller_session, room_id, caller_participant, call_id, 1, 1, 1 - direct, answered_at_ms FROM calls;
INSERT OR IGNORE INTO members
    SELECT callee_session, room_id, callee_participant, call_id, 2, 0, 1 - direct, answered_at_ms FROM calls;

CREATE TABLE calls_of_rooms (
    call_id        TEXT    NOT NULL PRIMARY KEY,
    room_id        TEXT    NOT NULL,
    invitation     INTEGER NOT NULL CHECK (invitation IN (0, 1)), -- into a room that was there before
    caller_session TEXT    NOT NULL,
    caller_user    TEXT    NOT NULL,
    callee_user    TEXT    NOT NULL,
    answered_at_ms INTEGER NOT NULL -- Unix milliseconds
) STRICT, WITHOUT ROWID;
INSERT INTO calls_of_rooms
    SELECT c.call_id, c.room_id, 0, c.caller_session, a.user_id, b.user_id, c.answered_at_ms
    FROM calls c JOIN sessions a ON a.session_id = c.caller_session JOIN sessions b ON b.session_id = c.callee_session;
DROP TABLE calls;
ALTER TABLE calls_of_rooms RENAME TO calls;
