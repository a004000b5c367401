-- Times are milliseconds since 1970 UTC, Discord ids 64-bit integers, closed sets text with a check.

CREATE TABLE instance (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    epoch INTEGER NOT NULL,
    started_at INTEGER NOT NULL
) STRICT;

CREATE TABLE setting (
    name TEXT PRIMARY KEY,
    value BLOB NOT NULL
) STRICT, WITHOUT ROWID;

-- Market: one row a pool with its latest figures; every change of 14 days; one row a day for ever.
CREATE TABLE pool (
    no INTEGER PRIMARY KEY,
    id BLOB NOT NULL UNIQUE,
    chain TEXT NOT NULL,
    protocol TEXT NOT NULL,
    symbol TEXT NOT NULL,
    meta TEXT,
    method TEXT NOT NULL,
    stablecoin INTEGER NOT NULL,
    multi_asset INTEGER NOT NULL,
    impermanent_loss INTEGER NOT NULL,
    underlying TEXT NOT NULL,
    at INTEGER NOT NULL,
    own_time INTEGER NOT NULL,
    apy REAL NOT NULL,
    base REAL,
    reward REAL,
    tvl_usd REAL NOT NULL,
    feed_mean_30d REAL,
    feed_sigma REAL,
    feed_days INTEGER,
    unchanged_since INTEGER NOT NULL,
    data_state TEXT NOT NULL CHECK (data_state IN ('good', 'suspect', 'stale', 'missing')),
    missed INTEGER NOT NULL DEFAULT 0,
    missed_since INTEGER
) STRICT;

-- `previous_until`: when the figures before these were last read.
CREATE TABLE reading (
    pool_no INTEGER NOT NULL,
    at INTEGER NOT NULL,
    apy REAL NOT NULL,
    base REAL,
    reward REAL,
    tvl_usd REAL NOT NULL,
    verdict TEXT NOT NULL CHECK (verdict IN ('sustainable', 'mixed', 'unsustainable', 'unknown')),
    previous_until INTEGER,
    PRIMARY KEY (pool_no, at)
) STRICT, WITHOUT ROWID;

CREATE TABLE daily (
    pool_no INTEGER NOT NULL,
    day INTEGER NOT NULL,
    apy REAL NOT NULL,
    base REAL,
    reward REAL,
    tvl_usd REAL NOT NULL,
    PRIMARY KEY (pool_no, day)
) STRICT, WITHOUT ROWID;

-- What each pool usually pays, worked out once a day from `daily`.
CREATE TABLE usual (
    pool_no INTEGER PRIMARY KEY,
    day INTEGER NOT NULL,
    centre REAL NOT NULL,
    variation REAL,
    days INTEGER NOT NULL
) STRICT;

CREATE TABLE batch (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    source TEXT NOT NULL,
    fetched_at INTEGER NOT NULL,
    digest BLOB NOT NULL,
    pools INTEGER NOT NULL,
    skipped INTEGER NOT NULL,
    conflicting INTEGER NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('good', 'suspect'))
) STRICT;

CREATE TABLE price (
    coin TEXT PRIMARY KEY,
    usd TEXT NOT NULL,
    symbol TEXT NOT NULL,
    at INTEGER NOT NULL,
    fetched_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Rules that channels keep. A removed alert stays, so that its notices can be explained.
CREATE TABLE alert (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    guild_id INTEGER NOT NULL,
    channel_id INTEGER NOT NULL,
    rule TEXT NOT NULL,
    version INTEGER NOT NULL,
    created_by INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    removed_at INTEGER
) STRICT;

CREATE INDEX alert_by_guild ON alert (guild_id) WHERE removed_at IS NULL;

CREATE TABLE episode (
    alert_id INTEGER NOT NULL REFERENCES alert (id),
    pool BLOB NOT NULL,
    state TEXT NOT NULL,
    PRIMARY KEY (alert_id, pool)
) STRICT, WITHOUT ROWID;

-- Delivery: a channel as a place, and what is to be said there.
CREATE TABLE destination (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    guild_id INTEGER NOT NULL,
    channel_id INTEGER NOT NULL UNIQUE,
    webhook_id INTEGER,
    token BLOB,
    state TEXT NOT NULL CHECK (state IN ('new', 'ready', 'parked')),
    reason TEXT,
    last_confirmed_message_id INTEGER,
    changed_at INTEGER NOT NULL
) STRICT;

CREATE TABLE outbox (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    dedup_key BLOB NOT NULL UNIQUE,
    destination_id INTEGER NOT NULL REFERENCES destination (id),
    alert_id INTEGER NOT NULL,
    alert_version INTEGER NOT NULL,
    pool BLOB,
    edge TEXT NOT NULL CHECK (edge IN ('opened', 'closed', 'test')),
    payload TEXT NOT NULL,
    payload_sha256 BLOB NOT NULL,
    created_at INTEGER NOT NULL,
    not_after INTEGER NOT NULL,
    state TEXT NOT NULL CHECK (
        state IN ('pending', 'sending', 'waiting', 'uncertain', 'delivered', 'parked', 'dead', 'expired', 'superseded')
    ),
    attempt INTEGER NOT NULL DEFAULT 0,
    next_attempt_at INTEGER NOT NULL,
    owner_epoch INTEGER,
    intent_at INTEGER,
    message_id INTEGER,
    delivered_at INTEGER,
    last_error TEXT,
    last_status INTEGER
) STRICT;

CREATE INDEX outbox_due ON outbox (destination_id, id) WHERE state IN ('pending', 'waiting', 'sending', 'uncertain');
CREATE INDEX outbox_by_alert ON outbox (alert_id, id);
CREATE INDEX outbox_parked ON outbox (destination_id) WHERE state = 'parked';

-- People. What they hold is sealed as one piece.
CREATE TABLE person (
    user_id INTEGER PRIMARY KEY,
    agreed_at INTEGER NOT NULL
) STRICT;

CREATE TABLE position (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    user_id INTEGER NOT NULL REFERENCES person (user_id),
    sealed BLOB NOT NULL,
    added_at INTEGER NOT NULL
) STRICT;

CREATE INDEX position_by_owner ON position (user_id);
