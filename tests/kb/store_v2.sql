-- What schema version 2 added to version 1, with marks. Frozen: never edit, later versions migrate
-- from it.
CREATE TABLE marks (
    fix TEXT PRIMARY KEY,
    mark TEXT NOT NULL CHECK (mark IN ('tried', 'helped', 'failed'))
) WITHOUT ROWID;
INSERT INTO marks VALUES
    ('old/flat#a', 'helped'), ('old/flat#b', 'failed'), ('old/flat#c', 'tried');
PRAGMA user_version = 2;
