-- name: count
-- Adds days of addresses that their owners have still, in the order of people, so that two who count do not wait for each
-- other. Returns all days that count. A person of the brand who lifts the stop, and a link that was opened in a mail, show
-- that mail arrives: what was before does not count any more. A stop that ended by its time shows nothing.
-- The commit waits for no disk. The next one of who counts does, and it makes this one durable with it.
WITH added AS (
    INSERT INTO soft_bounces AS b (recipient_id, address_hash, day, status, is_out_of_storage)
    SELECT k.recipient_id, k.address_hash, current_date, min(k.status), bool_or(k.is_full)
    FROM unnest($1::bigint[], $2::bytea[], $3::text[], $4::boolean[]) AS k (recipient_id, address_hash, status, is_full)
    JOIN recipients r ON r.id = k.recipient_id AND r.address_hash = k.address_hash
    CROSS JOIN (SELECT set_config('synchronous_commit', 'off', true)) AS unsynced
    GROUP BY k.recipient_id, k.address_hash ORDER BY k.recipient_id
    ON CONFLICT (recipient_id, address_hash, day) DO UPDATE
        SET status = EXCLUDED.status, is_out_of_storage = b.is_out_of_storage OR EXCLUDED.is_out_of_storage
    RETURNING recipient_id, address_hash, day, is_out_of_storage
), known AS (
    SELECT * FROM added
    UNION ALL
    SELECT b.recipient_id, b.address_hash, b.day, b.is_out_of_storage FROM soft_bounces b
    WHERE b.recipient_id = ANY ($1::bigint[])
      AND NOT EXISTS (SELECT FROM added a WHERE (a.recipient_id, a.address_hash, a.day) = (b.recipient_id, b.address_hash, b.day))
)
SELECT r.id AS recipient_id, r.brand, array_agg(b.day ORDER BY b.day) AS days,
       array_agg(b.is_out_of_storage ORDER BY b.day) AS full
FROM recipients r JOIN known b ON b.recipient_id = r.id AND b.address_hash = r.address_hash
WHERE r.id = ANY ($1::bigint[])
  AND b.day > coalesce((SELECT max(p.lifted_at)::date FROM suppressions p
                        WHERE p.controller = r.controller AND p.address_key = r.address_key AND p.address_hash = r.address_hash
                          AND p.brand = r.brand AND p.reason = 'soft_bounces' AND p.lifted_by <> 'timekeeper'), '-infinity')
  AND b.day >= coalesce((SELECT max(c.at)::date FROM consents c
                         WHERE c.recipient_id = r.id AND c.source = 'confirmed'), '-infinity')
GROUP BY r.id, r.brand
ORDER BY r.id

-- name: forget
-- Days that count no more under any policy.
DELETE FROM soft_bounces WHERE ctid = ANY (ARRAY(
    SELECT ctid FROM soft_bounces WHERE day < current_date - $1::int AND (NOT is_out_of_storage OR day < current_date - 730)
    ORDER BY day LIMIT $2))
