-- name: pause
INSERT INTO pauses AS p (processor, category, domain, until)
SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::timestamptz[])
ORDER BY 1, 2, 3
ON CONFLICT (processor, category, domain) DO UPDATE SET until = greatest(p.until, EXCLUDED.until)

-- name: paused
SELECT processor, category, domain, until FROM pauses WHERE until > now()

-- name: forget
DELETE FROM pauses WHERE until < now() - interval '1 day'
