-- name: whose
SELECT r.ref, s.generation, s.opted_out,
       coalesce(s.objected_at, s.deactivated_at, s.restricted_at, s.erased_before_at) IS NOT NULL AS gone
FROM recipients r JOIN standings s ON s.recipient_id = r.id
WHERE r.brand = $1 AND r.id = $2 AND s.erased_at IS NULL FOR UPDATE OF s

-- name: mailed
SELECT confirmation FROM wishes
WHERE recipient_id = $1 AND generation = $2 AND mailed_at > now() - $3::interval
ORDER BY mailed_at DESC LIMIT 1

-- name: next
-- When another mail of the brand may go to a person's mailbox, which several accounts may have; NULL: at once.
SELECT max(w.mailed_at) + $2::interval
FROM recipients r JOIN recipients o USING (brand, controller, address_key, address_hash)
JOIN wishes w ON w.recipient_id = o.id
WHERE r.id = $1 AND w.mailed_at > now() - $2::interval

-- name: add
-- What arrives late, and was said before it was refused or withdrawn, stays void, or is not asked for at all.
INSERT INTO wishes (confirmation, recipient_id, generation, mailed_at, what, version, words, asked_at)
SELECT $1, $2, $3, coalesce((SELECT min(mailed_at) FROM wishes WHERE confirmation = $1), $4, now()), k.*
FROM unnest($5::text[], $6::text[], $7::text[], $8::timestamptz[]) AS k (what, version, words, asked_at)
WHERE NOT EXISTS (SELECT FROM consents c WHERE c.recipient_id = $2 AND c.scope IN (k.what, split_part(k.what, '/', 1))
                  AND NOT c.given AND c.counts AND c.at >= k.asked_at)
ON CONFLICT (confirmation, what) DO UPDATE
SET version = EXCLUDED.version, words = EXCLUDED.words, asked_at = EXCLUDED.asked_at, answered_at = NULL, voided_at = NULL
WHERE wishes.voided_at IS NULL OR EXCLUDED.asked_at > wishes.voided_at
RETURNING what

-- name: void
-- What was asked for, and has been refused since: what was answered too, so that it is not asked for again by what
-- was said before the refusal.
UPDATE wishes SET voided_at = now() WHERE recipient_id = ANY ($1::bigint[]) AND what = ANY ($2::text[])

-- name: void_withdrawn
-- Consents that were asked for, and withdrawn since, answered or not; a category's withdrawal is one from its topics too.
UPDATE wishes w SET voided_at = greatest(w.voided_at, k.at)
FROM (SELECT k.recipient_id, k.scope, max(k.at) AS at
      FROM unnest($1::bigint[], $2::text[], $3::timestamptz[]) AS k (recipient_id, scope, at) GROUP BY 1, 2) k
WHERE w.recipient_id = k.recipient_id AND k.scope IN (w.what, split_part(w.what, '/', 1)) AND w.asked_at <= k.at

-- name: of
SELECT w.what, w.version, w.words, w.asked_at, w.answered_at IS NOT NULL AS answered, w.voided_at IS NOT NULL AS void
FROM wishes w
JOIN recipients r ON r.id = w.recipient_id
JOIN standings s ON s.recipient_id = w.recipient_id AND s.generation = w.generation
WHERE r.brand = $1 AND w.recipient_id = $2 AND w.confirmation = $3 AND w.mailed_at > now() - $4::interval
ORDER BY w.asked_at, w.what

-- name: waiting
SELECT DISTINCT w.what
FROM wishes w
JOIN recipients r ON r.id = w.recipient_id
JOIN standings s ON s.recipient_id = w.recipient_id AND s.generation = w.generation
WHERE r.brand = $1 AND w.recipient_id = $2 AND w.mailed_at > now() - $3::interval
  AND w.answered_at IS NULL AND w.voided_at IS NULL

-- name: answered
UPDATE wishes SET answered_at = now() WHERE confirmation = $1 AND what = $2
