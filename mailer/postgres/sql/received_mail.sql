-- name: store
-- Returns the ids of those that were not stored before.
INSERT INTO received_mail (id, brand, mailbox, sender, recipient, peer, helo, content, digest, named)
SELECT id, brand, mailbox, sender, recipient, peer, helo, content, digest, string_to_array(named, ' ')
FROM unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::bytea[], $9::bytea[], $10::text[])
    AS m (id, brand, mailbox, sender, recipient, peer, helo, content, digest, named)
ON CONFLICT (recipient, digest) DO NOTHING RETURNING id

-- name: unhandled
SELECT id, at, brand, mailbox, sender, recipient, peer, helo, content FROM received_mail
WHERE id = $1 AND state = 'received' AND content IS NOT NULL

-- name: finish
-- Returns nothing if it was finished before.
UPDATE received_mail
SET state = CASE WHEN $3 = 'waits' THEN 'waiting' ELSE 'handled' END, kind = $2, effect = $3, reason = $4, recipient_id = $5,
    mailing_id = $6, handled_at = now()
WHERE id = $1 AND state = 'received' RETURNING id

-- name: delivery
-- Whoever changes their address may give a stranger's: an hour is left for a mail that was under way.
SELECT m.brand, coalesce(d.sent_as, m.category) AS category, d.mailing_id, d.recipient_id, d.attempt, r.email AS address,
       h.processor, EXISTS (SELECT FROM former_addresses f WHERE f.recipient_id = d.recipient_id
                            AND f.at > coalesce(h.at, m.created_at) - interval '1 hour') AS has_moved
FROM deliveries d JOIN mailings m ON m.id = d.mailing_id JOIN recipients r ON r.id = d.recipient_id
LEFT JOIN LATERAL (SELECT l.processor, l.at FROM ledger l
                   WHERE l.mailing_id = d.mailing_id AND l.recipient_id = d.recipient_id AND l.kind = 'hand_over'
                   ORDER BY l.at DESC LIMIT 1) h ON true
WHERE d.mailing_id = $1 AND d.recipient_id = $2 AND d.attempt > 0

-- name: with_address
SELECT r.id FROM recipients r JOIN standings s ON s.recipient_id = r.id
WHERE r.controller = $1 AND r.address_key = $2 AND r.address_hash = $3 AND r.brand = $4 AND s.erased_at IS NULL
ORDER BY r.id LIMIT 1

-- name: address_of_ref
SELECT email FROM recipients WHERE brand = $1 AND ref = $2

-- name: soft_bounce
WITH added AS (
    INSERT INTO soft_bounces AS b (recipient_id, address_hash, day, status) VALUES ($1, $2, current_date, $3)
    ON CONFLICT (recipient_id, address_hash, day) DO UPDATE SET status = EXCLUDED.status
)
SELECT count(*) + 1 FROM soft_bounces
WHERE recipient_id = $1 AND address_hash = $2 AND day > current_date - 30 AND day < current_date

-- name: listed
SELECT id, at, brand, mailbox, sender, state,
       kind, effect, reason, recipient_id, mailing_id, octet_length(content) AS octets
FROM received_mail WHERE ($1::text IS NULL OR brand = $1) ORDER BY at DESC LIMIT $2

-- name: waiting
SELECT id, at, brand, mailbox, sender, state, kind, effect, reason, recipient_id, mailing_id, octet_length(content) AS octets
FROM received_mail WHERE state = 'waiting' AND ($1::text IS NULL OR brand = $1) ORDER BY at LIMIT $2

-- name: one
SELECT id, at, brand, mailbox, sender, state, kind, effect, reason, recipient_id, mailing_id, octet_length(content) AS octets, content
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
UPDATE received_mail m SET content = NULL, digest = NULL, sender = '', recipient = '', helo = '', peer = '', named = '{}', reason = NULL,
    state = 'handled', handled_at = coalesce(handled_at, now()), recipient_id = NULL
WHERE (m.recipient_id = $1 OR m.named && $2::text[])
  AND NOT EXISTS (SELECT FROM holds h WHERE h.lifted_at IS NULL AND h.named_as && m.named)
