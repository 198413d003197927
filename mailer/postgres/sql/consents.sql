-- name: record
-- What was said before an opt-out that another one than its owner has ended counts for nothing. What a file brings counts for nothing where its scope was left, refused or withdrawn before, nor for who was erased.
INSERT INTO consents (recipient_id, brand, controller, scope, given, source, version, words, actor, proof, at, counts)
SELECT r.id, r.brand, coalesce(k.controller, r.controller), k.scope, k.given, k.source, k.version, k.words, k.actor,
       k.proof, k.at, NOT k.given OR NOT EXISTS (
           SELECT FROM suppressions p WHERE p.controller = r.controller AND p.address_key = r.address_key
           AND p.address_hash = r.address_hash AND (p.brand IS NULL OR p.brand = r.brand) AND p.ends_consents
           AND is_before(p, k.scope, k.at))
       AND (NOT $11::boolean OR NOT (
           s.objected_at IS NOT NULL OR s.erased_before_at IS NOT NULL
           OR s.opted_out && ARRAY['*', k.scope, split_part(k.scope, '/', 1)]
           OR EXISTS (SELECT FROM consents c WHERE c.recipient_id = r.id AND c.scope = k.scope AND NOT c.given)))
FROM unnest($1::bigint[], $2::text[], $3::text[], $4::boolean[], $5::text[], $6::text[], $7::text[], $8::text[],
            $9::text[], $10::timestamptz[])
    AS k (recipient_id, controller, scope, given, source, version, words, actor, proof, at)
JOIN recipients r ON r.id = k.recipient_id
JOIN standings s ON s.recipient_id = r.id
ORDER BY k.at
ON CONFLICT DO NOTHING
RETURNING recipient_id, scope, given, version

-- name: ask
INSERT INTO consents (recipient_id, brand, controller, scope, given, source, version, words, actor, proof, at, counts)
SELECT r.id, r.brand, coalesce($3, r.controller), $4, true, $5, $6, $7, $8, $9, $10, false
FROM recipients r WHERE r.brand = $1 AND r.id = $2
ON CONFLICT DO NOTHING

-- name: history
SELECT {record} FROM consents c JOIN recipients r ON r.id = c.recipient_id
WHERE r.brand = $1 AND r.id = $2
ORDER BY c.at, c.id

-- name: export
SELECT {record} FROM consents c JOIN recipients r ON r.id = c.recipient_id
WHERE c.brand = $1
ORDER BY c.id
