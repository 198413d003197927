-- name: make_known
-- Of a table, not of a row: many hold it at once, and nothing is written.
LOCK TABLE turn_addresses IN ROW SHARE MODE

-- name: keep_imports_out
LOCK TABLE turn_addresses IN EXCLUSIVE MODE

-- name: upsert
-- Newer data replace older data, field by field; what the newer ones leave out stays. What was collected before the
-- erasure of its ref or its address brings nobody back (invariant 8).
INSERT INTO recipients AS r (brand, ref, controller, email, address_key, address_hash, name, locale, country, source,
                             collected_at, policy_version, observed_at)
SELECT DISTINCT ON (brand, ref) brand, ref, controller, email, address_key, address_hash, name, locale, country, source,
       collected_at, policy_version, observed_at
FROM unnest($1::text::text[], $2::text::text[], $3::text::text[], $4::text::text[], $5::text::text[],
            $6::text::text[], $7::bytea[], $8::text::text[], $9::text::text[], $10::text::text[], $11::text::text[],
            $12::timestamptz[], $13::text::text[], $14::timestamptz[])
    AS p (brand, ref, erased_ref, controller, email, address_key, address_hash, name, locale, country, source,
          collected_at, policy_version, observed_at)
WHERE NOT EXISTS (SELECT FROM recipients e
                  WHERE e.brand = p.brand AND e.ref = p.erased_ref AND e.observed_at >= p.observed_at)
  AND NOT EXISTS (SELECT FROM suppressions s
                  WHERE s.controller = p.controller AND s.address_key = p.address_key
                    AND s.address_hash = p.address_hash AND s.brand IS NULL AND s.reason = 'erased'
                    AND s.lifted_at IS NULL AND s.at >= p.observed_at)
ORDER BY brand, ref, observed_at DESC
ON CONFLICT (brand, ref) DO UPDATE SET
    email = EXCLUDED.email, address_key = EXCLUDED.address_key, address_hash = EXCLUDED.address_hash,
    name = coalesce(EXCLUDED.name, r.name), locale = coalesce(EXCLUDED.locale, r.locale),
    country = coalesce(EXCLUDED.country, r.country),
    -- Who is known already is no invitee because a member invites them.
    source = CASE WHEN EXCLUDED.source = 'invitation' AND r.email IS NOT NULL THEN r.source
                  ELSE coalesce(EXCLUDED.source, r.source) END,
    collected_at = coalesce(EXCLUDED.collected_at, r.collected_at),
    policy_version = coalesce(EXCLUDED.policy_version, r.policy_version), observed_at = EXCLUDED.observed_at
WHERE r.observed_at <= EXCLUDED.observed_at
RETURNING r.id, r.brand, r.ref

-- name: settled
-- Whose standing is in line with the data, and neither holds anything from a suppression nor ought to. A statement of its
-- own: while `upsert` waited for somebody who was changing the same person, its snapshot of the standings grew old.
-- OFFSET 0, here and below: for each person by the indexes, also where it was planned while the tables were empty. Joined
-- otherwise, ten thousand people were looked up among ten thousand standings, each among all of them.
SELECT found.id FROM unnest($1::text::bigint[]) AS k (id) CROSS JOIN LATERAL (
    SELECT r.id FROM recipients r JOIN standings s ON s.recipient_id = r.id
    WHERE r.id = k.id AND s.address_hash = r.address_hash AND s.opted_out = '{}' AND s.objected_at IS NULL
      AND s.address_dead_at IS NULL AND s.dead_in IS NULL AND s.erased_before_at IS NULL
      AND (s.source, s.collected_under, s.country) IS NOT DISTINCT FROM (r.source, r.policy_version, r.country)
      AND NOT EXISTS (SELECT FROM suppressions p
                      WHERE p.controller = r.controller AND p.address_key = r.address_key
                        AND p.address_hash = r.address_hash AND p.lifted_at IS NULL AND p.reason <> 'invited')
    OFFSET 0) found

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

