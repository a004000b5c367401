-- An alert that was removed stays to explain its notices; who made it is kept only until then.
UPDATE alert SET created_by = 0 WHERE removed_at IS NOT NULL;
