-- What push messages are signed with: made at the first start, and the same from then on.
CREATE TABLE push_key (
    one INTEGER NOT NULL PRIMARY KEY CHECK (one = 1),
    key TEXT    NOT NULL -- PKCS #8 in base 64
) STRICT, WITHOUT ROWID;

-- Where browsers are reached while no page of their user is open.
CREATE TABLE push_subscriptions (
    endpoint   TEXT    NOT NULL PRIMARY KEY, -- a URL
    user_id    TEXT    NOT NULL,
    public_key TEXT    NOT NULL, -- both in base 64 for URLs
    auth       TEXT    NOT NULL,
    since_ms   INTEGER NOT NULL -- Unix milliseconds
) STRICT, WITHOUT ROWID;
CREATE INDEX push_subscriptions_by_user ON push_subscriptions (user_id, since_ms);
