-- What was written in rooms. Kept while its room lives, and as long as a user has the call that led there in their history.
CREATE TABLE messages (
    room_id        TEXT    NOT NULL,
    number         INTEGER NOT NULL,                              -- in the order of coming, from 1
    message_id     TEXT    NOT NULL,                              -- chosen by the sender's page
    user_id        TEXT    NOT NULL,
    name           TEXT    NOT NULL,                              -- at that time
    participant_id TEXT    NOT NULL,
    at_ms          INTEGER NOT NULL,                              -- Unix milliseconds
    words          TEXT    NOT NULL,                              -- empty: deleted
    edited         INTEGER NOT NULL DEFAULT 0 CHECK (edited IN (0, 1)),
    deleted        INTEGER NOT NULL DEFAULT 0 CHECK (deleted IN (0, 1)),
    PRIMARY KEY (room_id, number)
) STRICT, WITHOUT ROWID;
-- Said again, it is the same message.
CREATE UNIQUE INDEX messages_once ON messages (room_id, user_id, message_id);
CREATE INDEX history_rooms ON history (room_id);
