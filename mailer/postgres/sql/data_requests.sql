-- name: add
INSERT INTO data_requests (id, brand, recipient_id, wanted, generation, asked_at, due_at)
SELECT * FROM unnest($1::uuid[], $2::text[], $3::bigint[], $4::text[], $5::integer[], $6::timestamptz[], $7::timestamptz[])

-- name: one
SELECT d.id, d.brand, d.recipient_id, r.ref, d.wanted, d.generation, d.asked_at, d.due_at, d.confirmed_at, d.note, d.answer,
       d.answered_at, d.answered_by, d.reason
FROM data_requests d JOIN recipients r ON r.id = d.recipient_id WHERE d.id = $1

-- name: open
SELECT d.id, d.brand, d.recipient_id, r.ref, d.wanted, d.generation, d.asked_at, d.due_at, d.confirmed_at, d.note, d.answer,
       d.answered_at, d.answered_by, d.reason
FROM data_requests d JOIN recipients r ON r.id = d.recipient_id
WHERE d.confirmed_at IS NOT NULL AND d.answer IS NULL AND ($1::text IS NULL OR d.brand = $1)
ORDER BY d.due_at, d.id LIMIT $2

-- name: confirm
UPDATE data_requests SET confirmed_at = now(), note = $2 WHERE id = $1 AND confirmed_at IS NULL RETURNING id

-- name: answer
UPDATE data_requests
SET answer = $2, reason = $3, answered_by = $4, answered_at = now(), confirmed_at = coalesce(confirmed_at, now()), note = NULL
WHERE id = $1 AND answer IS NULL RETURNING id

-- name: answer_by_erasure
-- Whoever erased: by the link of one of these requests, by another one, or staff.
UPDATE data_requests SET answer = 'done', answered_at = now(), confirmed_at = coalesce(confirmed_at, now()), note = NULL
WHERE recipient_id = $1 AND wanted = 'erasure' AND answer IS NULL RETURNING id

-- name: save
UPDATE data_requests SET copies = copies + 1 WHERE id = $1 AND copies < $2 RETURNING id

-- name: forget
DELETE FROM data_requests WHERE id = ANY (ARRAY(
    SELECT id FROM data_requests
    WHERE asked_at < now() - $1::interval AND (confirmed_at IS NULL OR answered_at < now() - $2::interval)
    ORDER BY asked_at LIMIT $3 FOR UPDATE SKIP LOCKED))
