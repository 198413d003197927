-- name: ask
-- Twice a second from each process: index probes, and the few rows of halts.
WITH lineage AS (
    SELECT id, supersedes FROM lineages l
    WHERE NOT EXISTS (SELECT FROM lineages later WHERE l.id = ANY (later.supersedes)) ORDER BY began_at DESC LIMIT 1
), newest AS (
    SELECT id FROM seals ORDER BY id DESC LIMIT 1
)
SELECT lineage.id AS lineage, lineage.supersedes, coalesce((SELECT id FROM newest), 0) AS seal,
       halted.*, sealed.*,
       NOT EXISTS (SELECT FROM unnest($2::uuid[], $3::bigint[]) AS head (writer, n)
                   WHERE NOT EXISTS (SELECT FROM ledger l WHERE l.writer = head.writer AND l.n = head.n)) AS whole
FROM lineage, (
    SELECT array_agg(scope) AS scopes, array_agg(key) AS keys, array_agg(by) AS people, array_agg(reason) AS reasons,
           array_agg(at) AS times
    FROM (SELECT * FROM halts ORDER BY scope, key) h) halted, (
    SELECT array_agg(id) AS seals, array_agg(encode(sha256(convert_to(body, 'UTF8')), 'hex')) AS digests
    FROM seals WHERE id = ANY ($1::bigint[] || ARRAY(SELECT id FROM newest))) sealed

-- name: halted
-- Whether a batch `b` has to wait. Asked for each batch only while anything at all stands still.
(EXISTS (SELECT FROM halts) AND (
    EXISTS (SELECT FROM halts h WHERE h.scope = 'everything')
    OR EXISTS (SELECT FROM halts h WHERE h.scope = 'mailing' AND h.key = b.mailing_id::text)
    OR EXISTS (SELECT FROM mailings m JOIN halts h ON h.scope = 'brand' AND h.key = m.brand WHERE m.id = b.mailing_id)))

-- name: halt
INSERT INTO halts (scope, key, by, reason) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING RETURNING true

-- name: lift
DELETE FROM halts WHERE scope = $1 AND key = $2 RETURNING true

-- name: mailing
-- Locked, so that two who cancel and resume take turns.
SELECT brand, category, state, finished_at FROM mailings WHERE id = $1 FOR UPDATE

-- name: cancel
UPDATE mailings SET state = 'cancelled' WHERE id = $1

-- name: alone
SELECT pg_advisory_xact_lock(hashtext('mailer.lineages'))

-- name: begin_lineage
INSERT INTO lineages (id, by, supersedes)
SELECT $1, $2, array_agg(DISTINCT old.id)
FROM (SELECT id FROM lineages UNION SELECT unnest(supersedes) FROM lineages
      UNION SELECT key::uuid FROM halts WHERE scope = 'everything' AND key <> 'operator') old

-- name: lift_restored
DELETE FROM halts WHERE scope = 'everything' AND key <> 'operator'

-- name: end_mailings
-- What may have gone out already: what was free to go. Halted for as long as the timekeeper ends its deliveries.
WITH ended AS (
    UPDATE mailings SET state = 'ended'
    WHERE finished_at IS NULL AND state = 'released' AND category = ANY ($1::text[]) AND coalesce(send_at, now()) <= now()
    RETURNING id, brand, category
), halted AS (
    INSERT INTO halts (scope, key, by, reason) SELECT 'mailing', id::text, $2, 'ended' FROM ended
    ON CONFLICT (scope, key) DO UPDATE SET by = excluded.by, reason = excluded.reason
)
SELECT id, brand, category FROM ended
