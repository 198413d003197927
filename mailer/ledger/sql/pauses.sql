-- name: pause
INSERT INTO pauses AS p (processor, category, domain, until)
SELECT processor, category, domain, max(until)
FROM unnest($1::text[], $2::text[], $3::text[], $4::timestamptz[]) AS k (processor, category, domain, until)
GROUP BY processor, category, domain ORDER BY processor, category, domain
ON CONFLICT (processor, category, domain) DO UPDATE SET until = greatest(p.until, EXCLUDED.until)

-- name: paused
SELECT processor, category, domain, until FROM pauses WHERE until > now()

-- name: forget
DELETE FROM pauses WHERE until < now() - interval '1 day'
