-- Who is yet to be told by web push of what they missed, and of whom.
CREATE TABLE waiting_pushes (
    place     INTEGER NOT NULL PRIMARY KEY,
    node      TEXT NOT NULL, -- that tells them
    user_id   TEXT NOT NULL,
    from_id   TEXT NOT NULL,
    from_name TEXT NOT NULL,
    call_id   TEXT, -- of a missed call; NULL: it is about a message
    room_id   TEXT, -- of a message
    link_id   TEXT, -- by which that room is reached, if by one
    at_ms     BIGINT NOT NULL -- Unix milliseconds
);
