-- What a pool is seldom changes, and what it pays does with each batch: two tables. The number and
-- the days of a pool that is no longer listed stay; `gone_at` says since when.
CREATE TABLE latest (
    pool_no INTEGER PRIMARY KEY,
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
    missed_since INTEGER,
    -- The last usable reading, while the latest one is not usable.
    trusted_at INTEGER,
    trusted_apy REAL,
    trusted_base REAL,
    trusted_reward REAL,
    trusted_tvl_usd REAL
) STRICT;

INSERT INTO latest (pool_no, at, own_time, apy, base, reward, tvl_usd, feed_mean_30d, feed_sigma,
    feed_days, unchanged_since, data_state, missed, missed_since,
    trusted_at, trusted_apy, trusted_base, trusted_reward, trusted_tvl_usd)
SELECT p.no, p.at, p.own_time, p.apy, p.base, p.reward, p.tvl_usd, p.feed_mean_30d, p.feed_sigma,
    p.feed_days, p.unchanged_since, p.data_state, p.missed, p.missed_since,
    MAX(r.at, COALESCE(p.trusted_at, 0)), r.apy, r.base, r.reward, r.tvl_usd
FROM pool p LEFT JOIN reading r ON r.pool_no = p.no AND p.data_state <> 'good'
    AND r.at = (SELECT MAX(at) FROM reading WHERE pool_no = p.no);

CREATE TABLE described_pool (
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
    gone_at INTEGER
) STRICT;

INSERT INTO described_pool (no, id, chain, protocol, symbol, meta, method, stablecoin, multi_asset,
    impermanent_loss, underlying)
SELECT no, id, chain, protocol, symbol, meta, method, stablecoin, multi_asset, impermanent_loss, underlying
FROM pool;

DROP TABLE pool;
ALTER TABLE described_pool RENAME TO pool;

-- In the order in which readings come, so that a batch is written in one place and not in one for
-- each pool.
CREATE TABLE reading_by_time (
    at INTEGER NOT NULL,
    pool_no INTEGER NOT NULL,
    apy REAL NOT NULL,
    base REAL,
    reward REAL,
    tvl_usd REAL NOT NULL,
    verdict TEXT NOT NULL CHECK (verdict IN ('sustainable', 'mixed', 'unsustainable', 'unknown')),
    previous_until INTEGER,
    PRIMARY KEY (at, pool_no)
) STRICT, WITHOUT ROWID;

INSERT INTO reading_by_time (at, pool_no, apy, base, reward, tvl_usd, verdict, previous_until)
SELECT at, pool_no, apy, base, reward, tvl_usd, verdict, previous_until FROM reading ORDER BY at, pool_no;

DROP TABLE reading;
ALTER TABLE reading_by_time RENAME TO reading;
