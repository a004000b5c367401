-- When the figures that are trusted in place of the latest ones were last read.
ALTER TABLE pool ADD COLUMN trusted_at INTEGER;
