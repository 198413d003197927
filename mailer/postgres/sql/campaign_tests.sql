-- name: readers
SELECT s.id AS staff_id, s.shown_name AS name FROM staff s
WHERE s.disabled_at IS NULL
  AND EXISTS (SELECT FROM staff_roles r WHERE r.staff_id = s.id AND r.brand IN ('*', $1))
ORDER BY s.name LIMIT 500

-- name: lock_campaign
SELECT FROM campaigns WHERE id = $1 FOR UPDATE

-- name: count_lately
SELECT count(*) FROM campaign_tests WHERE brand = $1 AND requested_at > now() - interval '1 hour'

-- name: order
INSERT INTO campaign_tests (id, campaign_id, brand, revision, draft, variant, locale, staff_id, requested_by)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)

-- name: list
SELECT t.id, t.revision, t.variant, t.locale, s.shown_name AS reader,
    CASE WHEN t.state = 'sending' AND t.begun_at < now() - interval '10 minutes' THEN 'in_doubt' ELSE t.state END AS state,
    t.problem, t.requested_by, t.requested_at, t.ended_at
FROM campaign_tests t JOIN staff s ON s.id = t.staff_id
WHERE t.campaign_id = $1 ORDER BY t.requested_at DESC, t.id DESC LIMIT $2

-- name: claim
-- Without an address, if the reader is no staff of the brand any more.
WITH next AS (
    SELECT id FROM campaign_tests WHERE state = 'queued' ORDER BY requested_at LIMIT 1 FOR UPDATE SKIP LOCKED)
UPDATE campaign_tests t SET state = 'sending', owner = $1, begun_at = now()
FROM next, staff s WHERE t.id = next.id AND s.id = t.staff_id
RETURNING t.id, t.campaign_id, t.brand, t.draft, t.variant, t.locale, s.shown_name AS name,
    CASE WHEN s.disabled_at IS NULL AND EXISTS (SELECT FROM staff_roles r WHERE r.staff_id = s.id AND r.brand IN ('*', t.brand))
         THEN s.email ELSE '' END AS address

-- name: end
UPDATE campaign_tests SET state = $2, problem = $3, ended_at = now(), draft = NULL WHERE id = $1 AND state = 'sending'
