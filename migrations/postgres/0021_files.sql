-- Files in chats: begun by their sender, filled, and then part of a message.
CREATE TABLE files (
    file_id     TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    room_id     TEXT COLLATE "C" NOT NULL,
    user_id     TEXT COLLATE "C" NOT NULL,        -- who sends it
    name        TEXT     NOT NULL,
    bytes       BIGINT   NOT NULL,                -- as announced: there is place for so many
    kind        TEXT     NOT NULL DEFAULT 'other', -- by its first bytes
    secret      TEXT     NOT NULL,                -- what tickets for it are made with
    begun_at_ms BIGINT   NOT NULL,                -- Unix milliseconds
    state       SMALLINT NOT NULL DEFAULT 0 CHECK (state IN (0, 1, 2, 3)), -- begun, being filled, whole, emptied
    number      BIGINT                            -- of its message; 0: that is being written; null: it is in none yet
);
CREATE INDEX files_by_message ON files (room_id, number);
CREATE INDEX files_by_user ON files (user_id, state);

CREATE TABLE file_chunks (
    file_id TEXT COLLATE "C" NOT NULL,
    place   BIGINT NOT NULL, -- from 0
    content BYTEA  NOT NULL,
    PRIMARY KEY (file_id, place)
);
-- What people send is most often packed already.
ALTER TABLE file_chunks ALTER COLUMN content SET STORAGE EXTERNAL;
