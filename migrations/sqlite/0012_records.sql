-- What the last two months of each pool say, worked out once a day from `daily`: what it usually pays, and
-- the figures that the durability score looks at, as 32-bit numbers in an order that the program knows. It is
-- worked out anew with the next batch, so nothing is carried over.
DROP TABLE usual;

CREATE TABLE record (
    pool_no INTEGER PRIMARY KEY,
    day INTEGER NOT NULL,
    centre REAL NOT NULL,
    variation REAL,
    days INTEGER NOT NULL,
    figures BLOB NOT NULL
) STRICT;
