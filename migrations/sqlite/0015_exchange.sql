-- What a US dollar is in other currencies, as it was told last: `at` is the source's own time, the same in all
-- rows. Amounts are decimal numbers as texts, to the last digit.
CREATE TABLE exchange (
    currency TEXT PRIMARY KEY,
    per_usd TEXT NOT NULL,
    at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- The same as past days began; UTC, counted from 1970. What was is kept for ever.
CREATE TABLE exchange_day (
    day INTEGER NOT NULL,
    currency TEXT NOT NULL,
    per_usd TEXT NOT NULL,
    PRIMARY KEY (day, currency)
) STRICT, WITHOUT ROWID;

-- What coins cost as past hours began, counted from 1970; `at` is when the source read the price.
CREATE TABLE past_price (
    coin TEXT NOT NULL,
    hour INTEGER NOT NULL,
    usd TEXT NOT NULL,
    symbol TEXT NOT NULL,
    at INTEGER NOT NULL,
    PRIMARY KEY (coin, hour)
) STRICT, WITHOUT ROWID;
