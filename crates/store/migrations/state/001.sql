-- The state of a site. Every document is canonical JSON (RFC 8785); the columns beside it are
-- what the queries need and are always written from the same document.

CREATE TABLE hosts (
    host TEXT PRIMARY KEY,
    name TEXT NOT NULL,
    last_seen_ms INTEGER NOT NULL,
    document TEXT NOT NULL
) STRICT;

-- A host without a row here was never scanned, which is not the same as a host without packages.
CREATE TABLE inventories (
    host TEXT PRIMARY KEY,
    scanned_ms INTEGER NOT NULL
) STRICT;

CREATE TABLE packages (
    host TEXT NOT NULL REFERENCES inventories (host) ON DELETE CASCADE,
    position INTEGER NOT NULL,
    ecosystem TEXT NOT NULL,
    name TEXT NOT NULL,
    document TEXT NOT NULL,
    PRIMARY KEY (host, position)
) STRICT, WITHOUT ROWID;
CREATE INDEX packages_by_name ON packages (ecosystem, name);

CREATE TABLE findings (
    id TEXT PRIMARY KEY,
    host TEXT NOT NULL,
    source_check TEXT NOT NULL,
    status TEXT NOT NULL,
    time_ms INTEGER NOT NULL,
    document TEXT NOT NULL
) STRICT;
CREATE INDEX findings_by_host ON findings (host, source_check);

-- `priority` is the rank of the SSVC outcome, 0 for `defer` to 3 for `immediate`.
CREATE TABLE cases (
    id TEXT PRIMARY KEY,
    host TEXT NOT NULL,
    kind TEXT NOT NULL,
    priority INTEGER NOT NULL,
    state TEXT NOT NULL,
    is_open INTEGER NOT NULL,
    created_ms INTEGER NOT NULL,
    document TEXT NOT NULL
) STRICT;
CREATE INDEX cases_by_priority ON cases (priority DESC, created_ms, id);

CREATE TABLE plans (
    hash TEXT PRIMARY KEY,
    case_id TEXT,
    host TEXT NOT NULL,
    created_ms INTEGER NOT NULL,
    document TEXT NOT NULL
) STRICT;
CREATE INDEX plans_by_case ON plans (case_id, created_ms DESC);

CREATE TABLE approvals (
    plan TEXT NOT NULL REFERENCES plans (hash),
    approver TEXT NOT NULL,
    nonce TEXT NOT NULL,
    signed_ms INTEGER NOT NULL,
    document TEXT NOT NULL,
    PRIMARY KEY (plan, approver, nonce)
) STRICT, WITHOUT ROWID;

CREATE TABLE actions (
    id TEXT PRIMARY KEY,
    plan TEXT NOT NULL,
    host TEXT NOT NULL,
    state TEXT NOT NULL,
    started_ms INTEGER NOT NULL,
    document TEXT NOT NULL
) STRICT;
CREATE INDEX actions_by_start ON actions (started_ms DESC, id DESC);

CREATE TABLE documents (
    kind TEXT NOT NULL,
    key TEXT NOT NULL,
    document TEXT NOT NULL,
    PRIMARY KEY (kind, key)
) STRICT, WITHOUT ROWID;
