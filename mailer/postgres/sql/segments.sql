-- name: list
SELECT {columns} FROM segments WHERE brand = $1 AND name > $2 ORDER BY name LIMIT $3

-- name: find
SELECT {columns} FROM segments WHERE brand = $1 AND name = $2

-- name: lock
SELECT revision FROM segments WHERE brand = $1 AND name = $2 FOR UPDATE

-- name: insert
INSERT INTO segments (brand, name, condition, created_by, updated_by) VALUES ($1, $2, $3, $4, $4)
ON CONFLICT DO NOTHING RETURNING {columns}

-- name: update
UPDATE segments SET condition = $3, revision = revision + 1, updated_by = $4, updated_at = now(),
    people = CASE WHEN condition = $3 THEN people END, counted_at = CASE WHEN condition = $3 THEN counted_at END
WHERE brand = $1 AND name = $2 RETURNING {columns}

-- name: delete
DELETE FROM segments WHERE brand = $1 AND name = $2 RETURNING 1

-- name: drafts
SELECT c.name FROM campaigns c
WHERE c.brand = $1 AND c.state NOT IN ('released', 'cancelled', 'archived')
  AND (c.draft ->> 'audience' = $2 OR c.draft -> 'exclude' ? $2)
ORDER BY c.updated_at DESC LIMIT 20

-- name: name_turn
INSERT INTO work_turns (name) VALUES ('count ' || $1::text) ON CONFLICT DO NOTHING

-- name: try_to_count_alone
SELECT name FROM work_turns WHERE name = 'count ' || $1::text FOR UPDATE SKIP LOCKED

-- name: keep_count
-- Nothing, if the condition was saved anew while it was counted.
UPDATE segments SET people = $3, counted_at = now() WHERE brand = $1 AND name = $2 AND revision = $4 RETURNING {columns}

-- name: count
SELECT count(*) FROM ({query}) q

-- name: people
SELECT {listed} FROM ({query} LIMIT {limit}) q
JOIN recipients r ON r.id = q.recipient_id JOIN standings s ON s.recipient_id = r.id ORDER BY r.id
