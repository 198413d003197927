-- name: add
INSERT INTO pictures (id, brand, content_type, width, height, content, file_name, created_by, created_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
ON CONFLICT DO NOTHING

-- name: facts
SELECT id, brand, content_type, width, height, octet_length(content) AS size, file_name, created_by, created_at
FROM pictures

-- name: count
SELECT count(*) FROM pictures WHERE brand = $1

-- name: page
{facts}
WHERE brand = $1 AND ($2::timestamptz IS NULL OR (created_at, id) < ($2, $3::text))
ORDER BY created_at DESC, id DESC LIMIT $4

-- name: some
{facts}
WHERE brand = $1 AND id = ANY($2::text[])

-- name: content
SELECT content_type, content FROM pictures WHERE id = $1

-- name: shown_by
-- A campaign that shows a picture: in its draft, or in what was released of it.
SELECT c.name FROM campaigns c
WHERE c.brand = $1
  AND (position($2 IN c.draft::text) > 0
       OR EXISTS (SELECT FROM manifests m WHERE m.campaign_id = c.id AND position($2 IN m.draft::text) > 0))
ORDER BY c.updated_at DESC LIMIT 1

-- name: delete
DELETE FROM pictures WHERE brand = $1 AND id = $2
