-- name: list
-- Steps from name to name by the primary key, however many people are on each list.
WITH RECURSIVE named AS (
    (SELECT audience FROM audience_members WHERE brand = $1 AND audience > $2 ORDER BY audience LIMIT 1)
    UNION ALL
    SELECT (SELECT m.audience FROM audience_members m WHERE m.brand = $1 AND m.audience > n.audience ORDER BY m.audience LIMIT 1)
    FROM named n WHERE n.audience IS NOT NULL
)
SELECT {columns} FROM (SELECT audience FROM named WHERE audience IS NOT NULL LIMIT $3) n
LEFT JOIN audience_lists l ON l.brand = $1 AND l.name = n.audience ORDER BY n.audience

-- name: find
SELECT {columns} FROM (SELECT audience FROM audience_members WHERE brand = $1 AND audience = $2 LIMIT 1) n
LEFT JOIN audience_lists l ON l.brand = $1 AND l.name = n.audience

-- name: people
SELECT {listed} FROM (
    SELECT recipient_id FROM audience_members WHERE brand = $1 AND audience = $2 AND recipient_id > $3
    ORDER BY recipient_id LIMIT $4) q
JOIN recipients r ON r.id = q.recipient_id JOIN standings s ON s.recipient_id = r.id ORDER BY r.id

-- name: count
SELECT count(*) FROM audience_members WHERE brand = $1 AND audience = $2

-- name: keep_count
INSERT INTO audience_lists (brand, name, people, counted_at, created_by) VALUES ($1, $2, $3, now(), '')
ON CONFLICT (brand, name) DO UPDATE SET people = EXCLUDED.people, counted_at = EXCLUDED.counted_at

-- name: lock_name
-- One freeze or count of a list at a time.
INSERT INTO work_turns AS t (name) VALUES ('list ' || $1::text || '/' || $2::text) ON CONFLICT (name) DO UPDATE SET name = t.name

-- name: freeze
INSERT INTO audience_members (brand, audience, recipient_id) SELECT $1::text, {name}::text, q.recipient_id FROM ({query}) q

-- name: keep_list
INSERT INTO audience_lists (brand, name, people, counted_at, origin, created_by) VALUES ($1, $2, $3, now(), $4, $5)
ON CONFLICT (brand, name) DO UPDATE SET people = EXCLUDED.people, counted_at = EXCLUDED.counted_at, origin = EXCLUDED.origin,
    created_by = EXCLUDED.created_by, created_at = now()

-- name: remove
-- The count is of the people whom it counted, less those who left since.
WITH gone AS (
    DELETE FROM audience_members WHERE brand = $1 AND audience = $2 AND recipient_id = ANY ($3::bigint[]) RETURNING recipient_id
), counted AS (
    UPDATE audience_lists SET people = people - (SELECT count(*) FROM gone) WHERE brand = $1 AND name = $2
)
SELECT recipient_id FROM gone ORDER BY recipient_id

-- name: delete
DELETE FROM audience_members WHERE brand = $1 AND audience = $2

-- name: forget
DELETE FROM audience_lists WHERE brand = $1 AND name = $2
