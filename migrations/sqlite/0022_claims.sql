-- Which start of a node may write: another number each time, and 0 once another node has taken up what it had. Who writes with another
-- number changes nothing.
ALTER TABLE nodes ADD COLUMN claim INTEGER NOT NULL DEFAULT 0;
