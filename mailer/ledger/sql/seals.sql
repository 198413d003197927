-- name: one_at_a_time
SELECT FROM turns WHERE name = 'seals' FOR UPDATE

-- name: since
-- The seals behind one that is known already; for who knows none, those from the last whole one on.
SELECT id, body, signature FROM seals
WHERE id >= coalesce($1 + 1, (SELECT max(id) FROM seals WHERE whole), 0) ORDER BY id

-- name: heads
-- From writer to writer by the index: two probes each, however long the chains are.
WITH RECURSIVE writers AS (
    (SELECT writer FROM ledger WHERE writer >= $1::uuid ORDER BY writer LIMIT 1)
    UNION ALL
    SELECT (SELECT l.writer FROM ledger l WHERE l.writer > w.writer ORDER BY l.writer LIMIT 1)
    FROM writers w WHERE w.writer IS NOT NULL
)
SELECT w.writer, head.n, head.hash
FROM writers w CROSS JOIN LATERAL (
    SELECT l.n, l.hash FROM ledger l WHERE l.writer = w.writer ORDER BY l.n DESC LIMIT 1) head

-- name: keep
INSERT INTO seals (body, signature, whole, sealed_at) VALUES ($1, $2, $3, $4)

-- name: thin
-- What lies before an old whole seal is named by it; the chain goes on from whole one to whole one.
DELETE FROM seals WHERE NOT whole AND id < (SELECT max(id) FROM seals WHERE whole AND sealed_at < now() - $1::interval)

-- name: latest
SELECT body, signature FROM seals ORDER BY id DESC LIMIT 1

-- name: place
SELECT id FROM seals WHERE body = $1

-- name: behind
SELECT body, signature FROM seals WHERE id > $1 ORDER BY id

-- name: astray
-- Sealed heads that the ledger does not have so; `last`: how far its writer's chain goes.
SELECT k.writer, k.n, l.hash IS NOT NULL AS changed,
       (SELECT o.n FROM ledger o WHERE o.writer = k.writer ORDER BY o.n DESC LIMIT 1) AS last
FROM unnest($1::uuid[], $2::bigint[], $3::bytea[]) AS k (writer, n, hash)
LEFT JOIN ledger l ON l.writer = k.writer AND l.n = k.n
WHERE l.hash IS DISTINCT FROM k.hash

-- name: newest
SELECT id, sealed_at, whole FROM seals WHERE id < coalesce($1::bigint, 9223372036854775807) ORDER BY id DESC LIMIT $2