-- name: move
-- Who left or objected under one address has also done so under the next one, and so has everyone else who has that.
WITH moved AS (
    SELECT found.* FROM unnest($1::bigint[]) AS k (id) CROSS JOIN LATERAL (
        SELECT r.id, r.controller, r.brand, r.address_key, r.address_hash, s.address_hash AS earlier, s.opted_out,
               s.objected_at, octet_length(r.email) = length(r.email) AS exact
        FROM recipients r JOIN standings s ON s.recipient_id = r.id
        WHERE r.id = k.id AND r.address_hash IS DISTINCT FROM s.address_hash AND r.address_hash IS NOT NULL
        OFFSET 0) found
), said AS (
    SELECT m.controller, m.address_key, m.address_hash, p.brand, p.scope, p.reason, p.actor, p.at, p.expires_at, m.exact
    FROM moved m CROSS JOIN LATERAL (
        SELECT * FROM suppressions p
        WHERE p.controller = m.controller AND p.address_hash = m.earlier AND (p.brand IS NULL OR p.brand = m.brand)
          AND p.reason IN ('opt_out', 'complaint', 'objection') AND p.lifted_at IS NULL
          AND (p.expires_at IS NULL OR p.expires_at > now())
        OFFSET 0) p
    UNION ALL
    -- An account that had no address until now.
    SELECT m.controller, m.address_key, m.address_hash, m.brand, scope, 'opt_out', 'recipient', now(), NULL, m.exact
    FROM moved m CROSS JOIN unnest(m.opted_out) AS scope WHERE m.earlier IS NULL
    UNION ALL
    SELECT m.controller, m.address_key, m.address_hash, NULL, '*', 'objection', 'recipient', m.objected_at, NULL, m.exact
    FROM moved m WHERE m.earlier IS NULL AND m.objected_at IS NOT NULL
), former AS (
    INSERT INTO former_addresses (recipient_id, address_hash)
    SELECT m.id, m.earlier FROM moved m WHERE m.earlier IS NOT NULL
    ON CONFLICT DO NOTHING
), carried AS (
    INSERT INTO suppressions AS p (controller, address_key, address_hash, brand, scope, reason, source, actor, at, expires_at,
                                   exact)
    SELECT DISTINCT ON (controller, address_key, address_hash, brand, scope, reason)
           controller, address_key, address_hash, brand, scope, reason, 'new address of who left', actor, at, expires_at,
           exact
    FROM said
    ORDER BY controller, address_key, address_hash, brand, scope, reason, expires_at DESC NULLS FIRST, at
    ON CONFLICT (controller, address_key, address_hash, brand, scope, reason) WHERE lifted_at IS NULL
    DO UPDATE SET expires_at = EXCLUDED.expires_at WHERE p.expires_at < coalesce(EXCLUDED.expires_at, 'infinity')
    RETURNING controller, address_key, address_hash, brand
)
SELECT DISTINCT r.id FROM carried c JOIN recipients r USING (controller, address_key, address_hash)
WHERE c.brand IS NULL OR c.brand = r.brand

-- name: derive
-- Standings follow from the person's data, the address's suppressions and the consents; of an account without an
-- address, what it left stays left. Only what changes is locked, in the order in which a hand-over locks.
WITH stopped AS (
    SELECT r.id,
           coalesce(array_agg(DISTINCT s.scope ORDER BY s.scope) FILTER (WHERE s.reason IN ('opt_out', 'complaint')),
                    '{}') AS scopes,
           -- Of one scope, it is of that alone: other mail is tried.
           min(s.at) FILTER (WHERE s.reason = 'address_dead' AND s.scope = '*') AS dead_at,
           array_agg(DISTINCT s.scope ORDER BY s.scope) FILTER (WHERE s.reason = 'address_dead' AND s.scope <> '*')
               AS dead_in,
           min(s.at) FILTER (WHERE s.reason = 'objection') AS objected_at,
           max(s.at) FILTER (WHERE s.reason = 'erased') AS erased_before_at
    FROM recipients r
    LEFT JOIN LATERAL (
        SELECT * FROM suppressions s
        WHERE s.controller = r.controller AND s.address_key = r.address_key AND s.address_hash = r.address_hash
          AND (s.brand IS NULL OR s.brand = r.brand)
          AND s.lifted_at IS NULL AND (s.expires_at IS NULL OR s.expires_at > now())
        OFFSET 0) s ON true
    WHERE r.id = ANY ($1::bigint[])
    GROUP BY r.id
), said AS (
    SELECT latest.recipient_id, array_agg(latest.scope ORDER BY latest.scope) AS consents
    FROM (SELECT DISTINCT ON (c.recipient_id, c.scope) c.recipient_id, c.scope, c.given
          FROM consents c JOIN stopped ON stopped.id = c.recipient_id
          -- Nothing is left of what was said before an erasure.
          WHERE c.counts AND c.at > coalesce(stopped.erased_before_at, '-infinity')
          ORDER BY c.recipient_id, c.scope, c.at DESC, c.given, c.id DESC) latest
    WHERE latest.given
    GROUP BY latest.recipient_id
), derived AS (
    SELECT r.id, r.address_hash, r.source, r.policy_version, r.country, stopped.dead_at, stopped.dead_in,
           stopped.erased_before_at,
           coalesce(said.consents, '{}') AS consents,
           CASE WHEN r.address_hash IS NULL THEN coalesce(s.opted_out, '{}') ELSE stopped.scopes END AS opted_out,
           CASE WHEN r.address_hash IS NULL THEN s.objected_at ELSE stopped.objected_at END AS objected_at
    FROM recipients r JOIN stopped USING (id) LEFT JOIN said ON said.recipient_id = r.id
    LEFT JOIN standings s ON s.recipient_id = r.id
)
INSERT INTO standings AS st (recipient_id, address_hash, opted_out, address_dead_at, dead_in, objected_at,
                             erased_before_at, consents, source, collected_under, country)
