-- name: lock_case
SELECT brand, name, state, revision FROM breach_cases WHERE id = $1 FOR UPDATE

-- name: duties_done
SELECT case_id, clock, told, told_at, reference, by, at FROM breach_duties_done WHERE case_id = ANY ($1::uuid[])

-- name: mark_done
INSERT INTO breach_duties_done (case_id, clock, told, told_at, reference, by) VALUES ($1, $2, $3, $4, $5, $6)
ON CONFLICT (case_id, clock) DO UPDATE
SET told = excluded.told, told_at = excluded.told_at, reference = excluded.reference, by = excluded.by, at = now()

-- name: unmark
DELETE FROM breach_duties_done WHERE case_id = $1 AND clock = $2 RETURNING told

-- name: facts
SELECT revision, by, at, facts FROM breach_case_revisions WHERE case_id = $1 ORDER BY revision DESC LIMIT $2

-- name: reminders
SELECT r.id, s.shown_name AS reader,
    CASE WHEN r.state = 'sending' AND r.begun_at < now() - interval '10 minutes' THEN 'in_doubt' ELSE r.state END AS state,
    r.problem, r.queued_at, r.ended_at
FROM breach_reminders r JOIN staff s ON s.id = r.staff_id
WHERE r.case_id = $1 ORDER BY r.queued_at DESC, r.id DESC LIMIT $2

-- name: open_cases
SELECT {case_columns} FROM breach_cases WHERE state = 'open' ORDER BY id

-- name: drop_other_clocks
DELETE FROM breach_clocks WHERE case_id = $1 AND clock <> ALL ($2::text[])

-- name: keep_clock
INSERT INTO breach_clocks (case_id, clock, rule, whom, what, because, starts_at, due_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
ON CONFLICT (case_id, clock) DO UPDATE
SET rule = excluded.rule, whom = excluded.whom, what = excluded.what, because = excluded.because,
    starts_at = excluded.starts_at, due_at = excluded.due_at
WHERE (breach_clocks.because, breach_clocks.starts_at, breach_clocks.due_at)
    IS DISTINCT FROM (excluded.because, excluded.starts_at, excluded.due_at)

-- name: claim_due
-- What was told of already, or is done, is left out. A deadline that moved is another one.
INSERT INTO breach_reminders_due (case_id, clock, moment, due_at)
SELECT $1, k.clock, k.moment, coalesce(k.due_at, 'infinity')
FROM unnest($2::text[], $3::text[], $4::timestamptz[]) AS k (clock, moment, due_at)
WHERE NOT EXISTS (SELECT FROM breach_duties_done d WHERE d.case_id = $1 AND d.clock = k.clock)
ON CONFLICT DO NOTHING
RETURNING clock, moment

-- name: readers
SELECT s.id FROM staff s
WHERE s.disabled_at IS NULL
  AND EXISTS (SELECT FROM staff_roles r WHERE r.staff_id = s.id AND r.brand IN ('*', $1) AND r.role = ANY ($2::text[]))
ORDER BY s.id LIMIT 500

-- name: queue_reminder
INSERT INTO breach_reminders (id, case_id, staff_id, clocks) VALUES ($1, $2, $3, $4)

-- name: claim_reminder
-- Without an address, if the reader may not see cases of the brand any more.
WITH next AS (
    SELECT id FROM breach_reminders WHERE state = 'queued' AND next_at <= now() ORDER BY next_at LIMIT 1
    FOR UPDATE SKIP LOCKED)
UPDATE breach_reminders r SET state = 'sending', owner = $1, begun_at = now()
FROM next, breach_cases k, staff s
WHERE r.id = next.id AND k.id = r.case_id AND s.id = r.staff_id
RETURNING r.id, r.case_id, k.brand, k.name AS case_name, k.state, r.clocks, s.shown_name AS name,
    coalesce((SELECT z.zone FROM staff_time_zones z WHERE z.staff_id = s.id), 'UTC') AS zone,
    CASE WHEN s.disabled_at IS NULL AND EXISTS (
        SELECT FROM staff_roles o WHERE o.staff_id = s.id AND o.brand IN ('*', k.brand) AND o.role = ANY ($2::text[]))
    THEN s.email ELSE '' END AS address

-- name: clocks_not_done
SELECT c.clock AS key, c.rule, c.whom, c.what, c.because, c.starts_at, c.due_at FROM breach_clocks c
WHERE c.case_id = $1 AND NOT EXISTS (SELECT FROM breach_duties_done d WHERE d.case_id = $1 AND d.clock = c.clock)

-- name: steps
SELECT m.requested_by, m.ready_at, m.asked_by, m.asked_at, m.released_by, m.released_at
FROM (SELECT manifest_id FROM breach_phases WHERE case_id = $1 AND state <> 'cancelled' ORDER BY phase DESC LIMIT 1) p
JOIN breach_manifests m ON m.id = p.manifest_id

-- name: people_told
-- The first release of a phase: from then on people are told.
SELECT case_id, min(released_at) FROM breach_manifests
WHERE case_id = ANY ($1::uuid[]) AND released_at IS NOT NULL GROUP BY case_id

-- name: end_reminder
UPDATE breach_reminders SET state = $2, problem = $3, ended_at = now() WHERE id = $1 AND state = 'sending'

-- name: put_reminder_off
UPDATE breach_reminders SET state = 'queued', problem = $2, next_at = $3 WHERE id = $1 AND state = 'sending'

-- name: find_zone
SELECT zone FROM staff_time_zones WHERE staff_id = $1

-- name: save_zone
INSERT INTO staff_time_zones (staff_id, zone) VALUES ($1, $2) ON CONFLICT (staff_id) DO UPDATE SET zone = excluded.zone

-- name: released_alone
SELECT phase FROM breach_manifests
WHERE case_id = $1 AND state = 'released' AND break_glass IS NOT NULL AND second_look_at IS NULL ORDER BY phase
