-- name: halts
SELECT CASE WHEN h.scope IN ('brand', 'promotional') THEN h.key
            WHEN h.scope = 'mailing' THEN (SELECT m.brand FROM mailings m WHERE m.id = h.key::uuid) END AS brand,
       h.scope AS label, count(*) AS n, NULL AS seconds
FROM (SELECT * FROM halts ORDER BY scope, key LIMIT 10000) h GROUP BY 1, 2

-- name: dead_letters
SELECT split_part(routing_key, '.', 1) AS brand, kind AS label, count(*) AS n, NULL AS seconds
FROM (SELECT routing_key, kind FROM dead_letters WHERE replayed_at IS NULL ORDER BY id DESC LIMIT 10000) few GROUP BY 1, 2

-- name: quarantined
SELECT m.brand, few.processor AS label, count(*) AS n, NULL AS seconds
FROM (SELECT processor, mailing_id FROM quarantine WHERE verdict IS NULL ORDER BY processor LIMIT 10000) few
LEFT JOIN mailings m ON m.id = few.mailing_id GROUP BY 1, 2

-- name: notices
SELECT brand, channel AS label, count(*) AS n, extract(epoch FROM now() - min(since)) AS seconds
FROM (SELECT brand, channel, since FROM notices WHERE state IN ('open', 'taken') ORDER BY channel, since LIMIT 10000) few
GROUP BY 1, 2

-- name: letters
SELECT brand, replace(mailbox, '_', ' ') AS label, n, seconds
FROM (SELECT brand, mailbox, count(*) AS n, extract(epoch FROM now() - min(at)) AS seconds
      FROM (SELECT brand, mailbox, at FROM received_mail WHERE state = 'waiting' AND state <> 'handled' ORDER BY at LIMIT 10000) few
      GROUP BY 1, 2) grouped

-- name: breach_clocks
-- Deadlines of open breach cases that are over, or will be within a day.
SELECT k.brand, CASE WHEN c.due_at < now() THEN 'over' ELSE 'within a day' END AS label, count(*) AS n,
    extract(epoch FROM now() - min(c.due_at)) AS seconds
FROM breach_clocks c JOIN breach_cases k ON k.id = c.case_id
WHERE k.state = 'open' AND c.due_at < now() + interval '1 day'
  AND NOT EXISTS (SELECT FROM breach_duties_done d WHERE d.case_id = c.case_id AND d.clock = c.clock)
GROUP BY 1, 2

-- name: awaiting_release
SELECT brand, lane AS label, count(*) AS n, extract(epoch FROM now() - min(created_at)) AS seconds
FROM (SELECT brand, lane, created_at FROM mailings WHERE finished_at IS NULL AND state = 'awaiting_release'
      ORDER BY id LIMIT 10000) few
GROUP BY 1, 2

-- name: oldest_due
-- The oldest of each lane. Its mailing's brand is asked for by a scalar, which cannot be answered for all mailings at once.
SELECT b.brand, l.lane AS label, NULL AS n, extract(epoch FROM now() - min(b.due_at)) AS seconds
FROM unnest($1::text[]) AS l (lane) CROSS JOIN LATERAL (
    SELECT q.mailing_id, q.due_at, (SELECT m.brand FROM mailings m WHERE m.id = q.mailing_id) AS brand
    FROM batches q WHERE q.state = 'queued' AND q.lane = l.lane AND q.due_at <= now() ORDER BY q.due_at LIMIT 2000) b
WHERE NOT EXISTS (SELECT FROM halts h WHERE h.scope = 'everything' OR (h.scope = 'mailing' AND h.key = b.mailing_id::text)
                  OR ((h.scope = 'brand' OR h.scope = 'promotional' AND l.lane = 'promotional') AND h.key = b.brand))
GROUP BY 1, 2

-- name: oldest_parked
SELECT split_part(routing_key, '.', 1) AS brand, '' AS label, NULL AS n, extract(epoch FROM now() - min(parked_at)) AS seconds
FROM (SELECT routing_key, parked_at FROM outbox ORDER BY id LIMIT 10000) few GROUP BY 1
