-- name: add
-- In the order of the key, so that two workers do not wait for each other.
INSERT INTO feedback_counts AS f (brand, processor, provider, hour, handed_over, hard_bounces)
SELECT brand, processor, provider, date_trunc('hour', now()), handed_over, hard_bounces
FROM unnest($1::text[], $2::text[], $3::text[], $4::bigint[], $5::bigint[])
    AS k (brand, processor, provider, handed_over, hard_bounces)
ORDER BY brand, processor, provider
ON CONFLICT (brand, processor, provider, hour) DO UPDATE
    SET handed_over = f.handed_over + EXCLUDED.handed_over, hard_bounces = f.hard_bounces + EXCLUDED.hard_bounces

-- name: totals
-- Sums are numeric.
SELECT f.brand, f.processor, sum(f.handed_over)::bigint AS handed_over, sum(f.complaints)::bigint AS complaints,
       sum(f.hard_bounces)::bigint AS hard_bounces
FROM feedback_counts f LEFT JOIN promotional_releases r USING (brand)
WHERE f.hour > now() - $1::int * interval '1 day' AND f.hour > coalesce(r.at, '-infinity')
GROUP BY f.brand, f.processor ORDER BY f.brand, f.processor

-- name: forget
DELETE FROM feedback_counts WHERE hour < now() - interval '8 days'
