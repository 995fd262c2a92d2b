-- Browsers in which a user is signed in, each with a secret of its own that is only there.
CREATE TABLE devices (
    device_id   TEXT    NOT NULL PRIMARY KEY,
    user_id     TEXT    NOT NULL,
    secret_hash BLOB    NOT NULL CHECK (length(secret_hash) = 32), -- SHA-256
    name        TEXT    NOT NULL,                                  -- which browser, as far as it says
    added_at    INTEGER NOT NULL,                                  -- Unix seconds
    seen_at     INTEGER NOT NULL,                                  -- Unix seconds; the last sign-in
    until_unix  INTEGER,                                           -- Unix seconds; NULL: for ever
    id_token    TEXT                                               -- of the provider that signed the user in, to sign out there too
) STRICT, WITHOUT ROWID;
CREATE INDEX devices_of_user ON devices (user_id);
CREATE INDEX devices_until ON devices (until_unix) WHERE until_unix IS NOT NULL;
