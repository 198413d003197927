-- name: find
SELECT case_id, phase, reason, stopped_by, stopped_at, ended, ended_by, ended_at FROM breach_stops
WHERE case_id = $1 AND phase = $2 ORDER BY id DESC LIMIT 1

-- name: lock_phase
SELECT m.id AS manifest_id, m.brand FROM breach_phases p JOIN breach_manifests m ON m.id = p.manifest_id
WHERE p.case_id = $1 AND p.phase = $2 AND p.state = 'released' AND m.state = 'released' FOR UPDATE OF p

-- name: begin
INSERT INTO breach_stops (case_id, phase, stopped_by, reason) VALUES ($1, $2, $3, $4)
ON CONFLICT (case_id, phase) WHERE ended_at IS NULL DO NOTHING RETURNING true

-- name: end
UPDATE breach_stops SET ended = $3, ended_by = $4, ended_at = now() WHERE case_id = $1 AND phase = $2 AND ended_at IS NULL
RETURNING true

-- name: of_phase
ARRAY(SELECT mailing_id FROM breach_mailings WHERE case_id = $1 AND phase = $2)

-- name: hold_letters
-- What nobody has told yet: it can be printed no more, until somebody lets the phase go on.
UPDATE notices SET state = 'closed', note = 'breach_stopped', changed_at = now(), changed_by = $3
WHERE mailing_id = ANY ({of_phase}) AND state IN ('open', 'taken')

-- name: free_letters
-- Not those of a variant that somebody has cancelled meanwhile.
UPDATE notices n SET state = 'open', note = NULL, changed_at = now(), changed_by = $3
FROM mailings m
WHERE n.mailing_id = ANY ({of_phase}) AND n.state = 'closed' AND n.note = 'breach_stopped'
  AND m.id = n.mailing_id AND m.state <> 'cancelled'

-- name: halt_again
-- Mailings of stopped phases that somebody let go on by themselves, or that have begun since.
INSERT INTO halts (scope, key, by, reason)
SELECT 'mailing', b.mailing_id::text, s.stopped_by, s.reason
FROM breach_stops s JOIN breach_mailings b ON b.case_id = s.case_id AND b.phase = s.phase
JOIN mailings m ON m.id = b.mailing_id
WHERE s.ended_at IS NULL AND m.finished_at IS NULL AND m.state = 'released'
ON CONFLICT DO NOTHING RETURNING key::uuid AS mailing_id, by, reason

-- name: hold_again
-- Also of phases that were ended for good: a letter or a mail that comes back is not followed by another one.
UPDATE notices n SET state = 'closed', note = 'breach_stopped', changed_at = now(), changed_by = s.stopped_by
FROM breach_stops s JOIN breach_mailings b ON b.case_id = s.case_id AND b.phase = s.phase
WHERE (s.ended_at IS NULL OR s.ended = 'cancelled') AND n.mailing_id = b.mailing_id AND n.state IN ('open', 'taken')

-- name: brands_of
SELECT id, brand FROM mailings WHERE id = ANY ($1::uuid[])

-- name: count_mail
SELECT state, sum(n)::bigint AS people FROM counters
WHERE mailing_id = ANY ({of_phase}) AND state <> 'diverted' GROUP BY state HAVING sum(n) <> 0 ORDER BY state

-- name: count_letters
SELECT count(*) FILTER (WHERE state = 'done') AS posted, count(*) FILTER (WHERE state <> 'done') AS others FROM notices
WHERE mailing_id = ANY ({of_phase})

-- name: told
-- Who has the mail, may have it, or whose letter was posted.
SELECT p.recipient_id, r.ref, p.variant, p.locale, CASE WHEN n.id IS NULL THEN 'mail' ELSE 'letter' END AS channel,
       CASE WHEN n.id IS NULL THEN d.state ELSE 'posted' END AS state
FROM breach_manifest_people p
JOIN breach_mailings b ON b.manifest_id = p.manifest_id AND b.variant = p.variant
JOIN deliveries d ON d.mailing_id = b.mailing_id AND d.recipient_id = p.recipient_id
LEFT JOIN notices n ON n.mailing_id = b.mailing_id AND n.recipient_id = p.recipient_id AND n.state = 'done'
LEFT JOIN recipients r ON r.id = p.recipient_id
WHERE p.manifest_id = (SELECT manifest_id FROM breach_mailings WHERE case_id = $1 AND phase = $2 LIMIT 1)
  AND p.recipient_id > $3
  AND (n.id IS NOT NULL OR d.state IN ('handed_over', 'in_doubt', 'intended') OR (d.state = 'held' AND d.reason = 'in_doubt'))
ORDER BY p.recipient_id LIMIT $4

-- name: keep_told
INSERT INTO audience_members (brand, audience, recipient_id)
SELECT $5::text, $6::text, t.recipient_id FROM ({told}) t JOIN standings s ON s.recipient_id = t.recipient_id
WHERE s.erased_at IS NULL ON CONFLICT DO NOTHING
