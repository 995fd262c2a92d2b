-- What a restart of the server has to find again. A row is removed when its session or call ends.
CREATE TABLE sessions (
    session_id  TEXT NOT NULL PRIMARY KEY,
    user_id     TEXT NOT NULL,
    secret_hash BLOB NOT NULL CHECK (length(secret_hash) = 32) -- SHA-256 of the resume secret
) STRICT, WITHOUT ROWID;

-- Answered calls.
CREATE TABLE calls (
    call_id            TEXT    NOT NULL PRIMARY KEY,
    room_id            TEXT    NOT NULL,
    caller_session     TEXT    NOT NULL,
    caller_participant TEXT    NOT NULL,
    callee_session     TEXT    NOT NULL,
    callee_participant TEXT    NOT NULL,
    direct             INTEGER NOT NULL CHECK (direct IN (0, 1)),
    answered_at_ms     INTEGER NOT NULL -- Unix milliseconds
) STRICT, WITHOUT ROWID;

-- One row: when the server last wrote that it lives.
CREATE TABLE alive (
    one   INTEGER NOT NULL PRIMARY KEY CHECK (one = 1),
    at_ms INTEGER NOT NULL -- Unix milliseconds
) STRICT;
