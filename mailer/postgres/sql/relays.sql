-- name: note
INSERT INTO relay_states AS s (relay, worker, state, since, error, remedy, times, seen_at)
SELECT relay, $1, state, since, error, remedy, times, now()
FROM unnest($2::text[], $3::text[], $4::timestamptz[], $5::text[], $6::text[], $7::bigint[])
    AS k (relay, state, since, error, remedy, times)
ON CONFLICT (relay, worker) DO UPDATE SET state = EXCLUDED.state, since = EXCLUDED.since, error = EXCLUDED.error,
    remedy = EXCLUDED.remedy, times = EXCLUDED.times, seen_at = EXCLUDED.seen_at

-- name: forget
-- With those of workers that are gone.
DELETE FROM relay_states WHERE worker = $1 OR seen_at < now() - interval '1 day'

-- name: states
SELECT DISTINCT ON (relay) relay, state, since, error, remedy,
       (sum(times) OVER same)::bigint AS times, count(*) OVER same AS workers
FROM relay_states WHERE seen_at > now() - interval '2 minutes'
WINDOW same AS (PARTITION BY relay, state)
ORDER BY relay, state IN ('unused', 'working'), state IN ('refuses_some', 'slow'), state = 'unused', since
