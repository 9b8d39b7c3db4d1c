-- Machines that joined this hub: who they are, their certificates, how far their reports were
-- taken, their records, and who was turned away. Nothing here lets anybody act on a machine.

CREATE TABLE machines (
    host TEXT PRIMARY KEY,
    name TEXT NOT NULL,
    record_key TEXT NOT NULL,
    countersigned TEXT NOT NULL,
    program TEXT NOT NULL,
    joined_ms INTEGER NOT NULL,
    heard_ms INTEGER,
    address TEXT NOT NULL,
    skew_ms INTEGER NOT NULL DEFAULT 0,
    removed_ms INTEGER,
    -- The record: receipts taken, the perfect subtrees over them, what signs them.
    records_to INTEGER NOT NULL DEFAULT 0,
    edge TEXT NOT NULL DEFAULT '[]',
    checkpoint TEXT NOT NULL DEFAULT '',
    head TEXT NOT NULL DEFAULT ''
) STRICT;
CREATE INDEX machines_by_heard ON machines (heard_ms) WHERE removed_ms IS NULL;

-- A key is certified once, ever.
CREATE TABLE certificates (
    fingerprint TEXT PRIMARY KEY,
    key TEXT NOT NULL UNIQUE,
    host TEXT NOT NULL REFERENCES machines (host),
    made_ms INTEGER NOT NULL,
    not_after_ms INTEGER NOT NULL,
    used_ms INTEGER,
    -- Why it ended: revoked, superseded, dropped (a successor that was never used).
    ended_ms INTEGER,
    ended_why TEXT
) STRICT;
CREATE INDEX certificates_by_host ON certificates (host);

CREATE TABLE tokens (
    hash TEXT PRIMARY KEY,
    made_by TEXT NOT NULL,
    made_ms INTEGER NOT NULL,
    expires_ms INTEGER NOT NULL,
    -- A token for a machine that is enrolled already; without one, for a new machine.
    again TEXT,
    used_ms INTEGER,
    used_by TEXT
) STRICT;

-- How far the reports of a machine were taken, by lane. A spool has a name of its own (`epoch`).
CREATE TABLE watermarks (
    host TEXT NOT NULL,
    lane TEXT NOT NULL,
    epoch TEXT NOT NULL,
    up_to INTEGER NOT NULL,
    PRIMARY KEY (host, lane)
) STRICT, WITHOUT ROWID;

CREATE TABLE receipts (
    host TEXT NOT NULL,
    number INTEGER NOT NULL,
    leaf TEXT NOT NULL,
    PRIMARY KEY (host, number)
) STRICT, WITHOUT ROWID;

-- One row a day, kind and address, so that nobody can fill the disk by being refused.
CREATE TABLE refusals (
    day INTEGER NOT NULL,
    code TEXT NOT NULL,
    address TEXT NOT NULL,
    times INTEGER NOT NULL,
    last_ms INTEGER NOT NULL,
    reason TEXT NOT NULL,
    PRIMARY KEY (day, code, address)
) STRICT, WITHOUT ROWID;
CREATE INDEX refusals_by_time ON refusals (last_ms);

CREATE TABLE notes (
    id INTEGER PRIMARY KEY,
    host TEXT NOT NULL,
    time_ms INTEGER NOT NULL,
    text TEXT NOT NULL
) STRICT;
CREATE INDEX notes_by_host ON notes (host, id);

CREATE TABLE settings (
    name TEXT PRIMARY KEY,
    value TEXT NOT NULL
) STRICT;
