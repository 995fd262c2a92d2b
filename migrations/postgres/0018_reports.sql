-- Reports of calls, by the room that they led to. Kept for as long as a user has such a call in their history, and for some days at most.
CREATE TABLE reports (
    room_id     TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    began_at_ms BIGINT NOT NULL, -- Unix milliseconds
    ended_at_ms BIGINT           -- NULL: it goes on, or the server was killed
);
CREATE INDEX reports_by_age ON reports (began_at_ms);

-- Who is in them. Nothing else in a report names anybody.
CREATE TABLE report_people (
    room_id        TEXT COLLATE "C" NOT NULL,
    participant_id TEXT COLLATE "C" NOT NULL,
    user_id        TEXT COLLATE "C" NOT NULL,
    name           TEXT NOT NULL, -- at that time
    PRIMARY KEY (room_id, participant_id)
);
CREATE INDEX report_people_users ON report_people (user_id);

-- What was noted, some seconds a row.
CREATE TABLE report_pages (
    room_id TEXT COLLATE "C" NOT NULL,
    number  BIGINT NOT NULL, -- in the order of coming, from 1
    entries TEXT   NOT NULL, -- JSON
    PRIMARY KEY (room_id, number)
);
