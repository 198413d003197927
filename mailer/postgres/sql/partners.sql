-- name: suppressed
-- Who may keep partners' mail away, of brands that have partners.
SELECT found.* FROM unnest($1::bigint[]) AS k (id) CROSS JOIN LATERAL (
    SELECT r.brand, r.email, s.opted_out, s.objected_at IS NOT NULL AS objected
    FROM recipients r JOIN standings s ON s.recipient_id = r.id
    WHERE r.id = k.id AND r.brand = ANY ($2::text[]) AND r.email IS NOT NULL
      AND ($3::boolean OR s.objected_at IS NOT NULL OR s.opted_out <> '{}')
    OFFSET 0) found

-- name: note
INSERT INTO partner_suppressions (brand, partner, hash)
SELECT brand, partner, hash FROM unnest($1::text[], $2::text[], $3::bytea[]) AS k (brand, partner, hash)
ORDER BY brand, partner, hash
ON CONFLICT DO NOTHING

-- name: all
SELECT hash FROM partner_suppressions WHERE brand = $1 AND partner = $2 ORDER BY id

-- name: unpushed
SELECT id, hash FROM partner_suppressions WHERE brand = $1 AND partner = $2 AND pushed_at IS NULL ORDER BY id LIMIT $3

-- name: pushed
UPDATE partner_suppressions SET pushed_at = now() WHERE id = ANY ($1::bigint[]) AND pushed_at IS NULL

-- name: told
SELECT count(*) AS suppressions, count(pushed_at) AS pushed FROM partner_suppressions WHERE brand = $1 AND partner = $2
