-- name: fetches_opens
INSERT INTO opens AS o (mailing_id, day, machine, n)
SELECT mailing_id, $1::date, machine, n FROM unnest($2::uuid[], $3::boolean[], $4::bigint[]) AS k (mailing_id, machine, n)
ON CONFLICT (mailing_id, day, machine) DO UPDATE SET n = o.n + EXCLUDED.n

-- name: fetches_clicks
INSERT INTO clicks AS c (mailing_id, link, day, machine, n)
SELECT mailing_id, link, $1::date, machine, n
FROM unnest($2::uuid[], $3::text[], $4::boolean[], $5::bigint[]) AS k (mailing_id, link, machine, n)
ON CONFLICT (mailing_id, link, day, machine) DO UPDATE SET n = c.n + EXCLUDED.n

-- name: once_opens
INSERT INTO unique_opens (mailing_id, nonce, day)
SELECT mailing_id, nonce, $1::date FROM unnest($2::uuid[], $3::bytea[]) AS k (mailing_id, nonce)
ON CONFLICT DO NOTHING

-- name: once_clicks
INSERT INTO unique_clicks (mailing_id, nonce, link, day)
SELECT mailing_id, nonce, link, $1::date FROM unnest($2::uuid[], $3::text[], $4::bytea[]) AS k (mailing_id, link, nonce)
ON CONFLICT DO NOTHING

-- name: consenting
-- Those of some who still consent. Whoever is just being erased, or withdraws, is waited for.
SELECT s.recipient_id FROM standings s
WHERE s.recipient_id = ANY ({persons}) AND 'tracking' = ANY (s.consents) AND s.tracking_refused_at IS NULL
  AND s.erased_at IS NULL
ORDER BY s.recipient_id FOR SHARE

-- name: persons_opens
INSERT INTO individual_opens (mailing_id, recipient_id, day)
SELECT k.mailing_id, k.recipient_id, $1::date
FROM unnest($2::uuid[], $3::bigint[]) AS k (mailing_id, recipient_id) JOIN ({consenting}) c USING (recipient_id)
ORDER BY k.mailing_id, k.recipient_id
ON CONFLICT DO NOTHING

-- name: persons_clicks
INSERT INTO individual_clicks (mailing_id, recipient_id, link, day)
SELECT k.mailing_id, k.recipient_id, k.link, $1::date
FROM unnest($2::uuid[], $3::text[], $4::bigint[]) AS k (mailing_id, link, recipient_id)
JOIN ({consenting}) c USING (recipient_id)
ORDER BY k.mailing_id, k.recipient_id, k.link
ON CONFLICT DO NOTHING

-- name: mailings
-- How many deliveries were handed over at most.
SELECT m.id, m.brand, m.finished_at IS NOT NULL AS finished,
       (SELECT coalesce(sum(c.n), 0) FROM counters c WHERE c.mailing_id = m.id AND c.state = 'handed_over') AS handed
FROM mailings m WHERE m.id = ANY ($1::uuid[]) ORDER BY m.id

-- name: handed
-- Those who may have read a mailing, each with the mailbox that it went to. Nobody reads at an address that does not
-- exist.
SELECT {standing}, coalesce(d.sent_as, m.category) AS category, s.address_hash AS mailbox
FROM deliveries d JOIN mailings m ON m.id = d.mailing_id
JOIN recipients r ON r.id = d.recipient_id JOIN standings s ON s.recipient_id = d.recipient_id
WHERE d.mailing_id = $1 AND d.state = 'handed_over' AND s.address_hash IS NOT NULL AND s.address_dead_at IS NULL
LIMIT $2

-- name: reader
SELECT {standing}, r.brand
FROM recipients r JOIN standings s ON s.recipient_id = r.id JOIN mailings m ON m.brand = r.brand
WHERE m.id = $1 AND r.id = $2

-- name: park
INSERT INTO parked_opens SELECT unnest($1::bytea[])

-- name: unpark
DELETE FROM parked_opens RETURNING body

-- name: mark
-- Notes a transaction, for longer than anybody asks for it; no row if it was noted before.
WITH old AS (DELETE FROM written_opens WHERE day < current_date - 7)
INSERT INTO written_opens (id) VALUES ($1) ON CONFLICT DO NOTHING RETURNING id
