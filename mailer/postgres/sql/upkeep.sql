-- The timekeeper asks these again and again. A connection plans each of them once, perhaps while the statistics know of
-- few rows; what is then read in whole is read in whole until the next ANALYZE. So rows are looked up by ids that stand in
-- an array, and OFFSET 0 keeps a look-up from becoming a join.

-- name: unpublished
SELECT b.id, b.lane
FROM unnest($2::text[]) WITH ORDINALITY AS l (lane, position)
CROSS JOIN LATERAL (
    SELECT b.id, b.lane FROM batches b
    WHERE b.lane = l.lane AND b.state = 'queued' AND b.due_at <= now() AND b.published_at IS NULL AND NOT {halted}
    ORDER BY b.id LIMIT $1) b
ORDER BY l.position, b.id

-- name: late_lanes
SELECT l.lane FROM unnest($1::text[]) WITH ORDINALITY AS l (lane, position)
WHERE EXISTS (
    SELECT FROM batches b
    WHERE b.state = 'queued' AND b.lane = l.lane AND b.due_at <= now() AND b.published_at < now() - $2::interval
      AND NOT {halted})
ORDER BY l.position

-- name: lost
SELECT b.id, b.lane FROM batches b
WHERE b.state = 'queued' AND b.lane = $1 AND b.due_at <= now() AND b.published_at < now() - $2::interval
  AND NOT {halted}
ORDER BY b.id LIMIT $3

-- name: published
-- Only a note, so it waits for nobody; whoever holds a batch has got its message. Of what stands still the message may
-- have been used up already: it is published once it goes on.
UPDATE batches SET published_at = now() WHERE id = ANY (ARRAY(
    SELECT b.id FROM batches b WHERE b.id = ANY ($1::bigint[]) AND b.state = 'queued' AND NOT {halted}
    FOR UPDATE SKIP LOCKED))

-- name: stale
(SELECT d.mailing_id, d.recipient_id, d.attempt, d.state, d.reason, d.claim, m.brand,
        coalesce(d.sent_as, m.category) AS category, d.tried_at, d.doubts
 FROM batches b JOIN mailings m ON m.id = b.mailing_id CROSS JOIN LATERAL (
    SELECT * FROM deliveries d
    WHERE d.mailing_id = b.mailing_id AND d.batch = b.id AND d.claim = b.claim AND d.state = 'intended' OFFSET 0) d
 WHERE b.state = 'claimed' AND b.lease_until < clock_timestamp()
 ORDER BY d.mailing_id, d.recipient_id LIMIT $1)
UNION ALL
(SELECT d.mailing_id, d.recipient_id, d.attempt, d.state, d.reason, d.claim, m.brand,
        coalesce(d.sent_as, m.category) AS category, d.tried_at, d.doubts
 FROM (SELECT * FROM deliveries WHERE due_at <= now() AND state = 'in_doubt' OFFSET 0) d
 CROSS JOIN LATERAL (SELECT brand, category FROM mailings WHERE id = d.mailing_id OFFSET 0) m
 -- Others are left to timekeepers that know their category.
 WHERE coalesce(d.sent_as, m.category) = ANY ($2::text[])
 ORDER BY d.mailing_id, d.recipient_id LIMIT $1)

-- name: expired_claims
-- Locked, so that no intent that is being committed under its lease's last moment is missed by what follows.
SELECT b.claim FROM batches b
WHERE b.state = 'claimed' AND b.lease_until < clock_timestamp()
  AND NOT EXISTS (SELECT FROM deliveries d
                  WHERE d.mailing_id = b.mailing_id AND d.batch = b.id AND d.state = 'intended' OFFSET 0)
LIMIT $1 FOR UPDATE SKIP LOCKED

-- name: batch_due
WITH due AS (
    SELECT mailing_id, recipient_id, state, reason FROM deliveries
    WHERE due_at <= now() AND state IN ('deferred', 'held')
    ORDER BY due_at LIMIT $1 FOR UPDATE SKIP LOCKED
), sliced AS (
    SELECT due.*, (row_number() OVER (PARTITION BY mailing_id ORDER BY recipient_id) - 1) / $2::int AS slice FROM due
), numbered AS MATERIALIZED (
    SELECT mailing_id, slice, nextval('batches_id_seq') AS id FROM sliced GROUP BY mailing_id, slice
), cut AS (
    INSERT INTO batches (id, mailing_id, lane, due_at) OVERRIDING SYSTEM VALUE
    SELECT n.id, n.mailing_id, m.lane, now() FROM numbered n JOIN mailings m ON m.id = n.mailing_id
), queued AS (
    UPDATE deliveries d SET state = 'queued', reason = '', due_at = NULL, claim = NULL, batch = n.id
    FROM sliced s JOIN numbered n USING (mailing_id, slice)
    WHERE d.mailing_id = s.mailing_id AND d.recipient_id = s.recipient_id
), counted AS (
    INSERT INTO counters
    SELECT mailing_id, state, reason, -count(*) FROM due GROUP BY mailing_id, state, reason
    UNION ALL SELECT mailing_id, 'queued', '', count(*) FROM due GROUP BY mailing_id
)
SELECT count(*) FROM due

