-- name: suppress
-- Given again, it is of the later time, and lasts as long as the longer of the two.
INSERT INTO suppressions AS p (controller, address_key, address_hash, brand, scope, reason, source, actor, at, expires_at,
                               exact, mailing_id)
SELECT DISTINCT ON (r.controller, r.address_key, r.address_hash, k.brand, k.scope, k.reason)
       r.controller, r.address_key, r.address_hash, k.brand, k.scope, k.reason, k.source, k.actor,
       least(coalesce(k.at, now()), now()), k.expires_at, octet_length(r.email) = length(r.email), k.mailing_id
FROM unnest($1::bigint[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::timestamptz[],
            $8::timestamptz[], $9::uuid[])
    AS k (recipient_id, brand, scope, reason, source, actor, at, expires_at, mailing_id)
JOIN recipients r ON r.id = k.recipient_id
WHERE r.address_hash IS NOT NULL
ORDER BY r.controller, r.address_key, r.address_hash, k.brand, k.scope, k.reason, k.expires_at DESC NULLS FIRST
{again}
RETURNING p.id, p.at, p.address_hash, p.brand, p.scope, p.xmax = 0 AS new

-- name: take
INSERT INTO suppressions AS p (controller, address_key, address_hash, brand, scope, reason, source, actor, at, expires_at,
                               exact, mailing_id)
SELECT DISTINCT ON ($1::text, $2::text, k.hash, k.brand, k.scope, k.reason)
       $1, $2, k.hash, k.brand, k.scope, k.reason, k.source, k.actor, least(coalesce(k.at, now()), now()), k.expires_at,
       true, k.mailing_id
FROM unnest($3::bytea[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[], $9::timestamptz[],
            $10::timestamptz[], $11::uuid[]) AS k (hash, brand, scope, reason, source, actor, at, expires_at, mailing_id)
ORDER BY 1, 2, k.hash, k.brand, k.scope, k.reason, k.expires_at DESC NULLS FIRST
{again}
RETURNING p.address_hash, p.xmax = 0 AS new

-- name: with_addresses
-- Who has one of these addresses, at all brands of the controller.
SELECT r.id, r.brand, r.address_hash FROM recipients r
WHERE r.controller = $1 AND r.address_key = $2 AND r.address_hash = ANY ($3::bytea[])
ORDER BY r.id

-- name: object
-- The account itself objects too, whether or not it has an address now.
UPDATE standings SET version = version + 1, objected_at = now() WHERE recipient_id = $1 AND objected_at IS NULL

-- name: get
SELECT {suppression} FROM suppressions p
WHERE p.id = $3 AND p.controller = $2 AND (p.brand = $1 OR p.brand IS NULL)

-- name: of
SELECT {suppression} FROM recipients r
JOIN suppressions p ON p.controller = r.controller AND p.address_key = r.address_key AND p.address_hash = r.address_hash
    AND (p.brand = r.brand OR p.brand IS NULL)
WHERE r.brand = $1 AND r.id = $2
ORDER BY p.at, p.id

-- name: of_address
SELECT {suppression} FROM suppressions p
WHERE p.controller = $2 AND p.address_key = $3 AND p.address_hash = ANY ($4::bytea[]) AND (p.brand = $1 OR p.brand IS NULL)
ORDER BY p.at, p.id

-- name: export
SELECT {suppression} FROM suppressions p
WHERE p.controller = $2 AND (p.brand = $1 OR p.brand IS NULL)
  AND p.lifted_at IS NULL AND (p.expires_at IS NULL OR p.expires_at > now())
ORDER BY p.id

-- name: page
-- Two walks along the index, one for the brand and one for the whole controller. The first compares and orders by all
-- columns of the index, since the planner would else walk along all ids for a brand with few suppressions.
SELECT {suppression} FROM (
    (SELECT * FROM suppressions WHERE (controller, brand, id) < ($2, $1, $3) AND (controller, brand) >= ($2, $1)
         AND lifted_at IS NULL AND (expires_at IS NULL OR expires_at > now())
     ORDER BY controller DESC, brand DESC, id DESC LIMIT $4)
    UNION ALL
    (SELECT * FROM suppressions WHERE controller = $2 AND brand IS NULL AND lifted_at IS NULL AND id < $3
         AND (expires_at IS NULL OR expires_at > now()) ORDER BY id DESC LIMIT $4)
) p
ORDER BY p.id DESC LIMIT $4

-- name: lift
UPDATE suppressions SET lifted_at = now(), lifted_by = $2, lift_reason = $3, ends_consents = $5
WHERE id = ANY ($1::bigint[]) AND lifted_at IS NULL AND at = coalesce($4::timestamptz, at)
RETURNING id, controller, brand, scope, reason

-- name: void_before
-- What was consented to before somebody left counts no more once another one has ended that: a new consent is needed.
UPDATE consents c SET counts = false
FROM suppressions p JOIN recipients r ON r.controller = p.controller AND r.address_key = p.address_key
    AND r.address_hash = p.address_hash AND (p.brand IS NULL OR p.brand = r.brand)
WHERE p.id = ANY ($1::bigint[]) AND c.recipient_id = r.id AND c.given AND c.counts AND is_before(p, c.scope, c.at)

-- name: concerned
-- Whom suppressions concern, each with the brand.
SELECT r.id, r.brand, p.id AS suppression FROM suppressions p
JOIN recipients r ON r.controller = p.controller AND r.address_key = p.address_key AND r.address_hash = p.address_hash
    AND (p.brand IS NULL OR p.brand = r.brand)
WHERE p.id = ANY ($1::bigint[])
ORDER BY r.id

-- name: any_lapsed
SELECT EXISTS (SELECT FROM suppressions WHERE lifted_at IS NULL AND expires_at <= now())

-- name: lapsed
SELECT id FROM suppressions WHERE lifted_at IS NULL AND expires_at <= now()
ORDER BY expires_at LIMIT $1 FOR UPDATE SKIP LOCKED

-- name: bounced
-- The stop of optional mail to a person's mailbox that took no mail.
SELECT p.id FROM recipients r
JOIN suppressions p ON p.controller = r.controller AND p.address_key = r.address_key AND p.address_hash = r.address_hash
    AND p.brand = r.brand
WHERE r.id = $1 AND p.reason = 'soft_bounces' AND p.lifted_at IS NULL

-- name: left
-- The opt-outs of a person's address that are older than a moment.
SELECT p.id, p.scope, p.at FROM recipients r
JOIN suppressions p ON p.controller = r.controller AND p.address_key = r.address_key AND p.address_hash = r.address_hash
    AND p.brand = r.brand
WHERE r.id = $1 AND p.reason = 'opt_out' AND p.lifted_at IS NULL AND p.scope = ANY ($2::text[]) AND p.at < $3
ORDER BY p.id
