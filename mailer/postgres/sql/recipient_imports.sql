-- name: add
INSERT INTO recipient_imports (id, brand, file_name, digest, size, created_by) VALUES ($1, $2, $3, $4, $5, $6)

-- name: add_part
INSERT INTO recipient_import_parts (import_id, kind, number, content) VALUES ($1, $2, $3, $4)

-- name: columns
i.id, i.brand, i.file_name, i.digest, i.size, i.state, i.reading, i.mapping, i.counts, i.reasons, i.rows_done, i.rows_total,
i.problem, i.created_by, i.created_at, i.started_by, i.finished_at, i.attempts,
coalesce((SELECT true FROM recipient_import_parts p WHERE p.import_id = i.id AND p.kind = 'refused' LIMIT 1), false) AS has_refused_rows,
coalesce((SELECT true FROM recipient_import_parts p WHERE p.import_id = i.id AND p.kind = 'content' LIMIT 1), false) AS is_readable

-- name: find
SELECT {columns} FROM recipient_imports i WHERE i.id = $1

-- name: list
SELECT {columns} FROM unnest($1::text[]) AS b (brand) CROSS JOIN LATERAL (
    SELECT * FROM recipient_imports i
    WHERE i.brand = b.brand
      AND ($2::uuid IS NULL OR (i.created_at, i.id) < (SELECT created_at, id FROM recipient_imports WHERE id = $2))
    ORDER BY i.created_at DESC, i.id DESC LIMIT $3) i
ORDER BY i.created_at DESC, i.id DESC LIMIT $3

-- name: same_file
SELECT {columns} FROM recipient_imports one JOIN recipient_imports i
    ON i.brand = one.brand AND i.digest = one.digest AND i.id <> one.id AND i.state IN ('queued', 'running', 'done')
WHERE one.id = $1 ORDER BY i.created_at DESC LIMIT 1

-- name: save_mapping
UPDATE recipient_imports
SET mapping = $2, state = $3, counts = '{}', reasons = '[]', rows_done = 0, problem = '', finished_at = NULL,
    attempts = 0, owner = NULL, lease_until = NULL
WHERE id = $1 AND state IN ('uploaded', 'previewed', 'failed') AND reading <> '{}'
  AND EXISTS (SELECT FROM recipient_import_parts WHERE import_id = $1 AND kind = 'content')
RETURNING brand

-- name: lock_same_files
-- Two people who start the same file at once are told of one another.
SELECT FROM recipient_imports s JOIN recipient_imports i ON (s.brand, s.digest) = (i.brand, i.digest)
WHERE i.id = $1 ORDER BY s.id FOR UPDATE OF s

-- name: start
UPDATE recipient_imports
SET state = 'queued', counts = '{}', reasons = '[]', rows_done = 0, finished_at = NULL, started_by = $3
WHERE id = $1 AND state = 'previewed' AND finished_at = $2
RETURNING brand, rows_total

-- name: delete_parts
DELETE FROM recipient_import_parts WHERE import_id = $1 AND kind = ANY ($2::text[])

-- name: discard
UPDATE recipient_imports
SET state = 'discarded', reading = '{}', reasons = '[]', finished_at = now(), owner = NULL, lease_until = NULL
WHERE id = $1 AND state IN ('uploaded', 'dry_run', 'previewed', 'queued', 'failed')
RETURNING brand

-- name: brand
SELECT brand FROM recipient_imports WHERE id = $1

-- name: refused_rows
SELECT brand, (counts ->> 'refused')::bigint AS refused FROM recipient_imports WHERE id = $1

-- name: next_part
SELECT number, content FROM recipient_import_parts WHERE import_id = $1 AND kind = $2 AND number > $3 ORDER BY number LIMIT 1

-- name: claim
-- A file that was given back comes after the others, so that one that times out again and again stops no other.
WITH next AS (
    SELECT id FROM recipient_imports
    WHERE (state IN ('dry_run', 'queued', 'running') OR (state = 'uploaded' AND reading = '{}'))
      AND (lease_until IS NULL OR lease_until <= now())
    ORDER BY lease_until NULLS FIRST, created_at LIMIT 1 FOR UPDATE SKIP LOCKED
), claimed AS (
    UPDATE recipient_imports t
    SET owner = $1, lease_until = now() + $2::interval, started_at = coalesce(t.started_at, now()), attempts = t.attempts + 1,
        state = CASE t.state WHEN 'queued' THEN 'running' ELSE t.state END
    FROM next WHERE t.id = next.id RETURNING t.*
)
SELECT {columns} FROM claimed i

-- name: renew
UPDATE recipient_imports SET lease_until = now() + $3::interval
WHERE id = $1 AND owner = $2 AND state NOT IN ('done', 'failed', 'discarded') RETURNING id

-- name: release
UPDATE recipient_imports SET owner = NULL, lease_until = now(), attempts = 0 WHERE id = $1 AND owner = $2

-- name: store_reading
UPDATE recipient_imports SET reading = $3, mapping = $4, rows_total = $5, owner = NULL, lease_until = NULL, attempts = 0
WHERE id = $1 AND owner = $2 AND state = 'uploaded' RETURNING id

-- name: store_progress
UPDATE recipient_imports SET rows_done = $3, counts = $4, reasons = $5, attempts = 0, lease_until = now() + $6::interval
WHERE id = $1 AND owner = $2 AND state IN ('dry_run', 'running') RETURNING id

-- name: finish
UPDATE recipient_imports SET state = $3, finished_at = now(), owner = NULL, lease_until = NULL, rows_total = rows_done
WHERE id = $1 AND owner = $2 AND state IN ('dry_run', 'running') RETURNING counts

-- name: fail
UPDATE recipient_imports SET state = 'failed', problem = $3, finished_at = now(), owner = NULL, lease_until = NULL
WHERE id = $1 AND owner = $2 RETURNING counts

-- name: erased_since
-- The refs among $3, and the hashes of addresses among $5, whose people were erased after $4.
SELECT r.ref AS ref, NULL::bytea AS address_hash FROM recipients r JOIN standings s ON s.recipient_id = r.id
WHERE r.brand = $1 AND r.ref = ANY ($3::text[]) AND s.erased_at >= $4
UNION ALL
SELECT NULL, s.address_hash FROM suppressions s
WHERE s.controller = $2 AND s.address_key = $6 AND s.address_hash = ANY ($5::bytea[]) AND s.reason = 'erased' AND s.at >= $4
  AND s.lifted_at IS NULL

-- name: forget
-- Files that nobody has imported are discarded.
WITH old AS (
    SELECT id FROM recipient_imports
    WHERE (state IN ('uploaded', 'previewed', 'failed') AND created_at < now() - $1::interval)
       OR (state IN ('done', 'discarded') AND finished_at < now() - $1::interval AND reading <> '{}')
    LIMIT $2 FOR UPDATE SKIP LOCKED
), parts AS (
    DELETE FROM recipient_import_parts p USING old WHERE p.import_id = old.id
)
UPDATE recipient_imports i
SET reading = '{}', reasons = '[]', finished_at = coalesce(finished_at, now()),
    state = CASE i.state WHEN 'done' THEN 'done' ELSE 'discarded' END
FROM old WHERE i.id = old.id
