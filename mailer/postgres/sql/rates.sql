-- name: in_force
SELECT l.scope, l.key, l.per, limit_on(l, (now() AT TIME ZONE 'UTC')::date) AS n
FROM limits l WHERE limit_on(l, (now() AT TIME ZONE 'UTC')::date) IS NOT NULL

-- name: paces
SELECT processor, domain, pace, original, since, workers FROM paces

-- name: all
SELECT l.scope, l.key, l.per, limit_on(l, (now() AT TIME ZONE 'UTC')::date) AS n, l.plan, l.began_on, l.by, l.at,
       coalesce(w.used, 0) AS used
FROM limits l
LEFT JOIN rate_windows w ON w.scope = l.scope AND w.key = l.key AND w.per = l.per
                        AND w.start = date_trunc(l.per, now(), 'UTC')
ORDER BY l.scope, l.key, array_position(ARRAY['second', 'minute', 'hour', 'day'], l.per)

-- name: lease
SELECT * FROM lease_rates($1::text[], $2::text[], $3::text[], $4::bigint[], $5::bigint[], $6::int[])

-- name: give_back
WITH unused AS (
    SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::timestamptz[], $5::bigint[])
        AS u (scope, key, per, start, n)
), locked AS (
    SELECT w.scope, w.key, w.per, w.start FROM rate_windows w JOIN unused USING (scope, key, per, start)
    ORDER BY w.scope, w.key, w.per, w.start FOR UPDATE OF w
), summed AS (
    SELECT scope, key, per, start, sum(n) AS n FROM unused GROUP BY scope, key, per, start
)
UPDATE rate_windows w SET used = greatest(0, w.used - s.n) FROM locked l JOIN summed s USING (scope, key, per, start)
WHERE w.scope = l.scope AND w.key = l.key AND w.per = l.per AND w.start = l.start

-- name: slowing
-- One at a time: each adds to what the others have observed.
SELECT FROM turns WHERE name = 'paces' FOR UPDATE

-- name: slow
INSERT INTO paces (processor, domain, pace, original, since, workers) VALUES ($1, $2, $3, $4, $5, $6)
ON CONFLICT (processor, domain) DO UPDATE SET pace = EXCLUDED.pace, original = EXCLUDED.original,
    since = EXCLUDED.since, workers = EXCLUDED.workers

-- name: set
INSERT INTO limits (scope, key, per, n, plan, began_on, by) VALUES ($1, $2, $3, $4, $5, $6, $7)
ON CONFLICT (scope, key, per) DO UPDATE SET n = EXCLUDED.n, plan = EXCLUDED.plan, began_on = EXCLUDED.began_on,
    by = EXCLUDED.by, at = now()

-- name: clear
DELETE FROM limits WHERE scope = $1 AND key = $2 AND per = coalesce($3, per) RETURNING per

-- name: brand_of
SELECT brand FROM mailings WHERE id = $1::uuid

-- name: forget
-- What is over, but for a while in which something may still be given back.
DELETE FROM rate_windows WHERE (scope, key, per, start) IN (
    SELECT scope, key, per, start FROM rate_windows
    WHERE start < now() - ('1 ' || per)::interval - interval '1 minute' LIMIT $1 FOR UPDATE SKIP LOCKED)

-- name: forget_paces
-- A pace doubles each minute: after an hour, any of them has long come back.
DELETE FROM paces WHERE since < now() - interval '1 hour'
