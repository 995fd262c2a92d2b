-- The operator's list of all calls, in time: each as whoever made it has it.
CREATE INDEX history_made ON history (rang_at_ms, call_id) WHERE made = 1;
