-- name: store_request
-- Returns nothing if the request was stored before.
INSERT INTO webhook_requests (id, provider, endpoint, request_key, body, events, proven, malformed, brands, named)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8,
        (SELECT coalesce(array_agg(DISTINCT brand), '{}') FROM mailings WHERE id = ANY ($9::uuid[])), $10)
ON CONFLICT (request_key) DO NOTHING RETURNING id

-- name: store_events
-- The person of a token may be erased by now: nothing about them is stored again.
INSERT INTO received_mail (id, brand, mailbox, sender, recipient, peer, helo, content, digest, named, recipient_id, mailing_id)
SELECT e.id, m.brand, 'webhook', $1, $2, '', '', e.content, e.digest, string_to_array(e.named, ' '), e.recipient_id, e.mailing_id
FROM unnest($3::uuid[], $4::uuid[], $5::bigint[], $6::bytea[], $7::bytea[], $8::text[])
    AS e (id, mailing_id, recipient_id, content, digest, named)
JOIN mailings m ON m.id = e.mailing_id
JOIN deliveries d ON d.mailing_id = e.mailing_id AND d.recipient_id = e.recipient_id
JOIN standings s ON s.recipient_id = e.recipient_id AND s.erased_at IS NULL
ON CONFLICT (recipient, digest) DO NOTHING RETURNING id, brand

-- name: list_requests
SELECT id, at, provider, endpoint, events, proven, malformed, octet_length(body) AS octets FROM webhook_requests
WHERE NOT $1::boolean OR malformed > 0 ORDER BY at DESC LIMIT $2

-- name: request_body
SELECT body, brands FROM webhook_requests WHERE id = $1 AND body IS NOT NULL

-- name: forget
DELETE FROM webhook_requests
WHERE id IN (SELECT id FROM webhook_requests WHERE at < now() - $1::interval ORDER BY at LIMIT $2)

-- name: erase
-- The key stays: a repetition of the request must not act.
UPDATE webhook_requests w SET body = NULL, named = '{}'
WHERE w.named && $1::text[] AND NOT EXISTS (SELECT FROM holds h WHERE h.lifted_at IS NULL AND h.named_as && w.named)
