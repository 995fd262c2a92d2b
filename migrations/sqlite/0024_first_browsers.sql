-- Every browser of a user has its secret in one table, the first one too. It is known by the digits of the user's id.
INSERT INTO devices (device_id, user_id, secret_hash, name, added_at, seen_at)
SELECT '0' || replace(user_id, '-', ''), user_id, secret_hash, '', created_at, seen_at FROM users
WHERE user_id NOT IN (SELECT user_id FROM identities);
ALTER TABLE users DROP COLUMN secret_hash;

-- A browser that is signed out is told nothing more. NULL: it subscribed before this was noted.
ALTER TABLE push_subscriptions ADD COLUMN device_id TEXT;