SELECT d.id, d.address_hash, d.opted_out, d.dead_at, d.dead_in, d.objected_at, d.erased_before_at, d.consents, d.source,
       d.policy_version, d.country
FROM derived d LEFT JOIN standings s ON s.recipient_id = d.id
WHERE s.recipient_id IS NULL
   OR (s.address_hash, s.opted_out, s.address_dead_at, s.dead_in, s.objected_at, s.erased_before_at, s.consents, s.source,
       s.collected_under, s.country)
      IS DISTINCT FROM
      (d.address_hash, d.opted_out, d.dead_at, d.dead_in, d.objected_at, d.erased_before_at, d.consents, d.source,
       d.policy_version, d.country)
ORDER BY d.id
ON CONFLICT (recipient_id) DO UPDATE SET
    version = st.version + 1, address_hash = EXCLUDED.address_hash, opted_out = EXCLUDED.opted_out,
    generation = st.generation + (st.address_hash IS DISTINCT FROM EXCLUDED.address_hash)::integer,
    address_dead_at = EXCLUDED.address_dead_at, dead_in = EXCLUDED.dead_in, objected_at = EXCLUDED.objected_at,
    erased_before_at = EXCLUDED.erased_before_at, consents = EXCLUDED.consents, source = EXCLUDED.source,
    collected_under = EXCLUDED.collected_under, country = EXCLUDED.country

-- name: join_audiences
INSERT INTO audience_members (brand, audience, recipient_id)
SELECT * FROM unnest($1::text[], $2::text[], $3::bigint[])
ON CONFLICT DO NOTHING

-- name: sharing_address
-- The people, and everyone of the controller with the same address; each address is looked up once.
SELECT unnest($1::bigint[]) AS id
UNION
SELECT other.id
FROM (SELECT DISTINCT r.controller, r.address_key, r.address_hash FROM recipients r
      WHERE r.id = ANY ($1::bigint[]) AND r.address_hash IS NOT NULL) a
CROSS JOIN LATERAL (
    SELECT o.id FROM recipients o
    WHERE o.controller = a.controller AND o.address_key = a.address_key AND o.address_hash = a.address_hash
    OFFSET 0) other

-- name: beyond_ascii
SELECT id, controller, email FROM recipients WHERE id = ANY ($1::bigint[]) AND octet_length(email) <> length(email)

-- name: with_kin
-- Who has an address that is kin to that of somebody.
SELECT k.of, r.id FROM unnest($2::bigint[], $3::text[], $4::bytea[]) AS k (of, controller, hash)
JOIN recipients r ON r.controller = k.controller AND r.address_key = $1 AND r.address_hash = k.hash

-- name: leave
-- The account itself leaves too, whether or not it has an address now.
UPDATE standings SET version = version + 1, opted_out = opted_out || $2::text
WHERE recipient_id = ANY ($1::bigint[]) AND NOT opted_out @> ARRAY[$2::text]

-- name: set_flag
UPDATE standings SET version = version + 1, {flag} = now() WHERE recipient_id = ANY ($1::bigint[]) AND {flag} IS NULL

-- name: clear_flag
UPDATE standings SET version = version + 1, {flag} = NULL WHERE recipient_id = ANY ($1::bigint[]) AND {flag} IS NOT NULL

-- name: channel
UPDATE standings SET version = version + 1, channel = $2 WHERE recipient_id = $1 AND channel <> $2

-- name: paid
UPDATE standings s SET version = version + 1, paid = k.paid
FROM unnest($1::bigint[], $2::boolean[]) AS k (id, paid) WHERE s.recipient_id = k.id AND s.paid <> k.paid

-- name: purpose
UPDATE recipients r SET purpose = k.purpose
FROM unnest($1::bigint[], $2::text[]) AS k (id, purpose) WHERE r.id = k.id

-- name: find
SELECT id FROM recipients WHERE brand = $1 AND ref = $2

-- name: standing
SELECT {standing}
FROM recipients r JOIN standings s ON s.recipient_id = r.id
WHERE r.brand = $1 AND r.id = $2
