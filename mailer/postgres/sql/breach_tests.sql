-- name: lock_reader
SELECT FROM staff WHERE id = $1 FOR NO KEY UPDATE

-- name: count_lately
SELECT count(*) FROM breach_tests WHERE staff_id = $1 AND requested_at > now() - interval '1 hour'

-- name: order
INSERT INTO breach_tests (id, case_id, phase, revision, facts, draft, variant, locale, staff_id)
SELECT $1, c.id, p.phase, p.revision, c.facts, p.draft, $4::text, $5::text, $6
FROM breach_cases c JOIN breach_phases p ON p.case_id = c.id
WHERE c.id = $2 AND p.phase = $3 AND p.draft #> ARRAY['variants', $4::text, 'texts', $5::text] IS NOT NULL
RETURNING revision, (SELECT brand FROM breach_cases WHERE id = $2) AS brand

-- name: list
SELECT variant, locale, revision, requested_at, problem,
    CASE WHEN state = 'sending' AND begun_at < now() - interval '10 minutes' THEN 'in_doubt' ELSE state END AS state
FROM breach_tests WHERE case_id = $1 AND phase = $2 AND staff_id = $3 ORDER BY requested_at DESC, id DESC LIMIT $4

-- name: claim
-- Without an address, if the reader may not see cases of the brand any more.
WITH next AS (
    SELECT id FROM breach_tests WHERE state = 'queued' ORDER BY requested_at LIMIT 1 FOR UPDATE SKIP LOCKED)
UPDATE breach_tests t SET state = 'sending', owner = $1, begun_at = now()
FROM next, breach_cases c, staff s WHERE t.id = next.id AND c.id = t.case_id AND s.id = t.staff_id
RETURNING t.id, t.case_id, t.phase, c.brand, t.facts, t.draft, t.variant, t.locale, s.shown_name AS name,
    CASE WHEN s.disabled_at IS NULL AND EXISTS (
        SELECT FROM staff_roles r WHERE r.staff_id = s.id AND r.brand IN ('*', c.brand) AND r.role = ANY ($2::text[]))
    THEN s.email ELSE '' END AS address

-- name: end
UPDATE breach_tests SET state = $2, problem = $3, ended_at = now(), facts = NULL, draft = NULL
WHERE id = $1 AND state = 'sending'
