-- name: add_missing
-- Campaigns that were released since the last look. Few rows: one for each mailing of a campaign.
INSERT INTO campaign_figures (campaign_id)
SELECT DISTINCT cm.campaign_id FROM campaign_mailings cm
WHERE NOT EXISTS (SELECT FROM campaign_figures f WHERE f.campaign_id = cm.campaign_id)
ON CONFLICT DO NOTHING

-- name: take_due
-- Another timekeeper's is left to it.
SELECT f.campaign_id, f.lot, f.figures, f.is_final, c.brand FROM campaign_figures f
JOIN campaigns c ON c.id = f.campaign_id
WHERE f.next_at <= now() ORDER BY f.next_at LIMIT 1 FOR UPDATE OF f SKIP LOCKED

-- name: mailings
SELECT cm.variant, cm.mailing_id, cm.manifest_id, m.finished_at IS NOT NULL AS is_finished, n.released_at,
       coalesce((SELECT sum(k.n) FROM counters k WHERE k.mailing_id = m.id AND k.state = 'handed_over'), 0)::bigint AS sent
FROM campaign_mailings cm JOIN mailings m ON m.id = cm.mailing_id JOIN manifests n ON n.id = cm.manifest_id
WHERE cm.campaign_id = $1 ORDER BY cm.variant

-- name: outcomes
-- A person has one delivery of a campaign at most.
SELECT p.variant, p.result, p.reason AS shown_reason, coalesce(d.state, '') AS state, coalesce(d.reason, '') AS reason,
       count(*) AS people
FROM manifest_people p
LEFT JOIN deliveries d ON d.mailing_id = ANY ($2::uuid[]) AND d.recipient_id = p.recipient_id
WHERE p.manifest_id = $1
GROUP BY 1, 2, 3, 4, 5 ORDER BY 1, 2, 3, 4, 5

-- name: domains
-- Of mail that was handed over, the domains with enough mailboxes. Whoever was erased has none.
SELECT lower(split_part(r.email, '@', 2)) AS domain, count(*) AS sent
FROM deliveries d JOIN recipients r ON r.id = d.recipient_id
WHERE d.mailing_id = ANY ($1::uuid[]) AND d.state = 'handed_over' AND r.email IS NOT NULL
GROUP BY 1 HAVING count(*) >= $2 ORDER BY 2 DESC, 1 LIMIT $3

-- name: came_back
-- Each person once for each kind and mailing, on the first day. Opt-outs also count for addresses alike in capitals.
WITH said AS (
    SELECT p.mailing_id, CASE p.reason WHEN 'complaint' THEN 'complaints' ELSE 'opt_outs' END AS kind,
           encode(p.address_hash, 'hex') AS who, p.address_hash, p.at
    FROM suppressions p
    WHERE p.mailing_id = ANY ($1::uuid[]) AND p.reason IN ('opt_out', 'objection', 'complaint')
    UNION ALL
    SELECT e.mailing_id, CASE e.effect WHEN 'soft_bounce' THEN 'soft_bounces' ELSE 'hard_bounces' END,
           coalesce(e.recipient_id::text, e.id::text), r.address_hash, e.at
    FROM received_mail e LEFT JOIN recipients r ON r.id = e.recipient_id
    WHERE e.mailing_id = ANY ($1::uuid[]) AND e.effect IN ('address_dead', 'quarantined', 'soft_bounce')
), once AS (
    SELECT DISTINCT ON (mailing_id, kind, who) mailing_id, kind, address_hash, at FROM said
    ORDER BY mailing_id, kind, who, at
)
SELECT o.mailing_id, o.kind, (o.at AT TIME ZONE 'UTC')::date AS day, coalesce(a.domain, '') AS domain, count(*) AS people
FROM once o
LEFT JOIN LATERAL (
    SELECT lower(split_part(r.email, '@', 2)) AS domain FROM recipients r
    WHERE r.controller = $2 AND r.address_key = $3 AND r.address_hash = o.address_hash LIMIT 1) a ON true
GROUP BY 1, 2, 3, 4

-- name: clicking_messages
-- The messages of which any link was clicked, each once.
SELECT m.id AS mailing_id,
       (SELECT count(DISTINCT u.nonce) FROM unique_clicks u WHERE u.mailing_id = m.id)
           + (SELECT count(DISTINCT i.recipient_id) FROM individual_clicks i WHERE i.mailing_id = m.id) AS clicked
FROM mailings m WHERE m.id = ANY ($1::uuid[])

-- name: clicks_by_link
SELECT mailing_id, link, sum(n)::bigint AS clicks FROM clicks WHERE mailing_id = ANY ($1::uuid[]) AND NOT machine
GROUP BY mailing_id, link

-- name: store
UPDATE campaign_figures SET figures = $2, counted_at = $3, is_final = $4, next_at = $5 WHERE campaign_id = $1

-- name: postpone
UPDATE campaign_figures SET next_at = now() + interval '10 minutes' WHERE campaign_id = $1

-- name: report
SELECT c.id, c.brand, c.name, c.state, c.draft, c.created_by, n.id AS manifest_id, n.released_by, n.released_at, n.people,
       coalesce(f.figures, '{}') AS figures, f.counted_at, coalesce(f.is_final, false) AS is_final,
       EXISTS (SELECT FROM archive_withdrawals w WHERE w.campaign_id = c.id) AS is_withdrawn,
       (SELECT jsonb_agg(jsonb_build_array(cm.variant, cm.mailing_id) ORDER BY cm.variant)
        FROM campaign_mailings cm WHERE cm.manifest_id = n.id) AS mailings
FROM campaigns c
JOIN manifests n ON n.id = (SELECT cm.manifest_id FROM campaign_mailings cm WHERE cm.campaign_id = c.id LIMIT 1)
LEFT JOIN campaign_figures f ON f.campaign_id = c.id
WHERE c.id = $1

-- name: live
-- Counters are folded to few rows.
SELECT k.state, sum(k.n)::bigint AS people FROM counters k WHERE k.mailing_id = ANY ($1::uuid[]) GROUP BY k.state

-- name: earlier
SELECT c.id, c.name, n.released_at, f.figures FROM manifests n JOIN campaigns c ON c.id = n.campaign_id
JOIN campaign_figures f ON f.campaign_id = c.id
WHERE n.brand = $1 AND n.state = 'released' AND n.released_at < $2 AND f.counted_at IS NOT NULL
ORDER BY n.released_at DESC LIMIT $3
