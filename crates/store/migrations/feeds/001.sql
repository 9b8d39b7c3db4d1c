-- Advisories and facts about CVEs, one live snapshot a feed. A snapshot is filled beside the live
-- one and becomes live in one transaction, by its rows in `snapshots`, `live_ecosystems` and
-- `live_kinds`. Rows of any other snapshot are litter to be swept. Every table begins with the
-- snapshot, so that one snapshot is one range.

CREATE TABLE snapshots (
    -- Never used again, so that the rows of an import that was overtaken go to nobody else.
    snapshot INTEGER PRIMARY KEY AUTOINCREMENT,
    feed TEXT NOT NULL,
    -- Canonical JSON; NULL until the snapshot is live.
    meta TEXT
) STRICT;
CREATE UNIQUE INDEX live_snapshots ON snapshots (feed) WHERE meta IS NOT NULL;

CREATE TABLE live_ecosystems (
    ecosystem TEXT NOT NULL,
    snapshot INTEGER NOT NULL,
    PRIMARY KEY (ecosystem, snapshot)
) STRICT, WITHOUT ROWID;

CREATE TABLE live_kinds (
    kind TEXT NOT NULL,
    snapshot INTEGER NOT NULL,
    PRIMARY KEY (kind, snapshot)
) STRICT, WITHOUT ROWID;

-- `body` is the snapshot times 2^32 plus a number. `unpacked_bytes` is NULL for the bytes as they
-- came, otherwise `json` is a zstd frame that unpacks to so many bytes.
CREATE TABLE bodies (
    body INTEGER PRIMARY KEY,
    id TEXT NOT NULL,
    modified TEXT NOT NULL,
    unpacked_bytes INTEGER,
    json BLOB NOT NULL
) STRICT;

CREATE TABLE affected (
    snapshot INTEGER NOT NULL,
    ecosystem TEXT NOT NULL,
    package TEXT NOT NULL,
    body INTEGER NOT NULL,
    PRIMARY KEY (snapshot, ecosystem, package, body)
) STRICT, WITHOUT ROWID;

CREATE TABLE cve_facts (
    snapshot INTEGER NOT NULL,
    cve TEXT NOT NULL,
    kind TEXT NOT NULL,
    json BLOB NOT NULL,
    PRIMARY KEY (snapshot, cve, kind)
) STRICT, WITHOUT ROWID;
