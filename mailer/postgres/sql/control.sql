-- name: ask
-- Twice a second from each process, and once for each new connection: index probes, and few rows of small tables.
WITH lineage AS (
    SELECT id, supersedes FROM lineages l
    WHERE NOT EXISTS (SELECT FROM lineages later WHERE l.id = ANY (later.supersedes)) ORDER BY began_at DESC LIMIT 1
), newest AS (
    SELECT id FROM seals ORDER BY id DESC LIMIT 1
), now_on AS (
    SELECT {timeline} AS timeline
)
SELECT lineage.id AS lineage, lineage.supersedes, coalesce((SELECT id FROM newest), 0) AS seal,
       halted.*, sealed.*, lost.*, now_on.timeline,
       EXISTS (SELECT FROM witnesses w WHERE w.id = ($4::uuid[])[1] AND w.timeline = now_on.timeline) AS attested,
       ARRAY(SELECT w.label FROM witnesses w
             WHERE w.timeline <> now_on.timeline AND w.id <> ALL ($4::uuid[]) ORDER BY w.label) AS waiting
FROM lineage, now_on, (
    SELECT array_agg(scope) AS scopes, array_agg(key) AS keys, array_agg(by) AS people, array_agg(reason) AS reasons,
           array_agg(at) AS times
    FROM (SELECT * FROM halts ORDER BY scope, key) h) halted, (
    SELECT array_agg(id) AS seals, array_agg(encode(sha256(convert_to(body, 'UTF8')), 'hex')) AS digests
    FROM seals WHERE id = ANY ($1::bigint[] || ARRAY(SELECT id FROM newest))) sealed, (
    SELECT array_agg(writer) AS writers, array_agg(n) AS numbers FROM ({missing}) m) lost

-- name: timeline
-- The server, and its timeline: it changes with each promotion, and with each restore to a point in time.
(SELECT system_identifier FROM pg_control_system()) || '/' || left(pg_walfile_name(pg_current_wal_lsn()), 8)

-- name: missing
-- Arrays behind a SELECT, so that a plan for any values is kept: with few heads each question was planned anew, in 0.7 ms.
-- OFFSET 0: each head is looked up by itself. As a join, planned while the ledger was small, it read all of its index:
-- 56 ms at 180,000 entries, and more with each.
SELECT head.writer, head.n FROM unnest((SELECT $2::uuid[]), (SELECT $3::bigint[])) AS head (writer, n)
WHERE NOT EXISTS (SELECT FROM ledger l WHERE l.writer = head.writer AND l.n = head.n OFFSET 0)

-- name: lost
-- The place of each change whose entry is missing. The time at which a row was made tells whose it is: ids that were lost
-- are given out again. What was taken back here long enough after it, whatever the clocks of two machines say, is over.
SELECT c.place,
       EXISTS (SELECT FROM recipients r
               WHERE r.id = c.recipient_id AND r.brand = c.brand AND r.created_at = c.known_since OFFSET 0)
       AND NOT EXISTS (SELECT FROM ledger l
               WHERE l.recipient_id = c.recipient_id AND l.mailing_id IS NULL AND l.brand = c.brand
                 AND l.kind = 'action' AND l.at > c.at + interval '10 minutes'
                 AND (l.reason = 'not_' || c.reason
                      OR (l.reason = 'lifted ' || split_part(c.reason, ' ', 1) AND l.category IS NOT DISTINCT FROM c.scope)
                      OR (l.reason = 'consent_given' AND l.category = c.scope
                          AND c.reason IN ('opt_out', 'consent_withdrawn')))
               OFFSET 0) AS stands
FROM unnest($1::uuid[], $2::bigint[], $3::text[], $4::bigint[], $5::timestamptz[], $6::timestamptz[], $7::text[], $8::text[])
    WITH ORDINALITY AS c (writer, n, brand, recipient_id, known_since, at, reason, scope, place)
WHERE NOT EXISTS (SELECT FROM ledger l WHERE l.writer = c.writer AND l.n = c.n OFFSET 0)
ORDER BY c.place

-- name: attest
-- Who has said nothing for a minute on the current timeline is gone, and what it had committed is older than this. On a
-- timeline before, its last word stands: it may have committed something that this server lacks.
WITH now_on AS (
    SELECT {timeline} AS timeline
), gone AS (
    DELETE FROM witnesses w USING now_on
    WHERE w.id <> $1 AND (w.id = ANY ($3::uuid[]) OR (w.timeline = now_on.timeline AND w.at < now() - interval '1 minute'))
)
INSERT INTO witnesses AS w (id, label, timeline) SELECT $1, $2, timeline FROM now_on
ON CONFLICT (id) DO UPDATE SET timeline = excluded.timeline, at = now()

-- name: leave
DELETE FROM witnesses WHERE id = $1 AND timeline = {timeline}

-- name: no_witnesses
DELETE FROM witnesses

-- name: halted
-- Whether a batch `b` has to wait. Asked for each batch only while anything at all stands still.
(EXISTS (SELECT FROM halts) AND (
    EXISTS (SELECT FROM halts h WHERE h.scope = 'everything')
    OR EXISTS (SELECT FROM halts h WHERE h.scope = 'mailing' AND h.key = b.mailing_id::text)
    OR EXISTS (SELECT FROM mailings m JOIN halts h ON h.key = m.brand
               AND (h.scope = 'brand' OR h.scope = 'promotional' AND b.lane = 'promotional') WHERE m.id = b.mailing_id)))

-- name: halt
INSERT INTO halts (scope, key, by, reason) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING RETURNING true

-- name: lift
DELETE FROM halts WHERE scope = $1 AND key = $2 RETURNING true

-- name: release_promotions
-- What a person has judged stops the promotions no more.
INSERT INTO promotional_releases AS r (brand) VALUES ($1) ON CONFLICT (brand) DO UPDATE SET at = now()

-- name: mailing
-- Locked, so that two who cancel and resume take turns.
SELECT brand, category, state, finished_at FROM mailings WHERE id = $1 FOR UPDATE

-- name: cancel
UPDATE mailings SET state = 'cancelled' WHERE id = $1

-- name: alone
SELECT FROM turns WHERE name = 'lineages' FOR UPDATE

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

-- name: above_mailings
-- For each page of the console. Few rows of a small table, found by its key.
SELECT scope, key, by, reason, at, CASE WHEN scope IN ('brand', 'promotional') THEN key END AS brand, NULL::text AS event_id
FROM halts WHERE scope IN ('everything', 'brand', 'promotional', 'processor') ORDER BY scope <> 'everything', at LIMIT $1

-- name: in_force
-- Those of mailings come last: there can be thousands, and a halt of a brand must not be hidden behind them.
SELECT h.scope, h.key, h.by, h.reason, h.at, CASE WHEN h.scope IN ('brand', 'promotional') THEN h.key ELSE m.brand END AS brand, m.event_id
FROM halts h LEFT JOIN mailings m ON m.id = CASE h.scope WHEN 'mailing' THEN h.key::uuid END
WHERE ($2::text[] IS NULL OR h.scope IN ('everything', 'processor') OR (h.scope IN ('brand', 'promotional') AND h.key = ANY ($2)) OR m.brand = ANY ($2))
  AND ($3::text IS NULL OR h.scope <> 'mailing' OR h.key = $3)
ORDER BY h.scope <> 'everything', h.scope = 'mailing', h.at LIMIT $1
