-- name: upsert
-- Newer data replace older data, field by field; what the newer ones leave out stays.
INSERT INTO recipients AS r (brand, ref, controller, email, address_key, address_hash, name, locale, country, source,
                             collected_at, policy_version, observed_at)
SELECT DISTINCT ON (brand, ref) brand, ref, controller, email, address_key, decode(address_hash, 'hex'), name, locale,
       country, source, collected_at, policy_version, observed_at
FROM jsonb_to_recordset($1::jsonb) AS p (
    brand text, ref text, controller text, email text, address_key text, address_hash text, name text, locale text,
    country text, source text, collected_at timestamptz, policy_version text, observed_at timestamptz)
ORDER BY brand, ref, observed_at DESC
ON CONFLICT (brand, ref) DO UPDATE SET
    email = EXCLUDED.email, address_key = EXCLUDED.address_key, address_hash = EXCLUDED.address_hash,
    name = coalesce(EXCLUDED.name, r.name), locale = coalesce(EXCLUDED.locale, r.locale),
    country = coalesce(EXCLUDED.country, r.country), source = coalesce(EXCLUDED.source, r.source),
    collected_at = coalesce(EXCLUDED.collected_at, r.collected_at),
    policy_version = coalesce(EXCLUDED.policy_version, r.policy_version), observed_at = EXCLUDED.observed_at
WHERE r.observed_at <= EXCLUDED.observed_at

-- name: know_refs
-- A ref that nobody has made known gets a row without an address, so that its delivery can say so.
INSERT INTO recipients (brand, ref, controller, observed_at)
SELECT DISTINCT brand, ref, controller, '-infinity'::timestamptz
FROM unnest($1::text[], $2::text[], $3::text[]) AS k (brand, ref, controller)
ORDER BY brand, ref
ON CONFLICT (brand, ref) DO NOTHING

-- name: ids
SELECT r.id, r.brand, r.ref
FROM unnest($1::text[], $2::text[]) AS k (brand, ref) JOIN recipients r USING (brand, ref)

-- name: lock
SELECT FROM unnest($1::text[], $2::text[]) AS k (brand, ref)
JOIN recipients r USING (brand, ref) JOIN standings s ON s.recipient_id = r.id
ORDER BY s.recipient_id FOR UPDATE OF s

-- name: derive
-- Standings follow from the address and its suppressions. Opt-outs are only ever added, also when the address changes.
-- Only what changes is locked, in the order in which a hand-over locks.
WITH derived AS (
    SELECT r.id, r.address_hash,
           coalesce(array_agg(DISTINCT s.scope ORDER BY s.scope) FILTER (WHERE s.reason = 'opt_out'), '{}') AS scopes,
           min(s.at) FILTER (WHERE s.reason = 'address_dead') AS dead_at
    FROM recipients r
    LEFT JOIN suppressions s ON s.controller = r.controller AND s.address_key = r.address_key
        AND s.address_hash = r.address_hash AND (s.brand IS NULL OR s.brand = r.brand)
    WHERE r.id = ANY ($1::bigint[])
    GROUP BY r.id
)
INSERT INTO standings AS st (recipient_id, address_hash, opted_out, address_dead_at)
SELECT d.id, d.address_hash, d.scopes, d.dead_at
FROM derived d LEFT JOIN standings s ON s.recipient_id = d.id
WHERE s.recipient_id IS NULL OR s.address_hash IS DISTINCT FROM d.address_hash OR NOT s.opted_out @> d.scopes
   OR s.address_dead_at IS DISTINCT FROM d.dead_at
ORDER BY d.id
ON CONFLICT (recipient_id) DO UPDATE SET
    version = st.version + 1, address_hash = EXCLUDED.address_hash, address_dead_at = EXCLUDED.address_dead_at,
    opted_out = ARRAY(SELECT DISTINCT scope FROM unnest(st.opted_out || EXCLUDED.opted_out) AS scope ORDER BY scope)

-- name: carry_opt_outs
-- Who left with one address has also left with the next one, and so has everyone else who has that.
WITH carried AS (
    INSERT INTO suppressions (controller, address_key, address_hash, brand, scope, reason, source)
    SELECT DISTINCT r.controller, r.address_key, r.address_hash, r.brand, scope, 'opt_out',
           'new address of who opted out'
    FROM recipients r JOIN standings s ON s.recipient_id = r.id, unnest(s.opted_out) AS scope
    WHERE r.id = ANY ($1::bigint[]) AND r.address_hash IS NOT NULL
    ORDER BY r.controller, r.address_key, r.address_hash, r.brand, scope
    ON CONFLICT DO NOTHING
    RETURNING controller, address_key, address_hash, brand
)
SELECT DISTINCT r.id FROM carried JOIN recipients r USING (controller, address_key, address_hash, brand)

-- name: join_audiences
INSERT INTO audience_members (brand, audience, recipient_id)
SELECT k.brand, k.audience, r.id
FROM unnest($1::text[], $2::text[], $3::text[]) AS k (brand, audience, ref) JOIN recipients r USING (brand, ref)
ON CONFLICT DO NOTHING

-- name: suppress
INSERT INTO suppressions (controller, address_key, address_hash, brand, scope, reason, source)
SELECT r.controller, r.address_key, r.address_hash, k.brand, k.scope, k.reason, k.source
FROM unnest($1::bigint[], $2::text[], $3::text[], $4::text[], $5::text[]) AS k (recipient_id, brand, scope, reason, source)
JOIN recipients r ON r.id = k.recipient_id
WHERE r.address_hash IS NOT NULL
ON CONFLICT DO NOTHING

-- name: sharing_address
-- The person, and everyone of the controller with the same address.
SELECT other.id FROM recipients r
JOIN recipients other ON other.id = r.id OR (other.controller = r.controller AND other.address_key = r.address_key
    AND other.address_hash = r.address_hash)
WHERE r.id = ANY ($1::bigint[])

-- name: leave
-- The account itself leaves too, whether or not it has an address now.
UPDATE standings SET version = version + 1, opted_out = opted_out || $2::text
WHERE recipient_id = ANY ($1::bigint[]) AND NOT opted_out @> ARRAY[$2::text]

-- name: deactivate
UPDATE standings SET version = version + 1, deactivated_at = now()
WHERE recipient_id = ANY ($1::bigint[]) AND deactivated_at IS NULL

-- name: standing
SELECT r.email, s.version, s.opted_out, s.deactivated_at, s.erased_at, s.address_dead_at
FROM recipients r JOIN standings s ON s.recipient_id = r.id
WHERE r.brand = $1 AND r.id = $2
