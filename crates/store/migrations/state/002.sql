-- What a page asks of a site with many machines and many cases, without reading every document.

CREATE INDEX cases_open ON cases (is_open, priority DESC, created_ms, id);
CREATE INDEX cases_by_host ON cases (host, is_open, priority);
CREATE INDEX cases_by_state ON cases (state);
CREATE INDEX cases_by_day ON cases (created_ms);
CREATE INDEX hosts_by_name ON hosts (name, host);
CREATE INDEX hosts_by_sight ON hosts (last_seen_ms);
CREATE INDEX hosts_by_doubt ON hosts (json_array_length(document, '$.coverage.unknown'));