-- name: finish_mailings
-- Their counters are folded with it, so that a finished mailing keeps a row a reason.
WITH done AS (
    UPDATE mailings SET finished_at = now() WHERE id = ANY (ARRAY(
        SELECT m.id FROM mailings m
        WHERE m.finished_at IS NULL AND m.expanded_at IS NOT NULL AND m.state <> 'awaiting_release'
          AND NOT EXISTS (SELECT FROM batches b WHERE b.mailing_id = m.id OFFSET 0)
          AND (SELECT coalesce(sum(n), 0) FROM counters c WHERE c.mailing_id = m.id
               AND c.state IN ('queued', 'deferred', 'held', 'in_doubt')) = 0
        LIMIT $1 FOR UPDATE SKIP LOCKED))
    RETURNING id
), gone AS (
    DELETE FROM counters c WHERE c.mailing_id = ANY (ARRAY(SELECT id FROM done))
    RETURNING c.mailing_id, c.state, c.reason, c.n
), folded AS (
    INSERT INTO counters (mailing_id, state, reason, n, at)
    SELECT mailing_id, state, reason, sum(n), NULL FROM gone GROUP BY mailing_id, state, reason HAVING sum(n) <> 0
), carried AS (
    DELETE FROM copies c WHERE c.mailing_id = ANY (ARRAY(SELECT id FROM done))
), lifted AS (
    DELETE FROM halts h WHERE h.scope = 'mailing' AND h.key = ANY (ARRAY(SELECT id::text FROM done))
)
SELECT id FROM done

-- name: ending
SELECT id AS mailing_id, brand, category, state FROM mailings
WHERE finished_at IS NULL AND state IN ('cancelled', 'ended') ORDER BY id LIMIT $1

-- name: open_of
SELECT d.recipient_id, d.attempt, d.state, d.reason, coalesce(d.sent_as, m.category) AS category
FROM deliveries d JOIN mailings m ON m.id = d.mailing_id
WHERE d.mailing_id = $1 AND d.recipient_id > $2 AND d.state IN ('queued', 'deferred', 'held')
ORDER BY d.recipient_id LIMIT $3

-- name: queued_of
-- What is queued of a batch that nobody holds.
SELECT m.brand, m.category, d.mailing_id, d.recipient_id, d.attempt, d.state, d.reason
FROM batches b JOIN deliveries d ON d.mailing_id = b.mailing_id AND d.batch = b.id AND d.state = 'queued'
JOIN mailings m ON m.id = b.mailing_id
WHERE b.id = $1 AND b.state = 'queued' ORDER BY d.recipient_id

-- name: sweep
DELETE FROM batches WHERE id = ANY (ARRAY(
    SELECT b.id FROM batches b WHERE b.mailing_id = $1 AND b.state = 'queued' AND NOT EXISTS (
        SELECT FROM deliveries d WHERE d.mailing_id = $1 AND d.batch = b.id AND d.state = 'queued' OFFSET 0)
    FOR UPDATE SKIP LOCKED))

-- name: alone
-- For as long as the caller's transaction; no row where somebody else is at it.
SELECT true FROM turns WHERE name = 'publishing' FOR UPDATE SKIP LOCKED

-- name: fold
-- Of the last two minutes by the second: a mailing's rate is read from them.
WITH busy AS (
    SELECT c.mailing_id FROM mailings m JOIN counters c ON c.mailing_id = m.id
    WHERE m.finished_at IS NULL GROUP BY c.mailing_id HAVING count(*) > 100
), gone AS (
    DELETE FROM counters c WHERE c.mailing_id = ANY (ARRAY(SELECT mailing_id FROM busy))
    RETURNING c.mailing_id, c.state, c.reason, c.n,
              CASE WHEN c.at > now() - interval '2 minutes' THEN date_trunc('second', c.at) END AS at
)
INSERT INTO counters (mailing_id, state, reason, n, at)
SELECT mailing_id, state, reason, sum(n), at FROM gone GROUP BY mailing_id, state, reason, at HAVING sum(n) <> 0

-- name: fold_handed
WITH busy AS (
    SELECT brand, processor, country, contract FROM handed GROUP BY brand, processor, country, contract
    HAVING count(*) > 100
), gone AS (
    DELETE FROM handed h USING busy b
    WHERE h.brand = b.brand AND h.processor = b.processor
      AND (h.country, h.contract) IS NOT DISTINCT FROM (b.country, b.contract)
    RETURNING h.brand, h.processor, h.country, h.contract, h.n, h.first_at, h.last_at
)
INSERT INTO handed SELECT brand, processor, country, contract, sum(n), min(first_at), max(last_at) FROM gone
GROUP BY brand, processor, country, contract

-- name: forget_sends
DELETE FROM sends WHERE (recipient_id, mailing_id) IN (
    SELECT recipient_id, mailing_id FROM sends WHERE at < now() - $1::interval ORDER BY at LIMIT $2
    FOR UPDATE SKIP LOCKED)

-- name: forget_wishes
DELETE FROM wishes WHERE mailed_at <= now() - $1::interval
