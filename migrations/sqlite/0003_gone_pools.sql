-- A pool that is no longer listed keeps its number and its days; the rest of it goes.
ALTER TABLE pool ADD COLUMN gone_at INTEGER;
