-- The track record is told of a year and let go after it, both by the day.
CREATE INDEX announced_verdict_by_day ON announced_verdict (day);
CREATE INDEX missed_fall_by_day ON missed_fall (day);
