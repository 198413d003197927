-- name: page
-- Page by page along the key, so that a slow reader keeps no transaction open.
SELECT p.recipient_id, r.ref, r.email, r.name, r.locale, split_part(r.country, E'\n', 1) AS country, p.variant,
       p.result AS shown, p.reason AS shown_reason, coalesce(d.state, '') AS state, coalesce(d.reason, '') AS reason,
       d.tried_at AS at
FROM manifest_people p
JOIN recipients r ON r.id = p.recipient_id
LEFT JOIN deliveries d ON d.mailing_id = ANY ($2::uuid[]) AND d.recipient_id = p.recipient_id
WHERE p.manifest_id = $1 AND p.recipient_id > $3
ORDER BY p.recipient_id LIMIT $4

-- name: lock_lists
-- One follow-up at a time, so that two have not one name.
INSERT INTO work_turns AS t (name) VALUES ('follow-up ' || $1::text) ON CONFLICT (name) DO UPDATE SET name = t.name

-- name: list_names
SELECT DISTINCT audience FROM audience_members WHERE brand = $1 AND audience LIKE $2 || '%'

-- name: list_people
-- Whoever was kept from the campaign by such an end, and has not left, objected or been erased since.
INSERT INTO audience_members (brand, audience, recipient_id)
SELECT $1, $2, p.recipient_id FROM manifest_people p
JOIN standings s ON s.recipient_id = p.recipient_id
LEFT JOIN deliveries d ON d.mailing_id = ANY ($4::uuid[]) AND d.recipient_id = p.recipient_id
WHERE p.manifest_id = $3
  AND (coalesce(d.state, p.result), coalesce(d.reason, p.reason)) IN (SELECT * FROM unnest($5::text[], $6::text[]))
  AND s.erased_at IS NULL AND s.objected_at IS NULL AND s.deactivated_at IS NULL AND s.under_13_at IS NULL
  AND NOT s.opted_out && $7::text[]

-- name: create_draft
INSERT INTO campaigns (id, brand, name, draft, created_by, updated_by) VALUES ($1, $2, $3, $4, $5, $5)

-- name: create_revision
INSERT INTO campaign_revisions (campaign_id, revision, draft, by) VALUES ($1, 1, $2, $3)

-- name: withdraw
INSERT INTO archive_withdrawals (campaign_id, by) VALUES ($1, $2) ON CONFLICT DO NOTHING RETURNING campaign_id
