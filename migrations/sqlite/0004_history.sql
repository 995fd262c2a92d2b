-- Calls as each of their two users had them: one may forget theirs while the other keeps its own. A row is made when it rings.
CREATE TABLE history (
    user_id        TEXT    NOT NULL,
    call_id        TEXT    NOT NULL,
    other_id       TEXT    NOT NULL,
    other_name     TEXT    NOT NULL,                             -- at that time
    room_id        TEXT,                                         -- NULL: it never rang
    made           INTEGER NOT NULL CHECK (made IN (0, 1)),      -- by this user, or to it
    rang_at_ms     INTEGER NOT NULL,                             -- Unix milliseconds
    answered_at_ms INTEGER,                                      -- NULL: it was not
    ended_at_ms    INTEGER,
    talked_ms      INTEGER NOT NULL DEFAULT 0,
    reason         TEXT,                                         -- NULL: it is not over for this user
    missed         INTEGER NOT NULL DEFAULT 0 CHECK (missed IN (0, 1)),
    seen           INTEGER NOT NULL DEFAULT 0 CHECK (seen IN (0, 1)),
    PRIMARY KEY (user_id, call_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX history_in_time ON history (user_id, rang_at_ms, call_id);
CREATE INDEX history_unseen ON history (user_id) WHERE missed = 1 AND seen = 0;
CREATE INDEX history_live ON history (call_id) WHERE reason IS NULL;
