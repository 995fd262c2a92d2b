-- Browsers in which a user is signed in, each with a secret of its own that is only there.
CREATE TABLE devices (
    device_id   TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    user_id     TEXT COLLATE "C" NOT NULL,
    secret_hash BYTEA  NOT NULL CHECK (length(secret_hash) = 32), -- SHA-256
    name        TEXT   NOT NULL,                                  -- which browser, as far as it says
    added_at    BIGINT NOT NULL,                                  -- Unix seconds
    seen_at     BIGINT NOT NULL,                                  -- Unix seconds; the last sign-in
    until_unix  BIGINT,                                           -- Unix seconds; NULL: for ever
    id_token    TEXT                                              -- of the provider that signed the user in, to sign out there too
);
CREATE INDEX devices_of_user ON devices (user_id);
CREATE INDEX devices_until ON devices (until_unix) WHERE until_unix IS NOT NULL;
