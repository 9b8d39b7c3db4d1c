-- Advisories and facts about CVEs, one live snapshot a feed. A snapshot is filled beside the live
-- one and becomes live in one transaction; a snapshot that is not live is litter to be swept.

CREATE TABLE snapshots (
    snapshot INTEGER PRIMARY KEY AUTOINCREMENT,
    feed TEXT NOT NULL,
    -- NULL until the snapshot is live.
    meta TEXT
) STRICT;
CREATE UNIQUE INDEX live_snapshots ON snapshots (feed) WHERE meta IS NOT NULL;

-- `packing` is 0 for the bytes as they came and 1 for a zstd frame of them.
CREATE TABLE bodies (
    body INTEGER PRIMARY KEY,
    snapshot INTEGER NOT NULL,
    id TEXT NOT NULL,
    modified TEXT NOT NULL,
    packing INTEGER NOT NULL,
    json BLOB NOT NULL
) STRICT;
CREATE INDEX bodies_by_snapshot ON bodies (snapshot);

CREATE TABLE affected (
    ecosystem TEXT NOT NULL,
    package TEXT NOT NULL,
    snapshot INTEGER NOT NULL,
    body INTEGER NOT NULL,
    PRIMARY KEY (ecosystem, package, snapshot, body)
) STRICT, WITHOUT ROWID;
CREATE INDEX affected_by_snapshot ON affected (snapshot);

CREATE TABLE cve_facts (
    cve TEXT NOT NULL,
    kind TEXT NOT NULL,
    snapshot INTEGER NOT NULL,
    json BLOB NOT NULL,
    PRIMARY KEY (cve, kind, snapshot)
) STRICT, WITHOUT ROWID;
CREATE INDEX cve_facts_by_snapshot ON cve_facts (snapshot);

CREATE TABLE snapshot_ecosystems (
    snapshot INTEGER NOT NULL,
    ecosystem TEXT NOT NULL,
    PRIMARY KEY (snapshot, ecosystem)
) STRICT, WITHOUT ROWID;
