-- Whom the operator's application knows: the subject of its tokens is always the same user here.
CREATE TABLE identities (
    subject TEXT NOT NULL PRIMARY KEY,
    user_id TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- Tokens that were good for one sign-in and are used up, until they run out by themselves.
CREATE TABLE used_tokens (
    token_id   TEXT    NOT NULL PRIMARY KEY, -- its jti
    until_unix INTEGER NOT NULL              -- Unix seconds
) STRICT, WITHOUT ROWID;
CREATE INDEX used_tokens_until ON used_tokens (until_unix);

-- What a session may do, as JSON; NULL: everything.
ALTER TABLE sessions ADD COLUMN grants TEXT;
