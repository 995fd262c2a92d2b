-- What push messages are signed with: made at the first start, and the same from then on.
CREATE TABLE push_key (
    one SMALLINT NOT NULL PRIMARY KEY CHECK (one = 1),
    key TEXT     NOT NULL -- PKCS #8 in base 64
);

-- Where browsers are reached while no page of their user is open.
CREATE TABLE push_subscriptions (
    endpoint   TEXT COLLATE "C" NOT NULL PRIMARY KEY, -- a URL
    user_id    TEXT COLLATE "C" NOT NULL,
    public_key TEXT   NOT NULL, -- both in base 64 for URLs
    auth       TEXT   NOT NULL,
    since_ms   BIGINT NOT NULL -- Unix milliseconds
);
CREATE INDEX push_subscriptions_by_user ON push_subscriptions (user_id, since_ms);
