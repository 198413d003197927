-- name: everyone
-- Without people whom only a file of a breach case names: they belong to its notices alone.
SELECT r.id AS recipient_id FROM recipients r WHERE r.brand = $1::text AND r.address_hash IS NOT NULL
AND NOT EXISTS (SELECT FROM breach_only_people b WHERE b.recipient_id = r.id)

-- name: list
SELECT l.recipient_id FROM audience_members l WHERE l.brand = $1::text AND l.audience = $2::text

-- name: has_list
SELECT EXISTS (SELECT FROM audience_members WHERE brand = $1 AND audience = $2)

-- name: condition
SELECT condition FROM segments WHERE brand = $1 AND name = $2

-- name: missing_lists
SELECT name FROM unnest($2::text[]) AS named (name)
WHERE NOT EXISTS (SELECT FROM audience_members WHERE brand = $1 AND audience = name) ORDER BY name

-- name: missing_campaigns
SELECT k.name FROM unnest($2::text[], $3::uuid[]) AS k (name, id)
WHERE NOT EXISTS (SELECT FROM mailings WHERE brand = $1 AND (campaign = k.name OR id = k.id))
  AND NOT EXISTS (SELECT FROM campaigns WHERE brand = $1 AND campaigns.id = k.id) ORDER BY k.name

-- name: authors
-- Who could choose people by what they have made: lists ($2), also by files of people, and segments ($3).
SELECT DISTINCT a.by, a.did
FROM (SELECT created_by AS by, 'made the list of' AS did FROM audience_lists WHERE brand = $1 AND name = ANY ($2::text[])
      UNION ALL SELECT created_by, 'imported the list of' FROM recipient_imports
                WHERE brand = $1 AND mapping -> 'audiences' ?| $2::text[]
                  AND state NOT IN ('uploaded', 'dry_run', 'previewed', 'discarded')
      UNION ALL SELECT created_by, 'made the segment of' FROM segments WHERE brand = $1 AND name = ANY ($3::text[])
      UNION ALL SELECT updated_by, 'changed the segment of' FROM segments WHERE brand = $1 AND name = ANY ($3::text[])
     ) a
WHERE a.by <> '' ORDER BY a.by, a.did
