-- What the operator's application is yet to be told, in the order of its happening.
CREATE TABLE webhooks (
    place         INTEGER NOT NULL PRIMARY KEY,
    webhook_id    TEXT    NOT NULL,
    endpoint      TEXT    NOT NULL, -- a URL
    event         TEXT    NOT NULL,
    payload       TEXT    NOT NULL, -- as it is sent
    created_at_ms INTEGER NOT NULL, -- Unix milliseconds
    attempts      INTEGER NOT NULL, -- that failed
    due_at_ms     INTEGER NOT NULL  -- when it is tried next, in Unix milliseconds
) STRICT;
CREATE UNIQUE INDEX webhooks_by_id ON webhooks (webhook_id);
CREATE INDEX webhooks_by_place ON webhooks (endpoint, place);
CREATE INDEX webhooks_by_due ON webhooks (endpoint, due_at_ms);

-- What no endpoint took.
CREATE TABLE dead_webhooks (
    webhook_id    TEXT    NOT NULL PRIMARY KEY,
    endpoint      TEXT    NOT NULL,
    event         TEXT    NOT NULL,
    payload       TEXT    NOT NULL,
    created_at_ms INTEGER NOT NULL, -- Unix milliseconds
    attempts      INTEGER NOT NULL,
    dead_at_ms    INTEGER NOT NULL, -- Unix milliseconds
    error         TEXT    NOT NULL  -- of the last attempt
) STRICT, WITHOUT ROWID;
CREATE INDEX dead_webhooks_by_age ON dead_webhooks (dead_at_ms);
