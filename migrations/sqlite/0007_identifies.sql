-- Discord resets the token of a bot that presents itself more than 1,000 times in 24 hours, however
-- many processes did so one after the other. What is older than a day is swept.
CREATE TABLE identify (
    id INTEGER PRIMARY KEY,
    shard INTEGER NOT NULL,
    at INTEGER NOT NULL,
    -- When Discord let the shard in; null for one that is still waiting, or was not let in.
    ready_at INTEGER
) STRICT;

CREATE INDEX identify_by_time ON identify (at);

-- Starts of the process; many in an hour are a crash loop.
CREATE TABLE process_start (
    at INTEGER NOT NULL
) STRICT;
