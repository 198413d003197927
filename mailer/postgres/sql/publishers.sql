-- name: of_key
SELECT kind, name, brands, categories, actions, reads FROM publishers WHERE digest = $1 AND revoked_at IS NULL

-- name: everybody
SELECT kind, name, brands, categories, actions, reads FROM publishers WHERE revoked_at IS NULL

-- name: list
SELECT * FROM publishers ORDER BY kind, name

-- name: one
SELECT * FROM publishers WHERE kind = $1 AND name = $2

-- name: lock
SELECT kind, name, brands, categories, actions, reads FROM publishers
WHERE kind = $1 AND name = $2 AND revoked_at IS NULL FOR UPDATE

-- name: replace
UPDATE publishers SET brands = $3, categories = $4, actions = $5, reads = $6 WHERE kind = $1 AND name = $2

-- name: add
-- To a live publisher rights are added, and its key stays; one that was revoked begins anew. Whether the digest was taken.
INSERT INTO publishers AS p (kind, name, brands, categories, actions, reads, digest)
VALUES ($1, $2, $3, $4, $5, $6, $7)
ON CONFLICT (kind, name) DO UPDATE SET
    brands = ARRAY(SELECT unnest(excluded.brands) UNION SELECT unnest(p.brands) WHERE p.revoked_at IS NULL ORDER BY 1),
    categories = ARRAY(
        SELECT unnest(excluded.categories) UNION SELECT unnest(p.categories) WHERE p.revoked_at IS NULL ORDER BY 1),
    actions = ARRAY(SELECT unnest(excluded.actions) UNION SELECT unnest(p.actions) WHERE p.revoked_at IS NULL ORDER BY 1),
    reads = ARRAY(SELECT unnest(excluded.reads) UNION SELECT unnest(p.reads) WHERE p.revoked_at IS NULL ORDER BY 1),
    digest = CASE WHEN p.revoked_at IS NULL THEN p.digest ELSE excluded.digest END,
    created_at = CASE WHEN p.revoked_at IS NULL THEN p.created_at ELSE now() END,
    revoked_at = NULL
RETURNING digest = $7

-- name: revoke
UPDATE publishers SET revoked_at = now() WHERE kind = $1 AND name = $2 AND revoked_at IS NULL RETURNING name

-- name: restrict
UPDATE publishers p SET
    brands = ARRAY(SELECT unnest(p.brands) EXCEPT SELECT unnest($3::text[]) ORDER BY 1),
    categories = ARRAY(SELECT unnest(p.categories) EXCEPT SELECT unnest($4::text[]) ORDER BY 1),
    actions = ARRAY(SELECT unnest(p.actions) EXCEPT SELECT unnest($5::text[]) ORDER BY 1),
    reads = ARRAY(SELECT unnest(p.reads) EXCEPT SELECT unnest($6::text[]) ORDER BY 1)
WHERE kind = $1 AND name = $2 AND revoked_at IS NULL
  AND (p.brands && $3 OR p.categories && $4 OR p.actions && $5 OR p.reads && $6)
RETURNING name

-- name: note
INSERT INTO publisher_entries (kind, name, writer, n) VALUES ($1, $2, $3, $4)

-- name: changes
SELECT l.at, l.reason, l.fields, l.actor
FROM publisher_entries e JOIN ledger l USING (writer, n)
WHERE e.kind = $1 AND e.name = $2 ORDER BY l.at, l.writer, l.n

-- name: note_broker_user
INSERT INTO broker_user (name) VALUES ($1) ON CONFLICT (single) DO UPDATE SET name = EXCLUDED.name, seen_at = now()

-- name: broker_user
SELECT name FROM broker_user
