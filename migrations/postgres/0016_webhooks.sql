-- What the operator's application is yet to be told, in the order of its happening.
CREATE TABLE webhooks (
    place         BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    webhook_id    TEXT COLLATE "C" NOT NULL,
    endpoint      TEXT COLLATE "C" NOT NULL, -- a URL
    event         TEXT   NOT NULL,
    payload       TEXT   NOT NULL, -- as it is sent
    created_at_ms BIGINT NOT NULL, -- Unix milliseconds
    attempts      BIGINT NOT NULL, -- that failed
    due_at_ms     BIGINT NOT NULL  -- when it is tried next, in Unix milliseconds
);
CREATE UNIQUE INDEX webhooks_by_id ON webhooks (webhook_id);
CREATE INDEX webhooks_by_place ON webhooks (endpoint, place);
CREATE INDEX webhooks_by_due ON webhooks (endpoint, due_at_ms);

-- What no endpoint took.
CREATE TABLE dead_webhooks (
    webhook_id    TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    endpoint      TEXT COLLATE "C" NOT NULL,
    event         TEXT   NOT NULL,
    payload       TEXT   NOT NULL,
    created_at_ms BIGINT NOT NULL, -- Unix milliseconds
    attempts      BIGINT NOT NULL,
    dead_at_ms    BIGINT NOT NULL, -- Unix milliseconds
    error         TEXT   NOT NULL  -- of the last attempt
);
CREATE INDEX dead_webhooks_by_age ON dead_webhooks (dead_at_ms);
