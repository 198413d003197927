-- name: store
-- Returns the ids of those that were not stored before.
INSERT INTO received_mail (id, brand, mailbox, sender, recipient, peer, helo, content, digest, named)
SELECT id, brand, mailbox, sender, recipient, peer, helo, content, digest, string_to_array(named, ' ')
FROM unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::bytea[], $9::bytea[], $10::text[])
    AS m (id, brand, mailbox, sender, recipient, peer, helo, content, digest, named)
ON CONFLICT (recipient, digest) DO NOTHING RETURNING id

-- name: collect
-- Returns nothing if the message was collected before.
INSERT INTO collected_mail (digest) VALUES ($1) ON CONFLICT (digest) DO NOTHING RETURNING digest

-- name: unhandled
SELECT id, at, brand, mailbox, sender, recipient, peer, helo, content FROM received_mail
WHERE id = ANY ($1::uuid[]) AND state = 'received' AND content IS NOT NULL

-- name: finish
-- Returns nothing if it was finished before. A bounce, complaint or opt-out is told in the same statement. Complaints and hard
-- bounces count against the mail of the hour of the mail that they are about, and of each person once in a week: whoever can
-- write one report can write a thousand.
WITH done AS (
    UPDATE received_mail
    SET state = CASE WHEN $3 = 'waits' THEN 'waiting' ELSE 'handled' END, kind = $2, effect = $3, reason = $4, recipient_id = $5,
        mailing_id = $6, handled_at = now(), suggested = $10, is_writer_proven = $15
    WHERE id = $1 AND state = 'received' RETURNING id
), news AS MATERIALIZED (
    SELECT r.brand, m.category, $7::text AS state, m.id AS mailing_id, m.event_id, m.campaign, r.id AS recipient_id, r.ref,
           d.attempt
    FROM done JOIN recipients r ON r.id = $5
    LEFT JOIN mailings m ON m.id = $6
    LEFT JOIN deliveries d ON d.mailing_id = $6 AND d.recipient_id = $5
    WHERE $7::text IS NOT NULL
), told AS (
    INSERT INTO outbox (exchange, routing_key, body)
    SELECT 'mailer.outcomes', concat_ws('.', brand, coalesce(category, 'none'), state),
           jsonb_build_object(
               'v', 2, 'at', now(), 'brand', brand, 'category', category, 'state', state,
               'mailings', jsonb_build_array(jsonb_build_object(
                   'mailing', mailing_id, 'event', event_id, 'campaign', campaign, 'deliveries',
                   jsonb_build_array(jsonb_build_object('ref', ref, 'reason', $8::text, 'attempt', attempt)))))
    FROM news WHERE $9::boolean
), posted AS (
    INSERT INTO outgoing_webhook_messages (webhook_id, category, state, mailing_ids, recipient_ids, reasons, attempts)
    SELECT e.id, n.category, n.state, ARRAY[n.mailing_id], ARRAY[n.recipient_id], ARRAY[$8::text], ARRAY[n.attempt]
    FROM news n JOIN outgoing_webhooks e ON e.brand = n.brand AND e.disabled_at IS NULL AND n.state = ANY (e.kinds)
), counted AS (
    INSERT INTO feedback_counts AS f (brand, processor, provider, hour, complaints, hard_bounces)
    SELECT $11::text, $12::text, $13::text, date_trunc('hour', $14::timestamptz), ($3 = 'complaint')::int, ($3 = 'address_dead')::int FROM done
    WHERE $11::text IS NOT NULL AND $3 IN ('complaint', 'address_dead')
      AND NOT EXISTS (SELECT FROM received_mail m WHERE m.recipient_id = $5 AND m.id <> $1 AND m.effect = $3
                      AND m.handled_at > now() - interval '7 days')
    ON CONFLICT (brand, processor, provider, hour) DO UPDATE
        SET complaints = f.complaints + EXCLUDED.complaints, hard_bounces = f.hard_bounces + EXCLUDED.hard_bounces
)
SELECT id FROM done

-- name: queue_late
-- A message that is handled meanwhile is handled once, however often its id arrives.
UPDATE received_mail SET queued_at = now()
WHERE id IN (SELECT id FROM received_mail WHERE state = 'received' AND queued_at < now() - $1::interval
             ORDER BY queued_at LIMIT $2 FOR UPDATE SKIP LOCKED)
RETURNING id, brand

-- name: lock_writer
SELECT FROM recipients WHERE id = $1 FOR NO KEY UPDATE

-- name: acknowledge
-- Returns the person, and whether an answer is due. A letter of a thread that has an answer joins the thread.
WITH earlier AS (
    SELECT coalesce(bool_or(thread && $3::bytea[]), false) AS is_answered,
           count(*) FILTER (WHERE acknowledged_at > now() - interval '1 day') >= $4 AS is_enough
    FROM received_mail WHERE recipient_id = $2 AND thread IS NOT NULL
)
UPDATE received_mail m
SET thread = CASE WHEN is_answered OR NOT is_enough THEN $3::bytea[] END,
    acknowledged_at = CASE WHEN NOT (is_answered OR is_enough) THEN now() END
