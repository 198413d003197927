-- name: add
INSERT INTO breach_files (id, case_id, brand, file_name, digest, size, created_by)
SELECT $1, c.id, c.brand, $3, $4, $5, $6 FROM breach_cases c WHERE c.id = $2 AND c.state = 'open'
RETURNING brand

-- name: add_part
INSERT INTO breach_file_parts (file_id, kind, number, content) VALUES ($1, $2, $3, $4)

-- name: columns
f.id, f.case_id, f.brand, f.file_name, f.digest, f.size, f.state, f.counts, f.reasons, f.rows_done, f.rows_total, f.problem,
f.created_by, f.created_at, f.finished_at, f.attempts,
EXISTS (SELECT FROM breach_file_parts p WHERE p.file_id = f.id AND p.kind = 'refused') AS has_refused_rows

-- name: find
SELECT {columns} FROM breach_files f WHERE f.id = $1

-- name: list
SELECT {columns} FROM breach_files f WHERE f.case_id = $1 ORDER BY f.created_at DESC, f.id DESC LIMIT $2

-- name: next_part
SELECT number, content FROM breach_file_parts WHERE file_id = $1 AND kind = $2 AND number > $3 ORDER BY number LIMIT 1

-- name: claim
-- A file that was given back comes after the others, so that one that times out again and again stops no other.
WITH next AS (
    SELECT id FROM breach_files
    WHERE state IN ('waiting', 'running') AND (lease_until IS NULL OR lease_until <= now())
    ORDER BY lease_until NULLS FIRST, created_at LIMIT 1 FOR UPDATE SKIP LOCKED
), claimed AS (
    UPDATE breach_files t SET owner = $1, lease_until = now() + $2::interval, attempts = t.attempts + 1, state = 'running'
    FROM next WHERE t.id = next.id RETURNING t.*
)
SELECT {columns} FROM claimed f

-- name: renew
UPDATE breach_files SET lease_until = now() + $3::interval WHERE id = $1 AND owner = $2 AND state = 'running' RETURNING id

-- name: release
UPDATE breach_files SET owner = NULL, lease_until = now(), attempts = 0 WHERE id = $1 AND owner = $2

-- name: store_progress
UPDATE breach_files
SET rows_done = $3, rows_total = $4, counts = $5, reasons = $6, attempts = 0, lease_until = now() + $7::interval
WHERE id = $1 AND owner = $2 AND state = 'running' RETURNING id

-- name: finish
UPDATE breach_files SET state = 'done', finished_at = now(), owner = NULL, lease_until = NULL, rows_total = rows_done
WHERE id = $1 AND owner = $2 AND state = 'running' RETURNING counts

-- name: fail
UPDATE breach_files SET state = 'failed', problem = $3, finished_at = now(), owner = NULL, lease_until = NULL
WHERE id = $1 AND owner = $2 RETURNING counts

-- name: delete_content
DELETE FROM breach_file_parts WHERE file_id = $1 AND kind = 'content'

-- name: forget
-- Refused rows, and what could not be read.
WITH old AS (
    SELECT f.id FROM breach_files f
    WHERE f.state IN ('done', 'failed') AND f.finished_at < now() - $1::interval
      AND (f.reasons <> '[]' OR EXISTS (SELECT FROM breach_file_parts p WHERE p.file_id = f.id))
    LIMIT 100 FOR UPDATE SKIP LOCKED
), parts AS (
    DELETE FROM breach_file_parts p USING old WHERE p.file_id = old.id
)
UPDATE breach_files f SET reasons = '[]' FROM old WHERE f.id = old.id

-- name: by_ref
-- Also by the hash that stands for the ref of somebody who was erased.
SELECT k.place, r.id, s.erased_at IS NOT NULL AS is_erased, r.email IS NOT NULL AS has_email
FROM (SELECT place, ref FROM unnest($2::int[], $3::text[]) AS named (place, ref)
      UNION ALL SELECT place, ref FROM unnest($2::int[], $4::text[]) AS hidden (place, ref)) k
JOIN recipients r ON r.brand = $1 AND r.ref = k.ref JOIN standings s ON s.recipient_id = r.id
ORDER BY k.place, r.id

-- name: by_address
-- All accounts with an address; not those whom only a file of another case names.
SELECT k.place, r.id
FROM unnest($4::int[], $5::bytea[]) AS k (place, hash)
JOIN recipients r ON r.brand = $1 AND r.controller = $2 AND r.address_key = $3 AND r.address_hash = k.hash
WHERE NOT EXISTS (SELECT FROM breach_only_people b WHERE b.recipient_id = r.id AND b.case_id <> $6)
ORDER BY k.place, r.id

-- name: mark_case_only
INSERT INTO breach_only_people (recipient_id, case_id) SELECT unnest($1::bigint[]), $2 ON CONFLICT DO NOTHING

-- name: close_case_only
-- Closed and restricted: the rules let them get nothing but what the law asks for.
UPDATE standings SET version = version + 1, deactivated_at = coalesce(deactivated_at, now()),
    restricted_at = coalesce(restricted_at, now())
WHERE recipient_id = ANY ($1::bigint[]) AND (deactivated_at IS NULL OR restricted_at IS NULL)

-- name: join
INSERT INTO breach_file_people (file_id, recipient_id, place, locale)
SELECT DISTINCT ON (k.id) $1, k.id, k.place, k.locale
FROM unnest($2::bigint[], $3::text[], $4::text[]) WITH ORDINALITY AS k (id, place, locale, n)
ORDER BY k.id, k.n
ON CONFLICT DO NOTHING
RETURNING recipient_id
