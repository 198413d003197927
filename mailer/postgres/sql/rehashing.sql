-- name: unusual
-- Only such addresses have another hash than under the rule before.
SELECT id, controller, email, address_hash FROM recipients
WHERE id > $2 AND address_key = $1 AND octet_length(email) <> length(email) ORDER BY id LIMIT $3

-- name: rehash
UPDATE recipients r SET address_hash = k.hash
FROM unnest($1::bigint[], $2::text[], $3::bytea[]) AS k (id, email, hash) WHERE r.id = k.id AND r.email = k.email

-- name: bridge
-- Once: what was lifted since is not brought back. What has been said since of the one mailbox that kept the hash says
-- nothing of this one; nor does it that such a mailbox is dead. Of its kin, it holds that they left, or were invited.
INSERT INTO suppressions (controller, address_key, address_hash, brand, scope, reason, source, actor, at, expires_at,
                          exact)
SELECT DISTINCT ON (p.controller, k.hash, p.brand, p.scope, p.reason)
       p.controller, p.address_key, k.hash, p.brand, p.scope, p.reason, p.source, p.actor, p.at, p.expires_at,
       true
FROM unnest($2::text[], $3::bytea[], $4::boolean[], $5::boolean[], $6::bytea[])
    AS k (controller, earlier, alone, kin, hash)
JOIN suppressions p ON p.controller = k.controller AND p.address_key = $1 AND p.address_hash = k.earlier
WHERE p.lifted_at IS NULL
  AND CASE WHEN k.kin THEN p.reason IN ('opt_out', 'complaint', 'objection', 'own_pause', 'own_cap', 'invited')
           ELSE NOT p.exact AND (k.alone OR p.reason <> 'address_dead') END
  AND NOT EXISTS (
    SELECT FROM suppressions q
    WHERE q.controller = p.controller AND q.address_key = p.address_key AND q.address_hash = k.hash
      AND q.brand IS NOT DISTINCT FROM p.brand AND q.scope = p.scope AND q.reason = p.reason AND q.at >= p.at)
ORDER BY p.controller, k.hash, p.brand, p.scope, p.reason, p.expires_at DESC NULLS FIRST, p.at DESC
ON CONFLICT (controller, address_key, address_hash, brand, scope, reason) WHERE lifted_at IS NULL DO NOTHING
