-- Several nodes may share a database. What a node takes up at its start says whose it is: the name of the node; empty where the server is
-- alone.
ALTER TABLE sessions ADD COLUMN node TEXT NOT NULL DEFAULT '';
ALTER TABLE calls ADD COLUMN node TEXT NOT NULL DEFAULT '';
ALTER TABLE rooms ADD COLUMN node TEXT NOT NULL DEFAULT '';
ALTER TABLE members ADD COLUMN node TEXT NOT NULL DEFAULT '';
ALTER TABLE links ADD COLUMN node TEXT NOT NULL DEFAULT '';
-- Of a call that is not over: who ends it after a restart.
ALTER TABLE history ADD COLUMN node TEXT NOT NULL DEFAULT '';
-- Who sends it.
ALTER TABLE webhooks ADD COLUMN node TEXT NOT NULL DEFAULT '';

-- When each node last wrote that it lives. Takes the place of `alive`, which knew one.
CREATE TABLE nodes (
    node  TEXT NOT NULL PRIMARY KEY,
    at_ms INTEGER NOT NULL -- Unix milliseconds
) STRICT, WITHOUT ROWID;
INSERT INTO nodes (node, at_ms) SELECT '', at_ms FROM alive;
DROP TABLE alive;
