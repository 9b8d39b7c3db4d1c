-- How many cases there are, kept in the same transaction as the cases themselves: a page that is
-- opened often adds up a few dozen rows here instead of walking over every case.

CREATE TABLE case_counts (
    is_open INTEGER NOT NULL,
    priority INTEGER NOT NULL,
    state TEXT NOT NULL,
    n INTEGER NOT NULL,
    PRIMARY KEY (is_open, priority, state)
) STRICT, WITHOUT ROWID;

-- By the day on which they were first seen: whole days since 1970.
CREATE TABLE case_days (
    day INTEGER PRIMARY KEY,
    n INTEGER NOT NULL
) STRICT;

INSERT INTO case_counts
    SELECT is_open, priority, state, count(*) FROM cases GROUP BY is_open, priority, state;
INSERT INTO case_days
    SELECT created_ms / 86400000 AS day, count(*) FROM cases GROUP BY day;

CREATE TRIGGER cases_counted_in AFTER INSERT ON cases BEGIN
    INSERT INTO case_counts VALUES (new.is_open, new.priority, new.state, 1)
        ON CONFLICT (is_open, priority, state) DO UPDATE SET n = n + 1;
    INSERT INTO case_days VALUES (new.created_ms / 86400000, 1)
        ON CONFLICT (day) DO UPDATE SET n = n + 1;
END;

CREATE TRIGGER cases_counted_out AFTER DELETE ON cases BEGIN
    UPDATE case_counts SET n = n - 1
        WHERE is_open = old.is_open AND priority = old.priority AND state = old.state;
    UPDATE case_days SET n = n - 1 WHERE day = old.created_ms / 86400000;
END;

CREATE TRIGGER cases_counted_anew AFTER UPDATE OF is_open, priority, state, created_ms ON cases BEGIN
    UPDATE case_counts SET n = n - 1
        WHERE is_open = old.is_open AND priority = old.priority AND state = old.state;
    INSERT INTO case_counts VALUES (new.is_open, new.priority, new.state, 1)
        ON CONFLICT (is_open, priority, state) DO UPDATE SET n = n + 1;
    UPDATE case_days SET n = n - 1 WHERE day = old.created_ms / 86400000;
    INSERT INTO case_days VALUES (new.created_ms / 86400000, 1)
        ON CONFLICT (day) DO UPDATE SET n = n + 1;
END;
