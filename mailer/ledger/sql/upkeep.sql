-- name: unpublished
SELECT id, lane FROM batches WHERE state = 'queued' AND due_at <= now() AND published_at IS NULL ORDER BY id LIMIT $1

-- name: lost
SELECT id, lane FROM batches
WHERE state = 'queued' AND lane = $1 AND due_at <= now() AND published_at < now() - $2::interval ORDER BY id LIMIT $3

-- name: published
UPDATE batches SET published_at = now() WHERE id = ANY ($1::bigint[]) AND state = 'queued'

-- name: stale
(SELECT d.mailing_id, d.recipient_id, d.attempt, d.state, d.reason, d.claim, m.brand, m.category
 FROM batches b JOIN deliveries d ON d.batch = b.id AND d.claim = b.claim JOIN mailings m ON m.id = d.mailing_id
 WHERE b.state = 'claimed' AND b.lease_until < clock_timestamp() AND d.state = 'intended'
 ORDER BY d.mailing_id, d.recipient_id LIMIT $1)
UNION ALL
(SELECT d.mailing_id, d.recipient_id, d.attempt, d.state, d.reason, d.claim, m.brand, m.category
 FROM deliveries d JOIN mailings m ON m.id = d.mailing_id
 WHERE d.due_at <= now() AND d.state = 'in_doubt'
 ORDER BY d.mailing_id, d.recipient_id LIMIT $1)

-- name: expired_claims
SELECT b.claim FROM batches b
WHERE b.state = 'claimed' AND b.lease_until < clock_timestamp()
  AND NOT EXISTS (SELECT FROM deliveries d WHERE d.batch = b.id AND d.state = 'intended')
LIMIT $1

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
UPDATE mailings m SET finished_at = now()
WHERE m.finished_at IS NULL AND m.expanded_at IS NOT NULL AND m.state = 'released'
  AND NOT EXISTS (SELECT FROM batches b WHERE b.mailing_id = m.id)
  AND (SELECT coalesce(sum(n), 0) FROM counters c WHERE c.mailing_id = m.id
       AND c.state IN ('queued', 'deferred', 'held', 'in_doubt')) = 0

-- name: fold
WITH busy AS (
    SELECT mailing_id FROM counters GROUP BY mailing_id HAVING count(*) > 100
), gone AS (
    DELETE FROM counters c USING busy WHERE c.mailing_id = busy.mailing_id
    RETURNING c.mailing_id, c.state, c.reason, c.n
)
INSERT INTO counters SELECT mailing_id, state, reason, sum(n) FROM gone GROUP BY mailing_id, state, reason HAVING sum(n) <> 0

-- name: fold_opens
WITH busy AS (
    SELECT mailing_id FROM opens GROUP BY mailing_id HAVING count(*) > 100
), gone AS (
    DELETE FROM opens o USING busy WHERE o.mailing_id = busy.mailing_id RETURNING o.mailing_id, o.day, o.machine, o.n
)
INSERT INTO opens SELECT mailing_id, day, machine, sum(n) FROM gone GROUP BY mailing_id, day, machine
