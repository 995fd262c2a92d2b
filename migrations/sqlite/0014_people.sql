-- Whom a user knows, with the name that the user gave. That there is a user of such an id is neither asked nor needed.
CREATE TABLE contacts (
    user_id    TEXT    NOT NULL,
    contact_id TEXT    NOT NULL,
    name       TEXT    NOT NULL,
    since_ms   INTEGER NOT NULL, -- Unix milliseconds
    PRIMARY KEY (user_id, contact_id)
) STRICT, WITHOUT ROWID;

-- For whom a user is not there, with a name for that user's list.
CREATE TABLE blocks (
    user_id    TEXT    NOT NULL,
    blocked_id TEXT    NOT NULL,
    name       TEXT    NOT NULL,
    since_ms   INTEGER NOT NULL, -- Unix milliseconds
    PRIMARY KEY (user_id, blocked_id)
) STRICT, WITHOUT ROWID;

-- What a user has chosen. No row: the defaults.
CREATE TABLE settings (
    user_id               TEXT    NOT NULL PRIMARY KEY,
    contacts_only         INTEGER NOT NULL CHECK (contacts_only IN (0, 1)), -- whose calls ring
    always_through_server INTEGER NOT NULL CHECK (always_through_server IN (0, 1))
) STRICT, WITHOUT ROWID;
