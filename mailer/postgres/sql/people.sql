-- name: make_known
-- Of a table, not of a row: many hold it at once, and nothing is written.
LOCK TABLE turn_addresses IN ROW SHARE MODE

-- name: keep_imports_out
LOCK TABLE turn_addresses IN EXCLUSIVE MODE

-- name: upsert
-- Newer data replace older data, field by field; what the newer ones leave out stays. Countries, sources and versions
-- are added to, also by older data. What was collected before the erasure of its ref or its address brings nobody back (invariant 8).
INSERT INTO recipients AS r (brand, ref, controller, email, address_key, address_hash, name, locale, country, source,
                             collected_at, policy_version, purpose, observed_at)
SELECT DISTINCT ON (brand, ref) brand, ref, controller, email, address_key, address_hash, name, locale, country, source,
       collected_at, policy_version, purpose, observed_at
FROM unnest($1::text::text[], $2::text::text[], $3::text::text[], $4::text::text[], $5::text::text[],
            $6::text::text[], $7::bytea[], $8::text::text[], $9::text::text[], $10::text::text[], $11::text::text[],
            $12::timestamptz[], $13::text::text[], $14::text::text[], $15::timestamptz[])
    AS p (brand, ref, erased_ref, controller, email, address_key, address_hash, name, locale, country, source,
          collected_at, policy_version, purpose, observed_at)
WHERE NOT EXISTS (SELECT FROM recipients e
                  WHERE e.brand = p.brand AND e.ref = p.erased_ref AND e.observed_at >= p.observed_at)
  AND NOT EXISTS (SELECT FROM suppressions s
                  WHERE s.controller = p.controller AND s.address_key = p.address_key
                    AND s.address_hash = p.address_hash AND s.brand IS NULL AND s.reason = 'erased'
                    AND s.lifted_at IS NULL AND s.at >= p.observed_at)
ORDER BY brand, ref, observed_at DESC
ON CONFLICT (brand, ref) DO UPDATE SET
    email = CASE WHEN {newer} THEN coalesce(EXCLUDED.email, r.email) ELSE r.email END,
    address_key = CASE WHEN {newer} THEN coalesce(EXCLUDED.address_key, r.address_key) ELSE r.address_key END,
    address_hash = CASE WHEN {newer} THEN coalesce(EXCLUDED.address_hash, r.address_hash) ELSE r.address_hash END,
    name = CASE WHEN {newer} THEN coalesce(EXCLUDED.name, r.name) ELSE r.name END,
    locale = CASE WHEN {newer} THEN coalesce(EXCLUDED.locale, r.locale) ELSE r.locale END,
    -- The later of them: only of a clock ahead of ours is it not the newer one's, and an erasure has to know of it.
    collected_at = CASE WHEN {newer} THEN greatest(EXCLUDED.collected_at, r.collected_at) ELSE r.collected_at END,
    purpose = CASE WHEN {newer} THEN coalesce(EXCLUDED.purpose, r.purpose) ELSE r.purpose END,
    country = {country}, source = {source}, policy_version = {version}, observed_at = greatest(r.observed_at, EXCLUDED.observed_at)
WHERE {newer} OR ({country}, {source}, {version}) IS DISTINCT FROM (r.country, r.source, r.policy_version)
RETURNING r.id, r.brand, r.ref

-- name: newer
(r.observed_at <= EXCLUDED.observed_at)

-- name: country
-- Each that was ever said, the newest first. That somebody is now said to live elsewhere lifts no law (ADR 53).
CASE WHEN EXCLUDED.country IS NULL OR EXCLUDED.country = r.country THEN r.country
     WHEN {newer} THEN countries_said(ARRAY[EXCLUDED.country, r.country])
     ELSE countries_said(ARRAY[r.country, EXCLUDED.country]) END

-- name: source
-- Each that was ever said. Who is known already is no invitee because a member invites them.
CASE WHEN EXCLUDED.brand || E'\n' || EXCLUDED.source = ANY ($16::text[]) AND r.email IS NOT NULL THEN r.source ELSE also_said(r.source, EXCLUDED.source) END

-- name: version
-- Each that was ever said. Whose address became known while nobody said under which version stays so: what is said
-- later is no consent (paltalk06-25).
also_said(CASE WHEN r.policy_version IS NULL AND r.email IS NOT NULL AND EXCLUDED.policy_version IS NOT NULL
          THEN '' ELSE r.policy_version END, EXCLUDED.policy_version)

