-- Since when the operator keeps a user out, in Unix seconds; NULL: the user may come in.
ALTER TABLE users ADD COLUMN blocked_at INTEGER;
