-- name: keep
INSERT INTO dead_letters (reason, exchange, routing_key, message_id, publisher, body, kind, named)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8)

-- name: latest
SELECT * FROM dead_letters WHERE {chosen} ORDER BY id DESC LIMIT $10

-- name: page
-- Looks at a bounded number. The bodies are not read: their sizes stand in their headers.
SELECT l.*, {chosen} AS fits FROM (
    SELECT id, at, kind, reason, exchange, routing_key, message_id, publisher, octet_length(body) AS size, replayed_at
    FROM dead_letters d WHERE d.id <= $2 AND d.id >= $1 ORDER BY d.id DESC LIMIT $10) l
ORDER BY l.id DESC

-- name: page_of_open
-- The same for those that nobody has replayed, which have an index of their own.
SELECT l.*, {chosen} AS fits FROM (
    SELECT id, at, kind, reason, exchange, routing_key, message_id, publisher, octet_length(body) AS size, replayed_at
    FROM dead_letters d WHERE d.replayed_at IS NULL AND d.id <= $2 AND d.id >= $1 ORDER BY d.id DESC LIMIT $10) l
ORDER BY l.id DESC

-- name: replayable
SELECT id FROM dead_letters
WHERE {chosen} AND exchange = 'mailer.events' AND publisher <> '' AND kind <> 'too_large' AND octet_length(body) <= $10 ORDER BY id

-- name: replayable_page
-- Looks at a bounded number, the oldest first. `{among}` lets the index of those that nobody has replayed be used.
WITH looked AS MATERIALIZED (
    SELECT id, at, kind, reason, exchange, routing_key, publisher, octet_length(body) AS size, replayed_at
    FROM dead_letters d WHERE {among} d.id >= $1 AND d.id <= $2 ORDER BY d.id LIMIT $12), found AS MATERIALIZED (
    SELECT id, reason FROM looked
    WHERE {chosen} AND exchange = 'mailer.events' AND publisher <> '' AND kind <> 'too_large' AND size <= $10
    ORDER BY id LIMIT $11)
SELECT ARRAY(SELECT id FROM found ORDER BY id) AS ids,
       CASE WHEN $13 THEN ARRAY(SELECT reason FROM found ORDER BY id) END AS reasons,
       (SELECT count(*) FROM looked) AS looked_at, (SELECT max(id) FROM looked) AS last_id

-- name: chosen
id >= $1 AND id <= $2 AND ($3::timestamptz IS NULL OR at >= $3) AND ($4::timestamptz IS NULL OR at < $4)
AND ($5::text IS NULL OR kind = $5) AND ($6::text IS NULL OR strpos(reason, $6) > 0)
AND ($7::text IS NULL OR routing_key = $7 OR starts_with(routing_key, $7 || '.'))
AND ($8 OR replayed_at IS NULL) AND ($9::text[] IS NULL OR split_part(routing_key, '.', 1) = ANY ($9))

-- name: one
SELECT * FROM dead_letters WHERE id = $1

-- name: replayed
-- Only events of somebody are published again: nobody has no rights, and what claims to be a batch or an outcome is mailer's own to say.
UPDATE dead_letters SET replayed_at = now()
WHERE id = $1 AND exchange = 'mailer.events' AND publisher <> '' AND kind <> 'too_large' AND ($2 OR replayed_at IS NULL)
RETURNING routing_key, message_id, publisher

-- name: park
INSERT INTO outbox (routing_key, message_id, body, publisher) VALUES ($1, $2, $3, $4)

-- name: unread
-- Those that were kept by a version which did not look at who is named in them.
SELECT id, routing_key, message_id, body FROM dead_letters WHERE named IS NULL ORDER BY id LIMIT $1

-- name: read
UPDATE dead_letters SET named = $2 WHERE id = $1

-- name: forget
DELETE FROM dead_letters WHERE id IN (
    SELECT id FROM dead_letters d WHERE at < now() - $1::interval
      AND NOT EXISTS (SELECT FROM holds h WHERE h.lifted_at IS NULL AND h.named_as && d.named)
    ORDER BY at LIMIT $2 FOR UPDATE SKIP LOCKED)
