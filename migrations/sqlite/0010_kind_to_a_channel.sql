-- What began is told in the message that told it, once it is over: the message is edited.
ALTER TABLE post ADD COLUMN edit_at INTEGER;
ALTER TABLE post ADD COLUMN edited_at INTEGER;
-- It called a role.
ALTER TABLE post ADD COLUMN calls INTEGER NOT NULL DEFAULT 0;
CREATE INDEX post_to_edit ON post (destination_id) WHERE edit_at IS NOT NULL;
CREATE INDEX post_by_time ON post (created_at);
CREATE INDEX outbox_by_opening ON outbox (opening) WHERE opening IS NOT NULL;

-- Why a notice waits until `not_before`, to be told in a list with others.
ALTER TABLE outbox ADD COLUMN held TEXT CHECK (held IN ('mute', 'quiet', 'digest'));
CREATE INDEX outbox_held ON outbox (not_before)
    WHERE held IS NOT NULL AND post_id IS NULL AND state = 'pending';
-- Called by the message that tells it.
ALTER TABLE outbox ADD COLUMN role_id INTEGER;
-- APY before and after, in percent, for what it means to a reader's own positions.
ALTER TABLE outbox ADD COLUMN apy_from REAL;
ALTER TABLE outbox ADD COLUMN apy_to REAL;

-- The channel whose webhook tells a thread; NULL where the destination is no thread.
ALTER TABLE destination ADD COLUMN parent_id INTEGER;

-- How an alert speaks, as JSON: the role it calls, its digest, until when it is muted.
ALTER TABLE alert ADD COLUMN manner TEXT NOT NULL DEFAULT '{}';

-- A server's own settings, as JSON.
CREATE TABLE server (
    guild_id INTEGER PRIMARY KEY,
    settings TEXT NOT NULL
) STRICT;

-- Who changed what; the person is forgotten when they ask for it.
CREATE TABLE audit (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    guild_id INTEGER NOT NULL,
    at INTEGER NOT NULL,
    person INTEGER NOT NULL,
    deed TEXT NOT NULL
) STRICT;
CREATE INDEX audit_by_guild ON audit (guild_id, id);

-- Reports that a channel is given at set times, also when nothing has happened.
CREATE TABLE digest (
    destination_id INTEGER PRIMARY KEY REFERENCES destination (id),
    cadence TEXT NOT NULL,
    due_at INTEGER NOT NULL
) STRICT;
CREATE INDEX digest_due ON digest (due_at);

DROP VIEW notice;
CREATE VIEW notice AS
SELECT o.id, o.destination_id, d.guild_id, d.channel_id, o.alert_id, o.pool, o.edge, o.created_at, o.not_after,
    CASE
        WHEN d.state = 'parked' AND COALESCE(p.state, o.state) IN ('pending', 'waiting') THEN 'parked'
        ELSE COALESCE(p.state, o.state)
    END AS state,
    o.post_id, p.due_at, COALESCE(p.attempt, 0) AS attempt, p.intent_at, p.message_id, p.delivered_at,
    p.last_error, p.last_status, d.reason, o.held, o.not_before, o.opening, o.dedup_key, o.payload, o.summary,
    o.apy_from, o.apy_to
FROM outbox o JOIN destination d ON d.id = o.destination_id LEFT JOIN post p ON p.id = o.post_id;
