-- The oldest go first, whoever's they are.
CREATE INDEX history_by_age ON history (rang_at_ms);
CREATE INDEX messages_by_age ON messages (at_ms);
