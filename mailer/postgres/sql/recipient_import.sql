-- name: refs_of_addresses
-- The ref of somebody who has an address already: one that an application gave, else the oldest.
SELECT DISTINCT ON (k.place) k.place, r.ref
FROM unnest($4::integer[], $5::bytea[]) AS k (place, hash)
JOIN recipients r ON r.brand = $1 AND r.controller = $2 AND r.address_key = $3 AND r.address_hash = k.hash
WHERE NOT EXISTS (SELECT FROM breach_only_people b WHERE b.recipient_id = r.id)
ORDER BY k.place, r.ref ^@ 'email:', r.id

-- name: states_by_ref
SELECT r.ref, {state} FROM unnest($2::text[]) AS k (ref)
JOIN recipients r ON r.brand = $1 AND r.ref = k.ref JOIN standings s ON s.recipient_id = r.id
LEFT JOIN recipient_attributes a ON a.recipient_id = r.id LEFT JOIN postal_addresses p ON p.recipient_id = r.id

-- name: states_by_id
SELECT r.id, r.ref, r.email IS NOT NULL AS has_email, s.erased_at IS NOT NULL AS erased,
       s.opted_out <> '{}' OR s.objected_at IS NOT NULL AS opted_out, {state}
FROM unnest($1::bigint[]) AS k (id)
JOIN recipients r ON r.id = k.id JOIN standings s ON s.recipient_id = r.id
LEFT JOIN recipient_attributes a ON a.recipient_id = r.id LEFT JOIN postal_addresses p ON p.recipient_id = r.id

-- name: state
-- All that an import can change about a person, so that two imports of the same file can be told apart.
md5(ROW (r.email, r.name, r.locale, r.country, r.source, r.policy_version, r.purpose, r.collected_at, s.opted_out,
         s.objected_at IS NULL, s.deactivated_at IS NULL, s.restricted_at IS NULL, s.under_13_at IS NULL, s.products,
         s.consents, a.attributes, p.lines,
         ARRAY(SELECT m.audience FROM audience_members m WHERE m.brand = r.brand AND m.recipient_id = r.id ORDER BY 1))::text)
    AS state

-- name: describe
-- Values that are said now replace older ones, by name; the others stay. Nothing is kept of somebody who was erased, or
-- whose data are from before their erasure: those have no address then. Attributes of more than the table takes are left
-- as they were.
INSERT INTO recipient_attributes AS a (recipient_id, brand, attributes, said_at)
SELECT r.id, r.brand, k.attributes::jsonb,
       (SELECT jsonb_object_agg(name, $5::text) FROM jsonb_object_keys(k.attributes::jsonb) AS name)
FROM unnest($2::bigint[], $3::text[], $4::boolean[]) AS k (id, attributes, by_mail)
JOIN recipients r ON r.id = k.id AND r.brand = $1 JOIN standings s ON s.recipient_id = r.id
WHERE s.erased_at IS NULL AND (r.email IS NOT NULL OR NOT k.by_mail) AND octet_length(k.attributes::jsonb::text) <= 16384
ORDER BY r.id
ON CONFLICT (recipient_id) DO UPDATE SET
    attributes = a.attributes || (SELECT coalesce(jsonb_object_agg(e.key, e.value), '{}') FROM jsonb_each(EXCLUDED.attributes) e
                                  WHERE coalesce(a.said_at ->> e.key, '') <= $5),
    said_at = a.said_at || (SELECT coalesce(jsonb_object_agg(e.key, $5::text), '{}') FROM jsonb_each(EXCLUDED.attributes) e
                            WHERE coalesce(a.said_at ->> e.key, '') <= $5),
    updated_at = now()
WHERE octet_length((a.attributes || EXCLUDED.attributes)::text) <= 16384

-- name: post
INSERT INTO postal_addresses AS p (recipient_id, lines, source)
SELECT r.id, string_to_array(k.lines, E'\n'), $4
FROM unnest($1::bigint[], $2::text[], $3::boolean[]) AS k (id, lines, by_mail)
JOIN recipients r ON r.id = k.id JOIN standings s ON s.recipient_id = r.id
WHERE s.erased_at IS NULL AND (r.email IS NOT NULL OR NOT k.by_mail)
ORDER BY r.id
ON CONFLICT (recipient_id) DO UPDATE SET lines = EXCLUDED.lines, source = EXCLUDED.source, at = now()
WHERE p.lines <> EXCLUDED.lines
RETURNING recipient_id
