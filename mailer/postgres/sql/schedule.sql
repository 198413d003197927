-- name: lock_mailing
SELECT brand, category, state, send_at, expires_at, finished_at, released_by FROM mailings WHERE id = $1 FOR UPDATE

-- name: lock_batches
-- Who claims one waits for us, and then finds it not due.
SELECT FROM batches WHERE mailing_id = $1 ORDER BY id FOR UPDATE

-- name: has_begun
-- A batch that a worker has given back is due later than its mailing. What was erased meanwhile is cancelled, and had not begun.
SELECT EXISTS (SELECT FROM batches b
               WHERE b.mailing_id = m.id
                 AND (b.state <> 'queued'
                      OR (b.due_at > greatest(m.created_at, m.released_at, m.send_at) AND b.due_at < 'infinity'
                          -- Batches of a campaign are due at times of their own, and none before its first one.
                          AND (m.audience IS NULL OR m.audience NOT LIKE 'manifest:%' OR m.send_at IS NULL OR m.send_at <= now()))))
    OR EXISTS (SELECT FROM counters c WHERE c.mailing_id = m.id AND c.state NOT IN ('queued', 'cancelled')
               GROUP BY c.state, c.reason HAVING sum(c.n) <> 0)
FROM mailings m WHERE m.id = $1

-- name: reschedule
-- What a second person released at another time waits for its release again.
UPDATE mailings
SET send_at = $2, rescheduled_by = $3, state = CASE WHEN $4 THEN 'awaiting_release' ELSE state END,
    released_at = CASE WHEN $4 THEN NULL ELSE released_at END, released_by = CASE WHEN $4 THEN NULL ELSE released_by END
WHERE id = $1

-- name: reschedule_batches
-- A message of theirs that is in a queue finds nothing due; they are published anew at their time.
UPDATE batches SET due_at = CASE WHEN $3 THEN 'infinity'::timestamptz ELSE $2 END, published_at = NULL WHERE mailing_id = $1

-- name: has_own_times
-- Each person's own local time, or spread over hours; a released notice of a breach keeps the pace of its manifest.
SELECT m.audience LIKE 'breach-manifest:%' OR m.audience LIKE 'manifest:%' AND (SELECT count(DISTINCT b.due_at) > 1 FROM batches b WHERE b.mailing_id = m.id)
FROM mailings m WHERE m.id = $1
