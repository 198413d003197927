-- name: count
-- What is added is not read: the caller knows it.
WITH added AS (
    INSERT INTO answers (processor, domain, answered, refused)
    SELECT $1, * FROM unnest($2::text[], $3::bigint[], $4::bigint[])
)
SELECT false AS usual, domain, sum(answered)::bigint AS answered, sum(refused)::bigint AS refused FROM answers
WHERE processor = $1 AND at > now() - interval '1 hour' AND (domain IS NULL OR domain = ANY ($5::text[]))
GROUP BY domain
UNION ALL
SELECT true, NULL, coalesce(sum(answered), 0)::bigint, coalesce(sum(refused), 0)::bigint FROM answers
WHERE processor = $1 AND domain IS NULL AND at > now() - interval '30 days' AND at <= now() - interval '1 hour'

-- name: count_reported
-- Reports have a name of their own among the processors: an answer that accepted the message was counted when it came.
-- Of each person one counts in an hour: whoever can write one report can write a thousand, and would have all others doubted.
WITH added AS (
    INSERT INTO answers (processor, domain, answered, refused)
    SELECT $1 || ' reports', NULL, 0, 1
    WHERE NOT EXISTS (SELECT FROM quarantine q WHERE q.processor = $1 AND q.at > now() - interval '1 hour' AND q.recipient_id = $2)
    RETURNING 1
)
SELECT (SELECT count(*) FROM added) + coalesce(sum(refused) FILTER (WHERE processor <> $1 AND at > now() - interval '1 hour'), 0)::bigint AS reported,
       coalesce(sum(answered) FILTER (WHERE processor = $1), 0)::bigint AS answered
FROM answers WHERE processor IN ($1, $1 || ' reports') AND domain IS NULL AND at > now() - interval '3 days'

-- name: record
-- Of a refusal that is written down again, since it was not known that it had been, the later finding holds.
INSERT INTO quarantine AS q
    (processor, mailing_id, recipient_id, attempt, domain, status, address_hash, verdict, address_key)
SELECT $1, k.*, $9 FROM unnest($2::uuid[], $3::bigint[], $4::int[], $5::text[], $6::text[], $7::bytea[], $8::text[]) AS k
ON CONFLICT (mailing_id, recipient_id, attempt) DO UPDATE SET verdict = EXCLUDED.verdict WHERE q.judged_by IS NULL

-- name: believed
-- Those that are believed still, and whose address is still their owner's.
SELECT r.id AS recipient_id, r.brand, q.status, q.mailing_id FROM unnest($1::uuid[], $2::bigint[], $3::int[])
    AS k (mailing_id, recipient_id, attempt)
JOIN quarantine q USING (mailing_id, recipient_id, attempt)
JOIN recipients r ON r.id = q.recipient_id AND r.address_key = q.address_key AND r.address_hash = q.address_hash
WHERE q.verdict = 'believed'
ORDER BY q.id FOR UPDATE OF q

-- name: any_to_retract
SELECT EXISTS (
    SELECT FROM quarantine WHERE processor = $1 AND at > now() - interval '1 hour' AND verdict = 'believed'
        AND judged_by IS NULL AND ($2::text[] IS NULL OR domain = ANY ($2)))

-- name: retract
-- Returns the suppressions that have followed from them.
WITH doubted AS (
    UPDATE quarantine SET verdict = NULL WHERE id IN (
        SELECT id FROM quarantine WHERE processor = $1 AND at > now() - interval '1 hour' AND verdict = 'believed'
            AND judged_by IS NULL AND ($2::text[] IS NULL OR domain = ANY ($2))
        ORDER BY id FOR UPDATE)
    RETURNING recipient_id, address_key, address_hash, at
)
SELECT DISTINCT p.id FROM doubted d JOIN recipients r ON r.id = d.recipient_id
JOIN suppressions p ON p.controller = r.controller AND p.address_key = d.address_key AND p.address_hash = d.address_hash
WHERE p.reason = 'address_dead' AND p.actor = 'processor' AND p.at >= d.at AND p.lifted_at IS NULL

-- name: groups
SELECT processor, domain, min(since) AS since, max(until) AS until, sum(n)::bigint AS waiting,
       jsonb_object_agg(status, n) AS statuses
FROM (SELECT processor, domain, date_trunc('hour', at) AS hour, status, min(at) AS since, max(at) AS until,
             count(*) AS n
      FROM quarantine WHERE verdict IS NULL AND ($1::text IS NULL OR processor = $1)
      GROUP BY processor, domain, date_trunc('hour', at), status) s
GROUP BY processor, domain, hour
ORDER BY hour DESC, waiting DESC, processor, domain

-- name: cases
SELECT q.id, q.processor, r.brand, q.mailing_id, q.recipient_id, q.attempt, q.status,
       coalesce(d.sent_as, m.category) AS category, d.state, coalesce(d.reason, '') AS reason
FROM quarantine q JOIN recipients r ON r.id = q.recipient_id
LEFT JOIN mailings m ON m.id = q.mailing_id
LEFT JOIN deliveries d ON d.mailing_id = q.mailing_id AND d.recipient_id = q.recipient_id AND d.attempt = q.attempt
    AND (d.state = 'held' AND d.reason = 'quarantined'
         OR d.state = 'failed' AND d.reason = q.status AND m.state = 'released')
WHERE q.verdict IS NULL AND q.processor = $1 AND ($2::text IS NULL OR q.domain = $2) AND q.at BETWEEN $3 AND $4
ORDER BY q.id LIMIT $5

-- name: believe
-- Whose address is still the one that was refused.
SELECT r.id AS recipient_id, r.brand, q.status, q.processor FROM quarantine q
JOIN recipients r ON r.id = q.recipient_id AND r.address_key = q.address_key AND r.address_hash = q.address_hash
WHERE q.id = ANY ($1::bigint[])
ORDER BY q.id

-- name: close
UPDATE quarantine SET verdict = $2, judged_at = now(), judged_by = $3 WHERE id = ANY ($1::bigint[]) AND verdict IS NULL

-- name: reopen
UPDATE mailings SET finished_at = NULL WHERE id = ANY ($1::uuid[]) AND finished_at IS NOT NULL

-- name: fold
-- By the minute within the last hour, by the hour before it; domains are only looked at for an hour.
WITH old AS (
    SELECT ctid, bucket, count(*) OVER (PARTITION BY processor, domain, bucket) AS n
    FROM (SELECT ctid, processor, domain,
                 date_trunc(CASE WHEN at > now() - interval '1 hour' THEN 'minute' ELSE 'hour' END, at) AS bucket
          FROM answers WHERE at < date_trunc('minute', now())) b
), gone AS (
    DELETE FROM answers a USING old WHERE a.ctid = old.ctid AND old.n > 1
    RETURNING a.processor, a.domain, old.bucket, a.answered, a.refused
)
INSERT INTO answers SELECT processor, domain, bucket, sum(answered), sum(refused) FROM gone GROUP BY 1, 2, 3

-- name: forget_answers
DELETE FROM answers
WHERE at < now() - interval '30 days' OR domain IS NOT NULL AND at < now() - interval '1 hour'

-- name: forget_believed
-- Nobody doubts them any more.
DELETE FROM quarantine WHERE verdict = 'believed' AND judged_by IS NULL AND at < now() - interval '1 hour'
