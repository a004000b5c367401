-- Verdicts that channels were told, and what became of the rates. Nothing says who was told.
CREATE TABLE announced_verdict (
    pool_no INTEGER NOT NULL,
    -- Of the reading that the verdict is about; UTC, counted from 1970.
    day INTEGER NOT NULL,
    verdict TEXT NOT NULL CHECK (verdict IN ('sustainable', 'mixed', 'unsustainable')),
    at INTEGER NOT NULL,
    apy REAL NOT NULL,
    score REAL,
    paid_score REAL,
    -- The limit that decided it alone.
    hard_limit TEXT CHECK (hard_limit IN ('apy', 'tvl')),
    -- Told of the pool less than 30 days before already.
    repeats INTEGER NOT NULL,
    -- When it was judged. The mean of the 30 days after over the rate that was told, and over the mean of the
    -- 30 days before; NULL where that cannot be known.
    judged_at INTEGER,
    of_today REAL,
    of_month REAL,
    PRIMARY KEY (pool_no, day, verdict)
) STRICT, WITHOUT ROWID;

CREATE INDEX announced_verdict_open ON announced_verdict (day) WHERE judged_at IS NULL;

-- The verdicts with which days ended, of pools that an alert watched. One that warned of nothing goes once it
-- is known what became of the day; one that warned stays for as long as a fall may follow it.
CREATE TABLE standing_verdict (
    pool_no INTEGER NOT NULL,
    day INTEGER NOT NULL,
    verdict TEXT NOT NULL CHECK (verdict IN ('sustainable', 'mixed', 'unsustainable')),
    PRIMARY KEY (pool_no, day)
) STRICT, WITHOUT ROWID;

CREATE INDEX standing_verdict_by_day ON standing_verdict (day, verdict);

-- Falls of watched pools that no verdict warned of, by the day of the fall.
CREATE TABLE missed_fall (
    pool_no INTEGER NOT NULL,
    day INTEGER NOT NULL,
    PRIMARY KEY (pool_no, day)
) STRICT, WITHOUT ROWID;
