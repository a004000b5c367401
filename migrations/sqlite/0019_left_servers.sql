-- Servers that have removed the bot, and since when. What is theirs is let go some time after that.
CREATE TABLE left_server (
    guild_id INTEGER PRIMARY KEY,
    left_at INTEGER NOT NULL
) STRICT;
