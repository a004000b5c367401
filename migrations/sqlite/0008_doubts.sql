-- Why a suspect reading is not believed, and since when.
ALTER TABLE latest ADD COLUMN doubt TEXT CHECK (doubt IN ('zero', 'jump', 'fall', 'drain', 'unit_change'));
ALTER TABLE latest ADD COLUMN doubt_since INTEGER;
-- When reward tokens were last paid, and how much.
ALTER TABLE latest ADD COLUMN rewarded_at INTEGER;
ALTER TABLE latest ADD COLUMN rewarded REAL;
-- When the source's count of days last changed. What is known of no pool counts from its last reading.
ALTER TABLE latest ADD COLUMN counted_at INTEGER NOT NULL DEFAULT 0;

UPDATE latest SET counted_at = at;
UPDATE latest SET doubt = 'jump', doubt_since = at WHERE data_state = 'suspect';
UPDATE latest SET rewarded_at = at, rewarded = reward WHERE data_state = 'good' AND reward >= 0.1;
