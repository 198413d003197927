-- name: running
-- Small tables, and claimed batches by their index. Owners and witnesses have the same names.
SELECT name, max(seen_at) AS seen_at, sum(processors)::int AS processors, sum(batches)::int AS batches,
       min(lease_until) AS lease_until
FROM (
    SELECT label AS name, at AS seen_at, 0 AS processors, 0 AS batches, NULL::timestamptz AS lease_until
    FROM witnesses WHERE at > now() - interval '2 minutes'
    UNION ALL
    SELECT worker, seen_at, 1, 0, NULL FROM relay_states WHERE seen_at > now() - interval '2 minutes'
    UNION ALL
    SELECT owner, NULL, 0, 1, lease_until
    FROM (SELECT owner, lease_until FROM batches WHERE state = 'claimed' LIMIT 10000) AS few
) AS said
GROUP BY name ORDER BY name LIMIT 1000
