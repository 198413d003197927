-- name: listed
r.id, r.brand, r.ref, r.email, r.name, r.locale, split_part(r.country, E'\n', 1) AS country,
CASE WHEN s.erased_at IS NOT NULL THEN 'erased' WHEN s.under_13_at IS NOT NULL THEN 'under_13'
     WHEN s.deactivated_at IS NOT NULL THEN 'deactivated' WHEN s.restricted_at IS NOT NULL THEN 'restricted'
     WHEN s.address_dead_at IS NOT NULL THEN 'address_dead' ELSE 'active' END AS state,
s.opted_out, r.created_at

-- name: list
SELECT {listed} FROM recipients r JOIN standings s ON s.recipient_id = r.id
WHERE r.brand = ANY ($1::text[]) AND r.id > $2 ORDER BY r.id LIMIT $3

-- name: get
SELECT {listed} FROM recipients r JOIN standings s ON s.recipient_id = r.id
WHERE r.brand = ANY ($1::text[]) AND r.id = $2

-- name: find
WITH meant AS (
    SELECT r.id FROM unnest($1::text[], $2::text[]) AS k (brand, ref) JOIN recipients r USING (brand, ref)
    UNION
    SELECT r.id FROM recipients r WHERE r.id = $4::bigint AND r.brand = ANY ($3::text[])
    UNION
    SELECT r.id FROM recipients r WHERE r.controller = ANY ($5::text[]) AND r.address_key = $6
        AND r.address_hash = ANY ($7::bytea[]) AND r.brand = ANY ($3::text[])
)
SELECT {listed} FROM meant m JOIN recipients r ON r.id = m.id JOIN standings s ON s.recipient_id = r.id ORDER BY r.id
