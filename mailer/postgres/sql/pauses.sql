-- name: pause
INSERT INTO pauses AS p (processor, category, domain, until, reason, says)
SELECT DISTINCT ON (processor, category, domain) processor, category, domain, until, reason, says
FROM unnest($1::text[], $2::text[], $3::text[], $4::timestamptz[], $5::text[], $6::text[])
    AS k (processor, category, domain, until, reason, says)
ORDER BY processor, category, domain, until DESC
ON CONFLICT (processor, category, domain) DO UPDATE
    SET until = EXCLUDED.until, reason = EXCLUDED.reason, says = EXCLUDED.says WHERE p.until < EXCLUDED.until

-- name: paused
SELECT processor, category, domain, until, reason, says FROM pauses WHERE until > now()
ORDER BY processor, category, domain

-- name: forget
DELETE FROM pauses WHERE until < now() - interval '1 day'

-- name: lift
-- What waits is looked at once every worker has read that they are over; whatever else keeps it does so again.
WITH lifted AS (
    DELETE FROM pauses WHERE processor = $1 AND until > now() RETURNING 1
), due AS (
    UPDATE batches SET due_at = now() + $2::interval WHERE id IN (
        SELECT b.id FROM batches b JOIN mailings m ON m.id = b.mailing_id
        WHERE b.state = 'queued' AND b.due_at > now() + $2::interval AND b.due_at < 'infinity'
          AND coalesce(m.send_at, now()) <= now() AND EXISTS (SELECT FROM lifted)
        FOR UPDATE OF b SKIP LOCKED)
)
SELECT FROM lifted
