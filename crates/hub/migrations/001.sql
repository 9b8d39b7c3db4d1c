-- What the page keeps for itself. Nothing here lets anybody act: the executor on each machine has
-- its own list of keys. Secrets are kept as hashes only: passwords (Argon2id), session and API
-- tokens and links (SHA-256 of 256 random bits).

CREATE TABLE users (
    id TEXT PRIMARY KEY,
    name TEXT NOT NULL,
    role TEXT NOT NULL,
    password TEXT,
    created_ms INTEGER NOT NULL,
    removed_ms INTEGER
) STRICT;
CREATE UNIQUE INDEX users_by_name ON users (name) WHERE removed_ms IS NULL;

CREATE TABLE sessions (
    hash TEXT PRIMARY KEY,
    user TEXT NOT NULL REFERENCES users (id),
    method TEXT NOT NULL,
    created_ms INTEGER NOT NULL,
    seen_ms INTEGER NOT NULL,
    expires_ms INTEGER NOT NULL,
    address TEXT NOT NULL,
    agent TEXT NOT NULL
) STRICT;
CREATE INDEX sessions_by_user ON sessions (user);

-- A link works once. `user` is whom it signs in; without one it makes a person of `role`.
CREATE TABLE links (
    hash TEXT PRIMARY KEY,
    user TEXT,
    role TEXT NOT NULL,
    name TEXT NOT NULL,
    expires_ms INTEGER NOT NULL,
    used_ms INTEGER
) STRICT;

CREATE TABLE passkeys (
    credential TEXT PRIMARY KEY,
    user TEXT NOT NULL REFERENCES users (id),
    name TEXT NOT NULL,
    public TEXT NOT NULL,
    rp_id TEXT NOT NULL,
    origin TEXT NOT NULL,
    counter INTEGER NOT NULL,
    created_ms INTEGER NOT NULL
) STRICT;

CREATE TABLE tokens (
    id TEXT PRIMARY KEY,
    hash TEXT NOT NULL UNIQUE,
    user TEXT NOT NULL REFERENCES users (id),
    name TEXT NOT NULL,
    scopes TEXT NOT NULL,
    created_ms INTEGER NOT NULL,
    expires_ms INTEGER NOT NULL,
    used_ms INTEGER
) STRICT;

CREATE TABLE comments (
    id INTEGER PRIMARY KEY,
    case_id TEXT NOT NULL,
    user TEXT NOT NULL,
    time_ms INTEGER NOT NULL,
    text TEXT NOT NULL
) STRICT;
CREATE INDEX comments_by_case ON comments (case_id, id);

-- A plan that was made for a case (or, without one, to take an action back), and its dry run.
CREATE TABLE proposals (
    plan TEXT PRIMARY KEY,
    case_id TEXT,
    made_ms INTEGER NOT NULL,
    dry_run TEXT NOT NULL,
    ran_ms INTEGER
) STRICT;
CREATE INDEX proposals_by_case ON proposals (case_id, made_ms DESC);

-- What people were told of a case, and whether somebody took it up.
CREATE TABLE watches (
    case_id TEXT PRIMARY KEY,
    first_ms INTEGER NOT NULL,
    taken_ms INTEGER,
    taken_by TEXT,
    escalated_ms INTEGER,
    wait_until_ms INTEGER
) STRICT;

-- Messages on their way. `mark` makes one thing one message a channel, whatever happens.
CREATE TABLE outbox (
    id INTEGER PRIMARY KEY,
    mark TEXT NOT NULL,
    channel TEXT NOT NULL,
    subject TEXT NOT NULL,
    body TEXT NOT NULL,
    urgent INTEGER NOT NULL,
    created_ms INTEGER NOT NULL,
    next_ms INTEGER NOT NULL,
    attempts INTEGER NOT NULL DEFAULT 0,
    sent_ms INTEGER,
    given_up_ms INTEGER,
    error TEXT,
    UNIQUE (mark, channel)
) STRICT;
CREATE INDEX outbox_waiting ON outbox (next_ms) WHERE sent_ms IS NULL AND given_up_ms IS NULL;

CREATE TABLE settings (
    name TEXT PRIMARY KEY,
    value TEXT NOT NULL
) STRICT;

-- What people did on the page. What was decided and done on a machine is in its record.
CREATE TABLE doings (
    id INTEGER PRIMARY KEY,
    time_ms INTEGER NOT NULL,
    user TEXT NOT NULL,
    what TEXT NOT NULL
) STRICT;
