-- name: publish
INSERT INTO public_notices (id, brand, texts, digest, first_day, last_day, drafted_by, released_by, released_at, case_id, phase)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, CASE WHEN $8::text IS NOT NULL THEN now() END, $9, $10)

-- name: rules_of_phase
SELECT rules FROM breach_manifests WHERE case_id = $1 AND phase = $2 AND state = 'released'

-- name: of_case
SELECT id, brand, texts, first_day, last_day, drafted_by, released_by, released_at, withdrawn_by, withdrawn_at,
       seen_first_at, seen_last_at, missed_at, phase
FROM public_notices WHERE case_id = $1 ORDER BY drafted_at DESC, id DESC LIMIT 100

-- name: gaps
SELECT g.notice_id, g.began_at, g.last_seen_at, g.ended_at FROM public_notice_gaps g
JOIN public_notices n ON n.id = g.notice_id WHERE n.case_id = $1 ORDER BY g.began_at LIMIT 1000
