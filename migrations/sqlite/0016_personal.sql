-- The key under which a pool goes on that is no longer listed under its own.
ALTER TABLE pool ADD COLUMN became BLOB;

-- What people keep beside their positions. Each row is sealed as one piece.
CREATE TABLE ledger_entry (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    user_id INTEGER NOT NULL REFERENCES person (user_id),
    sealed BLOB NOT NULL,
    added_at INTEGER NOT NULL
) STRICT;
CREATE INDEX ledger_entry_by_owner ON ledger_entry (user_id);

CREATE TABLE goal (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    user_id INTEGER NOT NULL REFERENCES person (user_id),
    sealed BLOB NOT NULL,
    added_at INTEGER NOT NULL
) STRICT;
CREATE INDEX goal_by_owner ON goal (user_id);

-- What there is one of for each person: what they chose, how things stood when they last looked.
CREATE TABLE personal (
    user_id INTEGER NOT NULL REFERENCES person (user_id),
    subject TEXT NOT NULL CHECK (subject IN ('chosen', 'look', 'review')),
    sealed BLOB NOT NULL,
    PRIMARY KEY (user_id, subject)
) STRICT, WITHOUT ROWID;
