-- name: find
-- From writer to writer by the index, and the newest entries of each. It asks the records of suppressions and not standings,
-- which the decision reads. A minute is left for opt-outs that were being said while the mail was intended; an address that
-- has changed since then tells nothing.
WITH RECURSIVE writers AS (
    (SELECT writer FROM ledger WHERE writer >= $1::uuid ORDER BY writer LIMIT 1)
    UNION ALL
    SELECT (SELECT l.writer FROM ledger l WHERE l.writer > w.writer ORDER BY l.writer LIMIT 1)
    FROM writers w WHERE w.writer IS NOT NULL
), fresh AS (
    SELECT head.writer, head.n, greatest(coalesce(c.n, 0), head.n - $2::bigint) AS since
    FROM (SELECT w.writer, (SELECT l.n FROM ledger l WHERE l.writer = w.writer ORDER BY l.n DESC LIMIT 1) AS n
          FROM (SELECT writer FROM writers WHERE writer IS NOT NULL UNION SELECT writer FROM opt_out_checks) w) head
    LEFT JOIN opt_out_checks c USING (writer)
    WHERE head.n > coalesce(c.n, 0)
), checked AS (
    INSERT INTO opt_out_checks (writer, n) SELECT writer, n FROM fresh ORDER BY writer
    ON CONFLICT (writer) DO UPDATE SET n = EXCLUDED.n, at = now()
), handed AS (
    SELECT l.* FROM fresh f CROSS JOIN LATERAL (
        SELECT l.writer, l.n, l.mailing_id, l.recipient_id, l.category, l.at FROM ledger l
        WHERE l.writer = f.writer AND l.n > f.since AND l.n <= f.n AND l.kind = 'hand_over' AND l.category = ANY ($3::text[])
        OFFSET 0) l
), found AS (
    SELECT h.* FROM handed h CROSS JOIN LATERAL (
    SELECT p.id FROM recipients r JOIN suppressions p
        ON p.controller = r.controller AND p.address_key = r.address_key AND p.address_hash = r.address_hash
        AND (p.brand = r.brand OR p.brand IS NULL)
    WHERE r.id = h.recipient_id AND p.reason IN ('opt_out', 'complaint', 'objection') AND p.scope IN ('*', h.category)
      AND greatest(p.at, p.recorded_at) < h.at - interval '1 minute'
      AND coalesce(least(p.lifted_at, p.expires_at), 'infinity') > h.at
      AND NOT EXISTS (SELECT FROM former_addresses f WHERE f.recipient_id = r.id AND f.at > h.at - interval '1 minute')
    LIMIT 1 OFFSET 0) p
), stored AS (
    INSERT INTO mailed_after_opt_out (writer, n, mailing_id, category, at)
    SELECT writer, n, mailing_id, category, at FROM found ON CONFLICT DO NOTHING RETURNING writer, n
)
SELECT f.mailing_id, f.recipient_id FROM stored JOIN found f USING (writer, n)

-- name: forget
-- Writers that have ended: the newer ones are found without it.
DELETE FROM opt_out_checks WHERE writer < $1::uuid AND at < now() - $2::interval
