-- migrate:up

CREATE TABLE limits (
    scope    text NOT NULL CHECK (scope IN ('processor', 'domain', 'brand', 'mailing')),
    key      text NOT NULL,
    per      text NOT NULL CHECK (per IN ('second', 'minute', 'hour', 'day')),
    n        bigint CHECK (n > 0),
    plan     bigint[] CHECK (cardinality(plan) > 0),
    began_on date,
    by       text NOT NULL,
    at       timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (scope, key, per),
    CHECK ((n IS NULL) = (plan IS NOT NULL)),
    CHECK (plan IS NULL OR (per = 'day' AND began_on IS NOT NULL))
);
COMMENT ON TABLE limits IS 'At most n hand-overs in each period, over all workers; domains in lower case, as A-labels.';
COMMENT ON COLUMN limits.plan IS 'A warm-up instead of n: so many on began_on, the day after, and so on; the last figure holds from then on.';

CREATE FUNCTION limit_on(l limits, day date) RETURNS bigint LANGUAGE sql IMMUTABLE AS $$
    SELECT coalesce(l.n, l.plan[least(day - l.began_on + 1, cardinality(l.plan))])
$$;
COMMENT ON FUNCTION limit_on IS 'What a limit is on a day (UTC); NULL before its plan begins.';

CREATE TABLE rate_windows (
    scope text NOT NULL,
    key   text NOT NULL,
    per   text NOT NULL,
    start timestamptz NOT NULL,
    used  bigint NOT NULL DEFAULT 0,
    PRIMARY KEY (scope, key, per, start)
) WITH (fillfactor = 50);  -- room for the updates of a row in its own page
COMMENT ON TABLE rate_windows IS 'What was leased of each limit, a row a period. Those that are over are deleted by the timekeeper.';

CREATE TABLE paces (
    processor text NOT NULL,
    domain    text NOT NULL,
    pace      double precision NOT NULL,
    original  double precision NOT NULL,
    since     timestamptz NOT NULL,
    workers   text[] NOT NULL,
    PRIMARY KEY (processor, domain)
);
COMMENT ON TABLE paces IS 'Where servers asked for a slower pace: messages a second, which come back to what they were.';

-- Asked for in the order of their names, so that no two workers wait for one another in a circle.
CREATE FUNCTION lease_rates(scopes text[], keys text[], pers text[], wants bigint[], paces bigint[], reserves int[])
    RETURNS TABLE (scope text, key text, per text, granted bigint, start timestamptz, ends timestamptz, seconds float8)
    LANGUAGE plpgsql AS $$
DECLARE
    bridged constant interval := '0.25 seconds';
    ask record;
    room bigint;
    spent bigint;
BEGIN
    FOR ask IN
        SELECT a.*, coalesce(limit_on(l, (now() AT TIME ZONE 'UTC')::date), a.pace) AS n,
               date_trunc(a.per, now(), 'UTC') AS start, ('1 ' || a.per)::interval AS length
        FROM unnest(scopes, keys, pers, wants, paces, reserves) AS a (scope, key, per, wanted, pace, reserve)
        LEFT JOIN limits l USING (scope, key, per)
        ORDER BY a.scope, a.key, a.per
    LOOP
        INSERT INTO rate_windows (scope, key, per, start) VALUES (ask.scope, ask.key, ask.per, ask.start)
        ON CONFLICT ON CONSTRAINT rate_windows_pkey DO NOTHING;
        SELECT w.used INTO spent FROM rate_windows w
        WHERE w.scope = ask.scope AND w.key = ask.key AND w.per = ask.per AND w.start = ask.start FOR UPDATE;
        room := ask.n - ask.n * ask.reserve / 100;
        scope := ask.scope; key := ask.key; per := ask.per; start := ask.start; ends := ask.start + ask.length;
        granted := greatest(0, least(ask.wanted, room - spent));
        UPDATE rate_windows w SET used = w.used + granted
        WHERE granted > 0 AND w.scope = ask.scope AND w.key = ask.key AND w.per = ask.per AND w.start = ask.start;
        -- At the end of a second of which half is left, tokens of the next one are taken too: these hold through both,
        -- so that what is already under way need not be asked for again.
        IF ask.per = 'second' AND ends - now() < bridged AND granted > 0 AND (spent + granted) * 2 <= room THEN
            INSERT INTO rate_windows AS w (scope, key, per, start, used) VALUES (ask.scope, ask.key, ask.per, ends, granted)
            ON CONFLICT ON CONSTRAINT rate_windows_pkey DO UPDATE SET used = w.used + granted
            WHERE w.used + granted <= room;
            IF FOUND THEN
                ends := ends + ask.length;
            END IF;
        END IF;
        seconds := extract(epoch FROM ends - now());
        RETURN NEXT;
    END LOOP;
END $$;
COMMENT ON FUNCTION lease_rates IS 'Takes of each limit what is wanted and there, less the per cent that are reserved for more urgent lanes.';

-- migrate:down
DROP FUNCTION lease_rates, limit_on;
DROP TABLE paces, rate_windows, limits;
