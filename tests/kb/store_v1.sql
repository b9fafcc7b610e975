-- A store as schema version 1 wrote it. Frozen: never edit, later versions migrate from it.
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE documents (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    path TEXT NOT NULL,
    owner TEXT NOT NULL,
    dialect TEXT NOT NULL,
    title TEXT NOT NULL,
    sha256 TEXT NOT NULL,
    parser_version TEXT NOT NULL,
    encoder TEXT NOT NULL,
    n_entries INTEGER NOT NULL,
    n_passages INTEGER NOT NULL,
    n_lines INTEGER NOT NULL,
    added_at TEXT NOT NULL,
    digest TEXT NOT NULL,
    first_passage INTEGER NOT NULL,
    unparsed TEXT NOT NULL,
    meta TEXT NOT NULL,
    source BLOB NOT NULL
);
CREATE TABLE entries (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    document INTEGER NOT NULL REFERENCES documents ON DELETE CASCADE,
    id TEXT NOT NULL,
    payload TEXT NOT NULL,
    UNIQUE (document, id)
);
CREATE INDEX entry_ids ON entries (id);
CREATE TABLE aliases (
    alias TEXT NOT NULL,
    entry INTEGER NOT NULL REFERENCES entries ON DELETE CASCADE,
    PRIMARY KEY (alias, entry)
) WITHOUT ROWID;
CREATE INDEX alias_entries ON aliases (entry);
CREATE TABLE passages (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    document INTEGER NOT NULL REFERENCES documents ON DELETE CASCADE,
    entry INTEGER REFERENCES entries ON DELETE CASCADE,
    kind TEXT NOT NULL,
    key TEXT NOT NULL,
    payload TEXT NOT NULL,
    UNIQUE (document, key)
);
CREATE INDEX passage_entries ON passages (entry);
CREATE TABLE vectors (
    document INTEGER NOT NULL REFERENCES documents ON DELETE CASCADE,
    encoder TEXT NOT NULL,
    start INTEGER NOT NULL,
    rows INTEGER NOT NULL,
    dim INTEGER NOT NULL,
    digest TEXT NOT NULL,
    data BLOB NOT NULL,
    PRIMARY KEY (document, encoder, start)
);
INSERT INTO "aliases" VALUES('old#1',1);
INSERT INTO "documents" VALUES(1,'user:old','/home/me/old.md','user','notes','Old','0000000000000000000000000000000000000000000000000000000000000000','1','fake@1',1,1,1,'2025-01-01T00:00:00+00:00','6f71673b703f556883abeca37de781e5aff83a48d23232c346d7adfe6f7e28f9',1,'[]','{}',X'789CCBCF4951C8CB2F492DE6020014DA0393');
INSERT INTO "entries" VALUES(1,1,'old/flat','{"id":"old/flat","title":"Flat","family":"loss","owner":"user","status":"draft","methods":[],"aliases":["old#1"],"signature":null,"metrics":[],"corrects":[],"symptoms":[],"causes":[],"fixes":[],"tell_apart":[],"false_alarms":[],"references":[],"source":"","span":[1,1]}');
INSERT INTO "meta" VALUES('content','6f71673b703f556883abeca37de781e5aff83a48d23232c346d7adfe6f7e28f9');
INSERT INTO "meta" VALUES('layout','df7f71b9e56b7cc71c06783109a4572a7c98e898eaab0f4a4bfe2297aedc81c0');
INSERT INTO "meta" VALUES('vectors fake@1','50411b4571a436b4b3ff129ae918a405a60db0761347a7539b3bd52a419023ed');
INSERT INTO "passages" VALUES(1,1,1,'symptom','p0','["p0","symptom","loss is flat",[1,1],[],"old/flat","",{}]');
INSERT INTO "vectors" VALUES(1,'fake@1',0,1,2,'9d4fd2ef2fc0dce792830076f939878cb6129b5254b89af164d6919d520cafb6',X'003C0038');
PRAGMA application_id = 1397967940;
PRAGMA user_version = 1;
