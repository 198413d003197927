-- name: park
INSERT INTO outbox (exchange, routing_key, message_id, headers, body, publisher)
SELECT $1, routing_key, message_id, headers, body, coalesce(publisher, 'role:' || current_user)
FROM unnest($2::text[], $3::text[], $4::jsonb[], $5::text[], $6::text[])
    AS m (routing_key, message_id, headers, body, publisher)

-- name: take
-- The oldest rows that nobody holds, so many that their bodies have $6 octets together, at least one.
WITH free AS MATERIALIZED (
    SELECT id, octet_length(body) AS octets FROM outbox
    WHERE (lease_until IS NULL OR lease_until < now())
      AND (exchange, routing_key) NOT IN (SELECT * FROM unnest($4::text[], $5::text[]))
    ORDER BY id LIMIT $2 FOR UPDATE SKIP LOCKED
), fits AS (
    SELECT id, sum(octets) OVER (ORDER BY id) - octets AS before FROM free
)
UPDATE outbox SET owner = $1, lease_until = now() + $3
WHERE id IN (SELECT id FROM fits WHERE before < $6)
RETURNING id, exchange, routing_key, message_id, headers, body, publisher

-- name: waiting
SELECT count(*) FROM (
    SELECT FROM outbox
    WHERE (exchange, routing_key) IN (SELECT * FROM unnest($1::text[], $2::text[]))
      AND (lease_until IS NULL OR lease_until < now())
    LIMIT $3) AS found

-- name: renew
UPDATE outbox SET lease_until = now() + $2 WHERE owner = $1 AND lease_until > now()

-- name: remove
DELETE FROM outbox WHERE id = ANY ($1::bigint[])

-- name: put_back
UPDATE outbox SET owner = NULL, lease_until = NULL WHERE id = ANY ($1::bigint[])
