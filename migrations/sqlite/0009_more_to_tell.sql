-- A notice may tell that an episode goes further or is still open, what was left unsaid in a mute or
-- up to a digest, or that a source is down. It may have to wait, and it may end what another one began.
DROP VIEW notice;

CREATE TABLE notice_to_tell (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    dedup_key BLOB NOT NULL UNIQUE,
    destination_id INTEGER NOT NULL REFERENCES destination (id),
    -- 0 for what no single alert says.
    alert_id INTEGER NOT NULL,
    alert_version INTEGER NOT NULL,
    pool BLOB,
    edge TEXT NOT NULL CHECK (
        edge IN ('opened', 'escalated', 'reminded', 'closed', 'test', 'summary', 'digest', 'outage')
    ),
    -- 0 cannot wait, 1 usual, 2 can wait.
    urgency INTEGER NOT NULL,
    payload TEXT NOT NULL,
    -- The notice as lines of plain text.
    summary TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    -- Not told before then.
    not_before INTEGER NOT NULL DEFAULT 0,
    not_after INTEGER NOT NULL,
    -- The key of the notice that opened the episode which this one ends.
    opening BLOB,
    -- Of a notice that no post tells; else the post's state holds.
    state TEXT NOT NULL CHECK (state IN ('pending', 'expired', 'superseded')),
    post_id INTEGER REFERENCES post (id)
) STRICT;

INSERT INTO notice_to_tell (id, dedup_key, destination_id, alert_id, alert_version, pool, edge, urgency,
    payload, summary, created_at, not_after, state, post_id)
SELECT id, dedup_key, destination_id, alert_id, alert_version, pool, edge, urgency,
    payload, summary, created_at, not_after, state, post_id
FROM outbox;

DROP TABLE outbox;
ALTER TABLE notice_to_tell RENAME TO outbox;

CREATE INDEX outbox_untold ON outbox (destination_id, urgency, not_before)
    WHERE post_id IS NULL AND state = 'pending';
CREATE INDEX outbox_awaited ON outbox (destination_id)
    WHERE edge = 'test' AND post_id IS NULL AND state = 'pending';
CREATE INDEX outbox_untold_until ON outbox (not_after) WHERE post_id IS NULL AND state = 'pending';
CREATE INDEX outbox_by_post ON outbox (post_id) WHERE post_id IS NOT NULL;
CREATE INDEX outbox_by_alert ON outbox (alert_id, id);
CREATE INDEX outbox_ended ON outbox (destination_id, state) WHERE post_id IS NULL AND state <> 'pending';

CREATE VIEW notice AS
SELECT o.id, o.destination_id, d.guild_id, d.channel_id, o.alert_id, o.pool, o.edge, o.created_at, o.not_after,
    CASE
        WHEN d.state = 'parked' AND COALESCE(p.state, o.state) IN ('pending', 'waiting') THEN 'parked'
        ELSE COALESCE(p.state, o.state)
    END AS state,
    o.post_id, p.due_at, COALESCE(p.attempt, 0) AS attempt, p.intent_at, p.message_id, p.delivered_at,
    p.last_error, p.last_status, d.reason
FROM outbox o JOIN destination d ON d.id = o.destination_id LEFT JOIN post p ON p.id = o.post_id;
