-- What is known beside the pools: of each source the rows of its last usable answer, packed.
CREATE TABLE fact (
    source TEXT PRIMARY KEY,
    fetched_at INTEGER NOT NULL,
    packed BLOB NOT NULL
) STRICT;

-- When the source was last asked for the pool's past.
ALTER TABLE pool ADD COLUMN charted_at INTEGER;
