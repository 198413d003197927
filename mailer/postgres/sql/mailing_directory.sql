-- name: of_brands
-- For each brand its newest, by the index: no brand waits for another one with more mailings. Brand and id are compared
-- and ordered together, since the planner would else walk along all ids for a brand that it knows nothing of.
SELECT k.* FROM unnest($1::text[]) AS b (brand) CROSS JOIN LATERAL (
    SELECT m.id, m.brand, m.state, m.finished_at FROM mailings m
    WHERE (m.brand, m.id) < (b.brand, $2::uuid) AND m.brand >= b.brand
    ORDER BY m.brand DESC, m.id DESC LIMIT $3) k
ORDER BY k.id DESC LIMIT $3

-- name: unfinished
-- Of all brands: they are few, and have an index of their own.
SELECT m.id, m.brand, m.state, m.finished_at FROM mailings m WHERE m.finished_at IS NULL AND m.id < $1
ORDER BY m.id DESC LIMIT $2
