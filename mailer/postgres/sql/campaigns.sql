-- name: columns
id, brand, name, state, revision, draft, manifest_id, created_by, created_at, updated_by, updated_at

-- name: create
INSERT INTO campaigns (id, brand, name, draft, created_by, updated_by) VALUES ($1, $2, $3, $4, $5, $5)
RETURNING {columns}

-- name: find
SELECT {columns} FROM campaigns WHERE id = $1

-- name: lock
SELECT {columns} FROM campaigns WHERE id = $1 FOR UPDATE

-- name: save
UPDATE campaigns SET revision = revision + 1, draft = $2, name = $3, state = 'draft', manifest_id = NULL,
    updated_by = $4, updated_at = now()
WHERE id = $1
RETURNING {columns}

-- name: set_state
UPDATE campaigns SET state = $2, manifest_id = CASE WHEN $4 THEN NULL ELSE manifest_id END, updated_by = $3,
    updated_at = now()
WHERE id = $1
RETURNING {columns}

-- name: outdate_manifests
UPDATE manifests SET state = 'outdated' WHERE campaign_id = $1 AND state IN ('queued', 'building', 'ready')

-- name: add_revision
-- The newest revision of the same person is replaced if it is young: its own begin stays, so that a chain of savings
-- does not become one revision.
WITH replaced AS (
    DELETE FROM campaign_revisions r
    WHERE r.campaign_id = $1 AND r.by = $4 AND $5 AND r.began_at > now() - $6::interval
      AND r.revision = (SELECT max(n.revision) FROM campaign_revisions n WHERE n.campaign_id = $1)
    RETURNING began_at)
INSERT INTO campaign_revisions (campaign_id, revision, draft, by, began_at)
VALUES ($1, $2, $3, $4, coalesce((SELECT began_at FROM replaced), now()))

-- name: history
SELECT revision, draft, by, at, began_at FROM campaign_revisions WHERE campaign_id = $1 ORDER BY revision DESC LIMIT $2

-- name: revision
SELECT revision, draft, by, at, began_at FROM campaign_revisions WHERE campaign_id = $1 AND revision = $2

-- name: list
-- For each brand its last changed ones, by the index.
SELECT k.* FROM unnest($1::text[]) AS b (brand) CROSS JOIN LATERAL (
    SELECT c.id, c.brand, c.name, c.state, c.revision, c.draft ->> 'category' AS category, c.updated_by, c.updated_at
    FROM campaigns c
    WHERE c.brand = b.brand AND (c.updated_at, c.id) < ($3, $4) AND CASE WHEN $2::text IS NULL THEN c.state <> 'archived' ELSE c.state = $2 END
    ORDER BY c.updated_at DESC, c.id DESC LIMIT $5) k
ORDER BY k.updated_at DESC, k.id DESC LIMIT $5

-- name: mailings
SELECT campaign_id, variant, mailing_id FROM campaign_mailings WHERE campaign_id = ANY ($1::uuid[])
ORDER BY campaign_id, variant, mailing_id

-- name: manifest
-- Of this revision: the one of the campaign, or else the one that was released.
SELECT requested_by, ready_at, released_by, released_at FROM manifests
WHERE campaign_id = $1 AND (id = $2 OR state = 'released')
ORDER BY requested_at DESC LIMIT 1

-- name: lists
-- Each name is found by the index after the one before: the members are not read.
WITH RECURSIVE named AS (
    (SELECT audience FROM audience_members WHERE brand = $1 ORDER BY audience LIMIT 1)
    UNION ALL
    SELECT (SELECT m.audience FROM audience_members m WHERE m.brand = $1 AND m.audience > n.audience
            ORDER BY m.audience LIMIT 1)
    FROM named n WHERE n.audience IS NOT NULL)
SELECT audience FROM named WHERE audience IS NOT NULL LIMIT 200

-- name: segments
SELECT name FROM segments WHERE brand = $1 ORDER BY name LIMIT 200

-- name: attributes
SELECT attributes FROM recipient_attributes WHERE brand = $1 AND recipient_id = $2