-- name: relate
-- What was said of the collection of an address is said of the others of its owner, and what was said of these is said
-- of it: by the people who have them, and by what they left behind. So is an invitation that one of these has had; those
-- to come look for each of them.
WITH others AS (
    INSERT INTO mailboxes (address_key, address_hash, mailbox_hash)
    SELECT DISTINCT r.address_key, r.address_hash, k.hash
    FROM unnest($1::bigint[], $2::bytea[]) AS k (id, hash) JOIN recipients r ON r.id = k.id
    WHERE r.address_hash IS NOT NULL AND r.address_hash <> k.hash
    ORDER BY 1, 2, 3
    ON CONFLICT DO NOTHING
), both_ways AS (
    SELECT r.controller, r.address_key, r.brand, k.hash AS hash, r.source, r.policy_version, r.country, r.id
    FROM unnest($1::bigint[], $2::bytea[]) AS k (id, hash) JOIN recipients r ON r.id = k.id
    UNION ALL
    SELECT r.controller, r.address_key, r.brand, r.address_hash, o.source, o.policy_version, o.country, o.id
    FROM unnest($1::bigint[], $2::bytea[]) AS k (id, hash) JOIN recipients r ON r.id = k.id
    JOIN recipients o ON o.controller = r.controller AND o.address_key = r.address_key AND o.address_hash = k.hash
        AND o.brand = r.brand
), said AS (
    SELECT b.controller, b.address_key, b.brand, b.hash, k.scope, 'collected' AS reason, 'another spelling' AS source
    FROM both_ways b CROSS JOIN LATERAL (
        SELECT 'source/' || line AS scope FROM unnest(lines_of(b.source)) AS line
        UNION SELECT 'version/' || line FROM unnest(lines_of(coalesce(b.policy_version, ''))) AS line
        UNION SELECT 'country/' || line FROM unnest(lines_of(b.country)) AS line) k
    UNION
    SELECT r.controller, r.address_key, r.brand, r.address_hash, p.scope, p.reason, p.source
    FROM unnest($1::bigint[], $2::bytea[]) AS k (id, hash) JOIN recipients r ON r.id = k.id
    JOIN suppressions p ON p.controller = r.controller AND p.address_key = r.address_key AND p.address_hash = k.hash
        AND p.brand = r.brand AND p.reason IN ('collected', 'invited') AND p.lifted_at IS NULL
)
INSERT INTO suppressions (controller, address_key, address_hash, brand, scope, reason, source, exact)
SELECT controller, address_key, hash, brand, scope, reason, source, true FROM said
ORDER BY controller, address_key, hash, brand, scope
ON CONFLICT DO NOTHING

-- name: related
SELECT DISTINCT o.id FROM unnest($1::bigint[], $2::bytea[]) AS k (id, hash) JOIN recipients r ON r.id = k.id
JOIN recipients o ON o.controller = r.controller AND o.address_key = r.address_key AND o.address_hash IN (k.hash, r.address_hash)
    AND o.brand = r.brand

-- name: settled
-- Whose standing is in line with the data, and neither holds anything from a suppression nor ought to. A statement of its
-- own: while `upsert` waited for somebody who was changing the same person, its snapshot of the standings grew old.
-- OFFSET 0, here and below: for each person by the indexes, also where it was planned while the tables were empty. Joined
-- otherwise, ten thousand people were looked up among ten thousand standings, each among all of them.
SELECT found.id FROM unnest($1::text::bigint[]) AS k (id) CROSS JOIN LATERAL (
    SELECT r.id FROM recipients r JOIN standings s ON s.recipient_id = r.id
    WHERE r.id = k.id AND s.address_hash = r.address_hash AND s.opted_out = '{}' AND s.objected_at IS NULL
      AND s.address_dead_at IS NULL AND s.dead_in IS NULL AND s.erased_before_at IS NULL
      AND s.paused_until IS NULL AND s.own_cap IS NULL
      AND (s.source, s.country) IS NOT DISTINCT FROM (r.source, r.country)
      AND split_part(coalesce(s.collected_under, ''), E'\n\t', 1) = coalesce(r.policy_version, '')
      AND NOT EXISTS (SELECT FROM suppressions p
                      WHERE p.controller = r.controller AND p.address_key = r.address_key
                        AND p.address_hash = r.address_hash AND p.lifted_at IS NULL AND p.reason NOT IN ('invited', 'collected'))
    OFFSET 0) found

