-- A destination may be the direct messages of one person. It belongs to no server then.
ALTER TABLE destination ADD COLUMN user_id INTEGER REFERENCES person (user_id) CHECK (user_id IS NULL OR guild_id = 0);
CREATE INDEX destination_by_person ON destination (user_id) WHERE user_id IS NOT NULL;

-- Of a notice to a person: what of theirs it is about, so that nothing comes of what they have removed.
ALTER TABLE outbox ADD COLUMN watch_id INTEGER;
CREATE INDEX outbox_by_watch ON outbox (watch_id) WHERE watch_id IS NOT NULL;

DROP VIEW notice;
CREATE VIEW notice AS
SELECT o.id, o.destination_id, d.guild_id, d.user_id, d.channel_id, o.alert_id, o.pool, o.edge, o.created_at, o.not_after,
    CASE
        WHEN d.state = 'parked' AND COALESCE(p.state, o.state) IN ('pending', 'waiting') THEN 'parked'
        ELSE COALESCE(p.state, o.state)
    END AS state,
    o.post_id, p.due_at, COALESCE(p.attempt, 0) AS attempt, p.intent_at, p.message_id, p.delivered_at,
    p.last_error, p.last_status, d.reason, o.held, o.not_before, o.opening, o.dedup_key, o.payload, o.summary,
    o.apy_from, o.apy_to
FROM outbox o JOIN destination d ON d.id = o.destination_id LEFT JOIN post p ON p.id = o.post_id;

-- What people have watched for them. Each row is sealed as one piece, with where it stands.
CREATE TABLE watch (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    user_id INTEGER NOT NULL REFERENCES person (user_id),
    sealed BLOB NOT NULL,
    added_at INTEGER NOT NULL
) STRICT;
CREATE INDEX watch_by_owner ON watch (user_id);
