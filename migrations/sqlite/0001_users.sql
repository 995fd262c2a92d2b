-- A durable identity. The secret itself is only in the browser.
CREATE TABLE users (
    user_id     TEXT    NOT NULL PRIMARY KEY,
    secret_hash BLOB    NOT NULL CHECK (length(secret_hash) = 32), -- SHA-256
    name        TEXT    NOT NULL,
    created_at  INTEGER NOT NULL,                                  -- Unix seconds
    seen_at     INTEGER NOT NULL                                   -- Unix seconds; the last sign-in
) STRICT, WITHOUT ROWID;