FROM earlier, recipients r WHERE m.id = $1 AND r.id = $2
RETURNING r.ref, r.country, m.acknowledged_at IS NOT NULL AS is_due

-- name: deliveries
-- Whoever changes their address may give a stranger's: an hour is left for a mail that was under way.
SELECT m.brand, coalesce(d.sent_as, m.category) AS category, d.mailing_id, d.recipient_id, d.attempt, r.email AS address,
       h.processor, EXISTS (SELECT FROM former_addresses f WHERE f.recipient_id = d.recipient_id
                            AND f.at > coalesce(h.at, m.created_at) - interval '1 hour') AS has_moved,
       h.at AS handed_over_at
FROM unnest($1::uuid[], $2::bigint[]) AS k (mailing_id, recipient_id)
CROSS JOIN LATERAL (SELECT * FROM deliveries o WHERE o.mailing_id = k.mailing_id AND o.recipient_id = k.recipient_id OFFSET 0) d
JOIN mailings m ON m.id = d.mailing_id JOIN recipients r ON r.id = d.recipient_id
LEFT JOIN LATERAL (SELECT l.processor, l.at FROM ledger l
                   WHERE l.mailing_id = d.mailing_id AND l.recipient_id = d.recipient_id AND l.kind = 'hand_over'
                   ORDER BY l.at DESC LIMIT 1) h ON true
WHERE d.attempt > 0

-- name: with_address
SELECT r.id FROM recipients r JOIN standings s ON s.recipient_id = r.id
WHERE r.controller = $1 AND r.address_key = $2 AND r.address_hash = $3 AND r.brand = $4 AND s.erased_at IS NULL
ORDER BY r.id LIMIT 1

-- name: address_of_ref
SELECT email FROM recipients WHERE brand = $1 AND ref = $2

-- name: listed
SELECT id, at, brand, mailbox, sender, state,
       kind, effect, reason, recipient_id, mailing_id, octet_length(content) AS octets, suggested, is_writer_proven
FROM received_mail WHERE ($1::text[] IS NULL OR brand = ANY($1)) ORDER BY at DESC LIMIT $2

-- name: waiting
SELECT id, at, brand, mailbox, sender, state, kind, effect, reason, recipient_id, mailing_id, octet_length(content) AS octets, suggested, is_writer_proven
FROM received_mail WHERE state = 'waiting' AND ($1::text[] IS NULL OR brand = ANY($1))
  AND (at, id) > (coalesce((SELECT l.at FROM received_mail l WHERE l.id = $3), '-infinity'), coalesce($3::uuid, '00000000-0000-0000-0000-000000000000'))
ORDER BY at, id LIMIT $2

-- name: asking
SELECT id, at, brand, mailbox, sender, state, kind, effect, reason, recipient_id, mailing_id, octet_length(content) AS octets, suggested, is_writer_proven
FROM received_mail WHERE state = 'waiting' AND cardinality(suggested) > 0 AND ($1::text[] IS NULL OR brand = ANY($1))
  AND (at, id) > (coalesce((SELECT l.at FROM received_mail l WHERE l.id = $3), '-infinity'), coalesce($3::uuid, '00000000-0000-0000-0000-000000000000'))
ORDER BY at, id LIMIT $2

-- name: one
SELECT id, at, brand, mailbox, sender, state, kind, effect, reason, recipient_id, mailing_id, octet_length(content) AS octets, suggested, is_writer_proven, content
FROM received_mail WHERE id = $1

-- name: facts
SELECT id, at, brand, mailbox, sender, state, kind, effect, reason, recipient_id, mailing_id, octet_length(content) AS octets, suggested, is_writer_proven
FROM received_mail WHERE id = $1

-- name: close
UPDATE received_mail SET state = 'handled', closed_by = $2 WHERE id = $1 AND state = 'waiting' RETURNING brand

-- name: forget
-- What waits for a person is kept until they have looked at it, and what a legal hold names as long as the hold stands.
UPDATE received_mail SET content = NULL, digest = NULL, sender = '', recipient = '', helo = '', peer = '', named = '{}'
WHERE id IN (SELECT id FROM received_mail m WHERE content IS NOT NULL AND state = 'handled' AND at < now() - $1::interval
               AND NOT EXISTS (SELECT FROM holds h WHERE h.lifted_at IS NULL
                               AND (h.recipient_id = m.recipient_id OR h.named_as && m.named))
             ORDER BY at LIMIT $2)

-- name: erase
UPDATE received_mail m SET content = NULL, digest = NULL, sender = '', recipient = '', helo = '', peer = '', named = '{}', reason = NULL, thread = NULL, suggested = NULL,
    state = 'handled', handled_at = coalesce(handled_at, now()), recipient_id = NULL, is_writer_proven = false
WHERE (m.recipient_id = $1 OR m.named && $2::text[])
  AND NOT EXISTS (SELECT FROM holds h WHERE h.lifted_at IS NULL AND h.named_as && m.named)
