-- What goes over the wire is a post of its own: one message that tells one notice or many. The
-- outbox keeps what is to be told; once bound to a post, a notice stands where its post stands.
CREATE TABLE post (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    destination_id INTEGER NOT NULL REFERENCES destination (id),
    notices INTEGER NOT NULL,
    -- Shown in the message, and how a read-back knows it. Empty on posts older than this table.
    marker TEXT NOT NULL,
    -- Discord makes no second message for the same one, for some minutes.
    nonce TEXT NOT NULL,
    payload TEXT NOT NULL,
    attachment TEXT,
    -- The same in plain text, for when Discord refuses the payload.
    fallback TEXT,
    created_at INTEGER NOT NULL,
    not_after INTEGER NOT NULL,
    state TEXT NOT NULL CHECK (
        state IN ('pending', 'sending', 'waiting', 'uncertain', 'delivered', 'parked', 'dead', 'expired')
    ),
    -- When something is to be done about it; NULL when nothing is.
    due_at INTEGER,
    attempt INTEGER NOT NULL DEFAULT 0,
    epoch INTEGER NOT NULL DEFAULT 0,
    intent_at INTEGER,
    series_at INTEGER,
    repeats INTEGER NOT NULL DEFAULT 0,
    anew INTEGER NOT NULL DEFAULT 0,
    -- The webhook that carried it last; NULL when the bot itself did.
    webhook_id INTEGER,
    floor INTEGER,
    message_id INTEGER,
    delivered_at INTEGER,
    last_error TEXT,
    last_status INTEGER
) STRICT;

INSERT INTO post (id, destination_id, notices, marker, nonce, payload, created_at, not_after, state,
    due_at, attempt, epoch, intent_at, series_at, webhook_id, floor, message_id, delivered_at, last_error, last_status)
SELECT o.id, o.destination_id, 1, '', substr(lower(hex(o.dedup_key)), 1, 25), o.payload, o.created_at,
    o.not_after, o.state, CASE WHEN o.state IN ('pending', 'waiting', 'uncertain') THEN o.next_attempt_at END,
    o.attempt, COALESCE(o.owner_epoch, 0), o.intent_at, o.intent_at, d.webhook_id,
    -- A webhook is older than whatever it has posted.
    MAX(COALESCE(d.last_confirmed_message_id, 0), COALESCE(d.webhook_id, 0)),
    o.message_id, o.delivered_at, o.last_error, o.last_status
FROM outbox o JOIN destination d ON d.id = o.destination_id
WHERE o.state NOT IN ('expired', 'superseded')
ORDER BY o.id;

CREATE TABLE notice_to_tell (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    dedup_key BLOB NOT NULL UNIQUE,
    destination_id INTEGER NOT NULL REFERENCES destination (id),
    alert_id INTEGER NOT NULL,
    alert_version INTEGER NOT NULL,
    pool BLOB,
    edge TEXT NOT NULL CHECK (edge IN ('opened', 'closed', 'test')),
    -- 0 cannot wait, 1 usual, 2 can wait.
    urgency INTEGER NOT NULL,
    payload TEXT NOT NULL,
    -- The notice as lines of plain text.
    summary TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    not_after INTEGER NOT NULL,
    -- Of a notice that no post tells; else the post's state holds.
    state TEXT NOT NULL CHECK (state IN ('pending', 'expired', 'superseded')),
    post_id INTEGER REFERENCES post (id)
) STRICT;

INSERT INTO notice_to_tell (id, dedup_key, destination_id, alert_id, alert_version, pool, edge, urgency,
    payload, summary, created_at, not_after, state, post_id)
SELECT id, dedup_key, destination_id, alert_id, alert_version, pool, edge, 1, payload, '', created_at, not_after,
    CASE WHEN state IN ('expired', 'superseded') THEN state ELSE 'pending' END,
    CASE WHEN state NOT IN ('expired', 'superseded') THEN id END
FROM outbox;

DROP TABLE outbox;
ALTER TABLE notice_to_tell RENAME TO outbox;

CREATE INDEX post_due ON post (destination_id) WHERE due_at IS NOT NULL;
CREATE INDEX post_under_way ON post (id) WHERE state = 'sending';
CREATE INDEX post_by_state ON post (destination_id, state, message_id);
CREATE INDEX post_by_message ON post (message_id) WHERE message_id IS NOT NULL;
CREATE INDEX post_by_intent ON post (intent_at);
CREATE INDEX outbox_untold ON outbox (destination_id, urgency) WHERE post_id IS NULL AND state = 'pending';
CREATE INDEX outbox_untold_until ON outbox (not_after) WHERE post_id IS NULL AND state = 'pending';
CREATE INDEX outbox_by_post ON outbox (post_id) WHERE post_id IS NOT NULL;
CREATE INDEX outbox_by_alert ON outbox (alert_id, id);
CREATE INDEX outbox_ended ON outbox (destination_id, state) WHERE post_id IS NULL AND state <> 'pending';

-- A ready destination without a webhook is told by the bot itself.
-- `last_confirmed_message_id`: no copy of an unsent post is older than this message.
UPDATE destination SET last_confirmed_message_id =
    MAX(COALESCE(last_confirmed_message_id, 0), COALESCE(webhook_id, 0)) WHERE webhook_id IS NOT NULL;
-- When it is to be tried whether a parked destination takes messages again.
ALTER TABLE destination ADD COLUMN revive_at INTEGER;
-- Its webhook was made again without anybody asking, which is done once.
ALTER TABLE destination ADD COLUMN remade INTEGER NOT NULL DEFAULT 0;
-- What the next admin is to be told of it.
ALTER TABLE destination ADD COLUMN news TEXT CHECK (news IN ('parked', 'back'));

-- Each notice with where it stands.
CREATE VIEW notice AS
SELECT o.id, o.destination_id, d.guild_id, d.channel_id, o.alert_id, o.pool, o.edge, o.created_at, o.not_after,
    CASE
        WHEN d.state = 'parked' AND COALESCE(p.state, o.state) IN ('pending', 'waiting') THEN 'parked'
        ELSE COALESCE(p.state, o.state)
    END AS state,
    o.post_id, p.due_at, COALESCE(p.attempt, 0) AS attempt, p.intent_at, p.message_id, p.delivered_at,
    p.last_error, p.last_status, d.reason
FROM outbox o JOIN destination d ON d.id = o.destination_id LEFT JOIN post p ON p.id = o.post_id;
