-- The history of requests to issuers. Append-only: a later version adds files here and changes none.

-- Who asked for what: one row for each combination, so that a request's own row is some 25 bytes.
CREATE TABLE series (
    id       INTEGER PRIMARY KEY,
    profile  TEXT NOT NULL,
    identity BLOB NOT NULL,         -- SHA-256 of the request's identity: the name of its record
    kind     TEXT NOT NULL,         -- what was asked of the issuer: 'token'
    program  TEXT NOT NULL,         -- file name of the program that asked
    UNIQUE (profile, identity, kind, program)
) STRICT;

-- Every request, repeats of a failed one included.
CREATE TABLE request (
    id          INTEGER PRIMARY KEY, -- milliseconds since 1970 at which it was sent, times 2^20, plus 20 random bits
    series      INTEGER NOT NULL REFERENCES series (id),
    outcome     TEXT NOT NULL,       -- 'granted', or the code of the error
    http_status INTEGER,             -- NULL where no answer came
    latency_ms  INTEGER NOT NULL,    -- from sending to the whole answer
    lifetime_s  INTEGER,             -- of the token, where the issuer named one
    pid         INTEGER NOT NULL
) STRICT;

-- What `stats` reads: sums by day, kept by the trigger below, so that a year of requests need not be counted.
CREATE TABLE daily (
    day           INTEGER NOT NULL,  -- days since 1970, UTC
    profile       TEXT NOT NULL,
    outcome       TEXT NOT NULL,
    latency_up_to INTEGER NOT NULL,  -- the latencies of this row in milliseconds: 1, 2, 5, 10, 20 ... 60000, or more
    requests      INTEGER NOT NULL,
    latency_ms    INTEGER NOT NULL,  -- their sum
    latency_max   INTEGER NOT NULL,
    PRIMARY KEY (day, profile, outcome, latency_up_to)
) STRICT, WITHOUT ROWID;

CREATE TRIGGER request_counted AFTER INSERT ON request BEGIN
    INSERT INTO daily (day, profile, outcome, latency_up_to, requests, latency_ms, latency_max)
    SELECT (new.id >> 20) / 86400000, series.profile, new.outcome,
        CASE
            WHEN new.latency_ms <= 1 THEN 1
            WHEN new.latency_ms <= 2 THEN 2
            WHEN new.latency_ms <= 5 THEN 5
            WHEN new.latency_ms <= 10 THEN 10
            WHEN new.latency_ms <= 20 THEN 20
            WHEN new.latency_ms <= 50 THEN 50
            WHEN new.latency_ms <= 100 THEN 100
            WHEN new.latency_ms <= 200 THEN 200
            WHEN new.latency_ms <= 500 THEN 500
            WHEN new.latency_ms <= 1000 THEN 1000
            WHEN new.latency_ms <= 2000 THEN 2000
            WHEN new.latency_ms <= 5000 THEN 5000
            WHEN new.latency_ms <= 10000 THEN 10000
            WHEN new.latency_ms <= 30000 THEN 30000
            WHEN new.latency_ms <= 60000 THEN 60000
            ELSE 9223372036854775807
        END,
        1, new.latency_ms, new.latency_ms
    FROM series WHERE series.id = new.series
    ON CONFLICT DO UPDATE SET
        requests = requests + 1,
        latency_ms = latency_ms + excluded.latency_ms,
        latency_max = max(latency_max, excluded.latency_max);
END;
