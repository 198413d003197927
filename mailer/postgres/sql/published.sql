-- name: contents
-- Of events under the ids of some, or under the hashes of these, as far as they are taken in; `taken` without a content:
-- from before there were any.
SELECT k.position, coalesce(e.content, a.content) AS content, e.event_id IS NOT NULL OR a.event_id IS NOT NULL AS taken
FROM unnest($1::text[], $2::text[], $3::text[], $4::boolean[]) WITH ORDINALITY
    AS k (brand, event_id, hidden_id, account, position)
LEFT JOIN events e ON NOT k.account AND e.brand = k.brand AND e.event_id IN (k.event_id, k.hidden_id)
LEFT JOIN account_events a ON k.account AND a.brand = k.brand AND a.event_id IN (k.event_id, k.hidden_id)
ORDER BY k.position

-- name: newest_letter
SELECT coalesce(max(id), 0) FROM dead_letters

-- name: refusals
SELECT k.position, d.reason
FROM unnest($1::text[], $2::bytea[]) WITH ORDINALITY AS k (routing_key, body, position)
JOIN dead_letters d ON d.routing_key = k.routing_key AND d.body = k.body
WHERE d.id > $3
ORDER BY k.position, d.id