-- name: know_refs
-- A ref that nobody has made known gets a row without an address, so that its delivery can say so.
INSERT INTO recipients (brand, ref, controller, observed_at)
SELECT DISTINCT brand, ref, controller, '-infinity'::timestamptz
FROM unnest($1::text[], $2::text[], $3::text[]) AS k (brand, ref, controller)
ORDER BY brand, ref
ON CONFLICT (brand, ref) DO NOTHING

-- name: forget_countries
-- A correction replaces what was said of where somebody lives, for each account of theirs at the brand.
WITH corrected AS (
    SELECT o.id, o.controller, o.brand, o.address_key, o.address_hash
    FROM recipients r JOIN recipients o USING (controller, brand, address_key)
    WHERE r.id = $1 AND o.address_hash = ANY (r.address_hash || $2::bytea[])
), forgotten AS (
    UPDATE suppressions p SET lifted_at = now(), lifted_by = $4, lift_reason = 'the country was corrected'
    FROM recipients r
    WHERE r.id = $1 AND p.controller = r.controller AND p.brand = r.brand AND p.address_key = r.address_key
      AND p.address_hash = ANY (r.address_hash || $2::bytea[])
      AND p.reason = 'collected' AND p.scope ^@ 'country/' AND p.lifted_at IS NULL
)
UPDATE recipients r SET country = $3 WHERE id IN (SELECT id FROM corrected UNION SELECT $1::bigint) RETURNING id

-- name: ids
SELECT r.id, r.brand, r.ref
FROM unnest($1::text[], $2::text[]) AS k (brand, ref) JOIN recipients r USING (brand, ref)

-- name: lock
SELECT FROM unnest($1::text[], $2::text[]) AS k (brand, ref)
JOIN recipients r USING (brand, ref) JOIN standings s ON s.recipient_id = r.id
ORDER BY s.recipient_id FOR UPDATE OF s

