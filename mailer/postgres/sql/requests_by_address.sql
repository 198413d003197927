-- name: store
-- Stores a request if nothing that it counts for has reached its limit; else returns the limit. Never looks for a recipient.
WITH wanted AS (
    SELECT counted, key, most,
           date_trunc(CASE counted WHEN 'brand' THEN 'hour' ELSE 'day' END, now(), 'UTC') AS since
    FROM unnest($5::text[], $6::bytea[], $7::integer[]) AS w (counted, key, most)
), reached AS (
    SELECT f.counted FROM wanted f JOIN leave_request_counts c ON c.brand = $1 AND (c.counted, c.key, c.since) = (f.counted, f.key, f.since)
    WHERE c.n >= f.most
), counts AS (
    INSERT INTO leave_request_counts AS c (brand, counted, key, since, n)
    SELECT $1, w.counted, w.key, w.since, 1 FROM wanted w
    WHERE NOT EXISTS (SELECT FROM reached)
    ORDER BY w.counted, w.key
    ON CONFLICT (brand, counted, key, since) DO UPDATE SET n = c.n + 1
    WHERE c.n < (SELECT f.most FROM wanted f WHERE (f.counted, f.key) = (c.counted, c.key))
    RETURNING c.counted, c.key
), refused AS (
    SELECT counted FROM reached
    UNION ALL
    SELECT w.counted FROM wanted w WHERE NOT EXISTS (SELECT FROM counts c WHERE (c.counted, c.key) = (w.counted, w.key))
      AND NOT EXISTS (SELECT FROM reached)
), stored AS (
    INSERT INTO leave_requests (brand, controller, address_key, address_hashes, wanted)
    SELECT $1, $2, $3, $4::bytea[], $8 WHERE NOT EXISTS (SELECT FROM refused)
)
SELECT counted FROM refused ORDER BY counted = 'address', counted = 'network' LIMIT 1

-- name: take
-- Deletes the oldest requests, and returns the recipients whose address was typed, without the erased. Those who have
-- waited longest for such a link come first, so that the next request reaches whom this one did not; then those who still
-- get optional mail.
WITH taken AS (
    DELETE FROM leave_requests WHERE id = ANY (ARRAY(
        SELECT id FROM leave_requests ORDER BY id LIMIT $1 FOR UPDATE SKIP LOCKED))
    RETURNING id, brand, controller, address_key, address_hashes, wanted, asked_at
)
SELECT t.id, t.brand, t.wanted, t.asked_at, p.ref, p.id AS recipient_id, p.generation
FROM taken t LEFT JOIN LATERAL (
    SELECT r.ref, r.id, s.generation FROM recipients r JOIN standings s ON s.recipient_id = r.id
    WHERE r.controller = t.controller AND r.address_key = t.address_key AND r.address_hash = ANY (t.address_hashes)
      AND r.brand = t.brand AND s.erased_at IS NULL
    ORDER BY (SELECT max(d.asked_at) FROM data_requests d WHERE d.recipient_id = r.id AND d.wanted = t.wanted) NULLS FIRST,
             '*' = ANY (s.opted_out), r.id LIMIT $2
) p ON true
ORDER BY t.id

-- name: forget_counts
DELETE FROM leave_request_counts WHERE (brand, counted, key, since) IN (
    SELECT brand, counted, key, since FROM leave_request_counts WHERE since < date_trunc('day', now(), 'UTC')
    ORDER BY since LIMIT $1 FOR UPDATE SKIP LOCKED)
