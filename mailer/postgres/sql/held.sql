-- name: release
-- The timekeeper cuts batches of them, as of all that is due.
WITH released AS (
    UPDATE deliveries SET due_at = now()
    WHERE mailing_id = $1 AND state = 'held' AND (reason = ANY ($2::text[]) OR due_at IS NULL AND starts_with(reason, $3))
    RETURNING 1
)
SELECT m.brand, (SELECT count(*) FROM released) AS n FROM mailings m WHERE m.id = $1

-- name: doubted
SELECT d.mailing_id, d.recipient_id, d.attempt, m.brand, coalesce(d.sent_as, m.category) AS category
FROM deliveries d JOIN mailings m ON m.id = d.mailing_id
WHERE d.mailing_id = $1 AND d.state = 'held' AND d.reason = $2
ORDER BY d.recipient_id LIMIT $3