-- name: move
-- Who left or objected under one address has also done so under the next one, and so has everyone else who has that.
-- What was said of the collection of an address stays with it when its owner gets another one. Returns who else is
-- concerned: also who shares an address and was collected under other versions, or was said to live elsewhere.
WITH moved AS (
    SELECT found.* FROM unnest($1::bigint[]) AS k (id) CROSS JOIN LATERAL (
        SELECT r.id, r.controller, r.brand, r.address_key, r.address_hash, s.address_hash AS earlier, s.opted_out,
               s.objected_at, s.paused_until, s.own_cap, octet_length(r.email) = length(r.email) AS exact, r.source, r.policy_version,
               r.country
        FROM recipients r JOIN standings s ON s.recipient_id = r.id
        WHERE r.id = k.id AND r.address_hash IS DISTINCT FROM s.address_hash AND r.address_hash IS NOT NULL
        OFFSET 0) found
), said AS (
    SELECT m.controller, m.address_key, m.address_hash, p.brand, p.scope, p.reason, p.actor, p.at, p.expires_at, m.exact
    FROM moved m CROSS JOIN LATERAL (
        SELECT * FROM suppressions p
        WHERE p.controller = m.controller AND p.address_hash = m.earlier AND (p.brand IS NULL OR p.brand = m.brand)
          AND p.reason IN ('opt_out', 'complaint', 'objection', 'own_pause', 'own_cap') AND p.lifted_at IS NULL
          AND (p.expires_at IS NULL OR p.expires_at > now())
        OFFSET 0) p
    UNION ALL
    -- An account that had no address until now.
    SELECT m.controller, m.address_key, m.address_hash, m.brand, scope, 'opt_out', 'recipient', now(), NULL, m.exact
    FROM moved m CROSS JOIN unnest(m.opted_out) AS scope WHERE m.earlier IS NULL
    UNION ALL
    SELECT m.controller, m.address_key, m.address_hash, NULL, '*', 'objection', 'recipient', m.objected_at, NULL, m.exact
    FROM moved m WHERE m.earlier IS NULL AND m.objected_at IS NOT NULL
    UNION ALL
    SELECT m.controller, m.address_key, m.address_hash, m.brand, '*', 'own_pause', 'recipient', now(), m.paused_until, m.exact
    FROM moved m WHERE m.earlier IS NULL AND m.paused_until > now()
    UNION ALL
    SELECT m.controller, m.address_key, m.address_hash, m.brand, m.own_cap, 'own_cap', 'recipient', now(), NULL, m.exact
    FROM moved m WHERE m.earlier IS NULL AND m.own_cap IS NOT NULL
), former AS (
    INSERT INTO former_addresses (recipient_id, address_hash)
    SELECT DISTINCT m.id, m.earlier FROM moved m WHERE m.earlier IS NOT NULL
    ON CONFLICT (recipient_id, address_hash) DO UPDATE SET at = now()
), left_behind AS (
    INSERT INTO suppressions (controller, address_key, address_hash, brand, scope, reason, source, exact)
    SELECT m.controller, m.address_key, m.earlier, m.brand, k.scope, 'collected', 'former address', m.exact
    FROM moved m CROSS JOIN LATERAL (
        SELECT 'source/' || line AS scope FROM unnest(lines_of(m.source)) AS line
        UNION SELECT 'version/' || line FROM unnest(lines_of(coalesce(m.policy_version, ''))) AS line
        UNION SELECT 'country/' || line FROM unnest(lines_of(m.country)) AS line) k
    WHERE m.earlier IS NOT NULL
    ORDER BY 1, 2, 3, 4, 5
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
UNION
SELECT found.id FROM unnest($1::bigint[]) AS k (id) CROSS JOIN LATERAL (
    SELECT (r.policy_version, r.country) AS own, o.id, (o.policy_version, o.country) AS other
    FROM recipients r JOIN recipients o USING (controller, address_key, address_hash, brand)
    WHERE r.id = k.id AND o.id <> r.id
    LIMIT 50) found
WHERE found.other IS DISTINCT FROM found.own

-- name: derive
-- Standings follow from the person's data, the address's suppressions and the consents; of an account without an
-- address, what it left stays left. Versions and countries are those of all who have the address at the brand. Sources are so for who
-- comes to the address: that a member's address is invited, or enters a contest, later takes nothing from them. Each has
-- taken over what those before had, so that fifty of them tell it. Only what changes is locked, in the order in which a
-- hand-over locks.
WITH stopped AS (
    SELECT r.id,
           coalesce(array_agg(DISTINCT s.scope ORDER BY s.scope) FILTER (WHERE s.reason IN ('opt_out', 'complaint')),
                    '{}') AS scopes,
           -- Of one scope, it is of that alone: other mail is tried.
           min(s.at) FILTER (WHERE s.reason = 'address_dead' AND s.scope = '*') AS dead_at,
           -- Soft bounces are of all optional mail, which stands here as `*`.
           array_agg(DISTINCT s.scope ORDER BY s.scope)
               FILTER (WHERE s.reason = 'address_dead' AND s.scope <> '*' OR s.reason = 'soft_bounces') AS dead_in,
           min(s.at) FILTER (WHERE s.reason = 'objection') AS objected_at,
           max(s.at) FILTER (WHERE s.reason = 'erased') AS erased_before_at,
           max(s.expires_at) FILTER (WHERE s.reason = 'own_pause') AS paused_until,
           -- Of both, the stricter one, `monthly`, which comes first.
           min(s.scope) FILTER (WHERE s.reason = 'own_cap') AS own_cap,
           array_agg(substr(s.scope, 8)) FILTER (WHERE s.reason = 'collected' AND s.scope ^@ 'source/') AS sources,
           array_agg(substr(s.scope, 9)) FILTER (WHERE s.reason = 'collected' AND s.scope ^@ 'version/') AS versions,
           array_agg(substr(s.scope, 9) ORDER BY s.scope)
               FILTER (WHERE s.reason = 'collected' AND s.scope ^@ 'country/') AS countries
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
    -- With the days of the newest, and of the newest that a link in a mail has confirmed since any withdrawal.
    SELECT g.recipient_id, array_agg(g.scope ORDER BY g.scope) AS consents,
           string_agg(concat(g.scope, E'\t', (g.at AT TIME ZONE 'UTC')::date, E'\t',
                             (nullif(greatest(g.confirmed_at, g.withdrawn_at), g.withdrawn_at) AT TIME ZONE 'UTC')::date),
                      E'\n' ORDER BY g.scope) AS consented
    FROM (SELECT c.recipient_id, c.scope, max(c.at) FILTER (WHERE c.given) AS at,
                 max(c.at) FILTER (WHERE c.given AND c.source = 'confirmed') AS confirmed_at,
                 coalesce(max(c.at) FILTER (WHERE NOT c.given), '-infinity') AS withdrawn_at
          FROM consents c JOIN stopped ON stopped.id = c.recipient_id
          -- Nothing is left of what was said before an erasure.
          WHERE c.counts AND c.at > coalesce(stopped.erased_before_at, '-infinity')
          GROUP BY c.recipient_id, c.scope) g
    WHERE g.at > g.withdrawn_at
    GROUP BY g.recipient_id
), derived AS (
    SELECT r.id, r.address_hash, r.country AS own_country, stopped.dead_at, stopped.dead_in, stopped.erased_before_at,
           r.source AS own_source, r.policy_version AS own_version,
           -- Who is there without a country has the strictest law already.
           CASE WHEN r.country IS NULL OR beside.countries IS NULL AND stopped.countries IS NULL THEN r.country
                ELSE countries_said(r.country || beside.countries || stopped.countries) END AS country,
           CASE WHEN beside.n IS NULL AND stopped.versions IS NULL OR NOT a.comes THEN r.source
                ELSE all_said(r.source || beside.sources || stopped.sources) END AS source,
           CASE WHEN beside.n IS NULL AND stopped.versions IS NULL THEN r.policy_version
                WHEN a.comes
                THEN nullif(all_said(coalesce(r.policy_version, '') || beside.versions || stopped.versions), '')
                -- Who is there already is not made unknown by others of whom nobody has said under which version they came.
                ELSE nullif(all_said(ARRAY[coalesce(r.policy_version, ''),
                                           nullif(ltrim(all_said(beside.versions || stopped.versions), E'\n'), '')]), '')
                END AS policy_version,
           coalesce(said.consents, '{}') AS consents, said.consented,
           CASE WHEN r.address_hash IS NULL THEN coalesce(s.opted_out, '{}') ELSE stopped.scopes END AS opted_out,
           CASE WHEN r.address_hash IS NULL THEN s.objected_at ELSE stopped.objected_at END AS objected_at,
           CASE WHEN r.address_hash IS NULL THEN s.paused_until ELSE stopped.paused_until END AS paused_until,
           CASE WHEN r.address_hash IS NULL THEN s.own_cap ELSE stopped.own_cap END AS own_cap
    FROM recipients r JOIN stopped USING (id) LEFT JOIN said ON said.recipient_id = r.id
    LEFT JOIN standings s ON s.recipient_id = r.id
    CROSS JOIN LATERAL (SELECT s.recipient_id IS NULL OR s.address_hash IS DISTINCT FROM r.address_hash AS comes) a
    CROSS JOIN LATERAL (
        SELECT nullif(count(*), 0) AS n, array_agg(o.source) AS sources, array_agg(coalesce(o.policy_version, '')) AS versions,
               array_agg(o.country ORDER BY o.country) FILTER (WHERE o.country IS NOT NULL) AS countries
        FROM (SELECT o.source, o.policy_version, o.country FROM recipients o
              WHERE o.controller = r.controller AND o.address_key = r.address_key AND o.address_hash = r.address_hash
                AND o.brand = r.brand AND o.id <> r.id
                AND NOT EXISTS (SELECT FROM breach_only_people b WHERE b.recipient_id = o.id)
              LIMIT 50) o) beside
), kept AS (
    UPDATE recipients r SET country = d.country, source = d.source, policy_version = d.policy_version
    FROM (SELECT r.id, d.country, d.source, d.policy_version FROM derived d JOIN recipients r USING (id)
          WHERE (d.country, d.source, d.policy_version) IS DISTINCT FROM (d.own_country, d.own_source, d.own_version)
          ORDER BY r.id FOR UPDATE OF r) d
    WHERE r.id = d.id
)
INSERT INTO standings AS st (recipient_id, address_hash, opted_out, address_dead_at, dead_in, objected_at,
                             erased_before_at, consents, consented, source, collected_under, country, paused_until,
                             own_cap)
SELECT d.id, d.address_hash, d.opted_out, d.dead_at, d.dead_in, d.objected_at, d.erased_before_at, d.consents,
       d.consented, d.source, d.collected_under, d.country, d.paused_until, d.own_cap
FROM (SELECT d.*, CASE WHEN a.agreed IS NULL THEN d.policy_version
                       ELSE coalesce(d.policy_version, '') || a.agreed END AS collected_under
      FROM derived d CROSS JOIN LATERAL (
          SELECT string_agg(E'\n\t' || substr(given, 9), '' ORDER BY given) AS agreed
          FROM unnest(d.consents) AS given WHERE given ^@ 'version/') a) d
LEFT JOIN standings s ON s.recipient_id = d.id
WHERE s.recipient_id IS NULL
   OR (s.address_hash, s.opted_out, s.address_dead_at, s.dead_in, s.objected_at, s.erased_before_at, s.consents,
       s.consented, s.source, s.collected_under, s.country, s.paused_until, s.own_cap)
      IS DISTINCT FROM
      (d.address_hash, d.opted_out, d.dead_at, d.dead_in, d.objected_at, d.erased_before_at, d.consents,
       d.consented, d.source, d.collected_under, d.country, d.paused_until, d.own_cap)
ORDER BY d.id
ON CONFLICT (recipient_id) DO UPDATE SET
    version = st.version + 1, address_hash = EXCLUDED.address_hash, opted_out = EXCLUDED.opted_out,
    generation = st.generation + (st.address_hash IS DISTINCT FROM EXCLUDED.address_hash)::integer,
    address_dead_at = EXCLUDED.address_dead_at, dead_in = EXCLUDED.dead_in, objected_at = EXCLUDED.objected_at,
    erased_before_at = EXCLUDED.erased_before_at, consents = EXCLUDED.consents, consented = EXCLUDED.consented,
    source = EXCLUDED.source, collected_under = EXCLUDED.collected_under, country = EXCLUDED.country,
    paused_until = EXCLUDED.paused_until, own_cap = EXCLUDED.own_cap

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

-- name: leaving
-- The recipients among these that their brand has, each with the hash of the address.
SELECT r.brand, r.id, r.address_hash FROM unnest($1::text[], $2::bigint[]) AS k (brand, id)
JOIN recipients r ON r.brand = k.brand AND r.id = k.id JOIN standings s ON s.recipient_id = r.id

-- name: leave
-- The account itself leaves too, whether or not it has an address now.
UPDATE standings SET version = version + 1, opted_out = opted_out || $2::text
WHERE recipient_id = ANY ($1::bigint[]) AND NOT opted_out @> ARRAY[$2::text]

-- name: limit
-- The account itself is limited too, whether or not it has an address now. A limit only grows stricter: `monthly` comes
-- before `weekly`.
UPDATE standings SET version = version + 1, paused_until = greatest(paused_until, $2), own_cap = least(own_cap, $3)
WHERE recipient_id = $1 AND erased_at IS NULL
  AND (greatest(paused_until, $2), least(own_cap, $3)) IS DISTINCT FROM (paused_until, own_cap)

-- name: set_flag
UPDATE standings SET version = version + 1, {flag} = now() WHERE recipient_id = ANY ($1::bigint[]) AND {flag} IS NULL

-- name: clear_flag
UPDATE standings SET version = version + 1, {flag} = NULL WHERE recipient_id = ANY ($1::bigint[]) AND {flag} IS NOT NULL

-- name: channel
UPDATE standings SET version = version + 1, channel = $2 WHERE recipient_id = $1 AND channel <> $2

-- name: pays
-- Who pays for every product pays for those again that had ended.
UPDATE standings SET version = version + 1,
    products = CASE $2::text WHEN '*' THEN '{*}' ELSE array_remove(products, '-' || $2) || $2::text END
WHERE recipient_id = $1 AND NOT (products @> ARRAY[$2::text] AND ($2 <> '*' OR products = '{*}'))

-- name: pays_no_more
-- Who paid for every product goes on to pay for the others, which nobody has named.
UPDATE standings SET version = version + 1,
    products = array_remove(products, $2) || CASE WHEN products @> '{*}' THEN ARRAY['-' || $2::text] ELSE '{}' END
WHERE recipient_id = $1 AND (products @> ARRAY[$2::text] OR products @> '{*}' AND NOT products @> ARRAY['-' || $2::text])

-- name: pays_nothing
UPDATE standings SET version = version + 1, products = '{}' WHERE recipient_id = $1 AND products <> '{}'

-- name: products
-- What a file says of them replaces what was known.
UPDATE standings s SET version = version + 1, products = string_to_array(k.products, ';')
FROM unnest($1::bigint[], $2::text[]) AS k (id, products)
WHERE s.recipient_id = k.id AND s.products <> string_to_array(k.products, ';')

-- name: find
SELECT id FROM recipients WHERE brand = $1 AND ref = $2

-- name: standing
SELECT {standing}, r.locale
FROM recipients r JOIN standings s ON s.recipient_id = r.id
WHERE r.brand = $1 AND r.id = $2
