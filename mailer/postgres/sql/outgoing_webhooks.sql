-- name: add
-- Returns nothing if the brand has an endpoint with this URL.
INSERT INTO outgoing_webhooks (brand, url, kinds, secret) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING RETURNING id

-- name: list
SELECT e.id, e.brand, e.url, e.kinds, e.created_at, e.failing_since, e.last_error, e.disabled_at, e.disabled_reason,
       (SELECT count(*) FROM (SELECT FROM outgoing_webhook_messages m WHERE m.webhook_id = e.id AND m.due_at IS NOT NULL
                              LIMIT 10000) few) AS waiting
FROM outgoing_webhooks e ORDER BY e.brand, e.id

-- name: disable
-- A person can also take note of what mailer disabled.
UPDATE outgoing_webhooks SET disabled_at = now(), disabled_reason = $2
WHERE id = $1 AND (disabled_at IS NULL OR ($2 = 'person' AND disabled_reason <> 'person'))
RETURNING brand

-- name: enable
UPDATE outgoing_webhooks SET disabled_at = NULL, disabled_reason = NULL, failing_since = NULL, not_before = NULL, last_error = NULL
WHERE id = $1 AND disabled_at IS NOT NULL RETURNING brand

-- name: rotate
UPDATE outgoing_webhooks SET old_secret = secret, old_secret_until = now() + $3::interval, secret = $2
WHERE id = $1 RETURNING brand

-- name: brand
SELECT brand FROM outgoing_webhooks WHERE id = $1

-- name: enabled
SELECT EXISTS (SELECT FROM outgoing_webhooks WHERE disabled_at IS NULL)

-- name: target
SELECT id, brand, url, failing_since, secret, CASE WHEN old_secret_until > now() THEN old_secret END AS old_secret
FROM outgoing_webhooks WHERE id = $1

-- name: targets
SELECT e.id, e.brand, e.url, e.failing_since, e.secret, CASE WHEN e.old_secret_until > now() THEN e.old_secret END AS old_secret
FROM outgoing_webhooks e
WHERE e.disabled_at IS NULL AND (e.not_before IS NULL OR e.not_before <= now())
  AND EXISTS (SELECT FROM outgoing_webhook_messages m WHERE m.webhook_id = e.id AND m.due_at <= now())
ORDER BY e.id

-- name: take
-- Whoever takes a message and dies leaves it to the next one after the lease.
WITH due AS (
    SELECT m.id FROM outgoing_webhook_messages m JOIN outgoing_webhooks e ON e.id = m.webhook_id
    WHERE m.webhook_id = $1 AND m.due_at <= now() AND e.disabled_at IS NULL AND (e.not_before IS NULL OR e.not_before <= now())
    ORDER BY m.due_at LIMIT $2 FOR UPDATE OF m SKIP LOCKED
), taken AS (
    UPDATE outgoing_webhook_messages m SET due_at = now() + $3::interval, tries = m.tries + 1
    FROM due WHERE m.id = due.id
    RETURNING m.*
)
SELECT t.id, t.tries, t.state AS kind, t.at, jsonb_build_object(
    'v', 2, 'at', t.at, 'brand', e.brand, 'category', t.category, 'state', t.state, 'mailings', (
        SELECT jsonb_agg(jsonb_build_object(
            'mailing', o.mailing_id, 'event', o.event_id, 'campaign', o.campaign, 'deliveries', o.deliveries))
        FROM (SELECT u.mailing_id, g.event_id, g.campaign, jsonb_agg(jsonb_build_object(
                  'ref', r.ref, 'reason', u.reason, 'attempt', u.attempt)) AS deliveries
              FROM unnest(t.mailing_ids, t.recipient_ids, t.reasons, t.attempts)
                  AS u (mailing_id, recipient_id, reason, attempt)
              LEFT JOIN mailings g ON g.id = u.mailing_id
              LEFT JOIN recipients r ON r.id = u.recipient_id
              GROUP BY u.mailing_id, g.event_id, g.campaign ORDER BY u.mailing_id) o)) AS outcome
FROM taken t JOIN outgoing_webhooks e ON e.id = t.webhook_id

-- name: accepted
WITH done AS (
    UPDATE outgoing_webhook_messages SET due_at = NULL, delivered_at = now() WHERE id = $2
)
UPDATE outgoing_webhooks SET failing_since = NULL, last_error = NULL WHERE id = $1 AND failing_since IS NOT NULL

-- name: failed
WITH again AS (
    UPDATE outgoing_webhook_messages SET due_at = $3 WHERE id = $2 AND delivered_at IS NULL
)
UPDATE outgoing_webhooks
SET failing_since = coalesce(failing_since, now()), not_before = greatest(not_before, $4), last_error = $5
WHERE id = $1

-- name: replay
UPDATE outgoing_webhook_messages SET due_at = now(), delivered_at = NULL, tries = 0
WHERE id IN (SELECT id FROM outgoing_webhook_messages WHERE webhook_id = $1 AND at >= $2 AND at < $3 AND id > $4
             ORDER BY id LIMIT $5)
RETURNING id

-- name: forget
DELETE FROM outgoing_webhook_messages
WHERE id IN (SELECT id FROM outgoing_webhook_messages WHERE at < now() - $1::interval ORDER BY at LIMIT $2)
RETURNING id
