-- People are known by a keyed hash of their Discord id, so that the database alone does not tell whose
-- anything is. What is theirs is sealed with a key of their own, which is wrapped by the master key; erasing
-- them destroys it. Both columns are filled in when an older database is opened.
DROP VIEW notice;

ALTER TABLE person RENAME COLUMN user_id TO blind;
-- The Discord id, sealed, since messages go to it.
ALTER TABLE person ADD COLUMN name BLOB;
-- The key of this person, wrapped.
ALTER TABLE person ADD COLUMN key BLOB;
-- When they last used what is kept of them, and when they were last told that it will go unused.
ALTER TABLE person ADD COLUMN used_at INTEGER NOT NULL DEFAULT 0;
ALTER TABLE person ADD COLUMN warned_at INTEGER;
UPDATE person SET used_at = agreed_at;

ALTER TABLE position RENAME COLUMN user_id TO owner;
ALTER TABLE ledger_entry RENAME COLUMN user_id TO owner;
ALTER TABLE goal RENAME COLUMN user_id TO owner;
ALTER TABLE watch RENAME COLUMN user_id TO owner;
ALTER TABLE personal RENAME COLUMN user_id TO owner;
ALTER TABLE destination RENAME COLUMN user_id TO person;

-- The key of each server, wrapped; the tokens of its webhooks are sealed with it.
CREATE TABLE server_key (
    guild_id INTEGER PRIMARY KEY,
    key BLOB NOT NULL
) STRICT;

CREATE VIEW notice AS
SELECT o.id, o.destination_id, d.guild_id, d.person, r.name AS person_name, d.channel_id, o.alert_id, o.pool,
    o.edge, o.created_at, o.not_after,
    CASE
        WHEN d.state = 'parked' AND COALESCE(p.state, o.state) IN ('pending', 'waiting') THEN 'parked'
        ELSE COALESCE(p.state, o.state)
    END AS state,
    o.post_id, p.due_at, COALESCE(p.attempt, 0) AS attempt, p.intent_at, p.message_id, p.delivered_at,
    p.last_error, p.last_status, d.reason, o.held, o.not_before, o.opening, o.dedup_key, o.payload, o.summary,
    o.apy_from, o.apy_to
FROM outbox o JOIN destination d ON d.id = o.destination_id LEFT JOIN post p ON p.id = o.post_id
    LEFT JOIN person r ON r.blind = d.person;
