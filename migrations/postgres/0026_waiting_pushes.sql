-- Who is yet to be told by web push of what they missed, and of whom.
CREATE TABLE waiting_pushes (
    place     BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    node      TEXT COLLATE "C" NOT NULL, -- that tells them
    user_id   TEXT COLLATE "C" NOT NULL,
    from_id   TEXT COLLATE "C" NOT NULL,
    from_name TEXT NOT NULL,
    call_id   TEXT COLLATE "C", -- of a missed call; NULL: it is about a message
    room_id   TEXT COLLATE "C", -- of a message
    link_id   TEXT COLLATE "C", -- by which that room is reached, if by one
    at_ms     BIGINT NOT NULL -- Unix milliseconds
);
