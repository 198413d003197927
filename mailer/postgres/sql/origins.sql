-- name: sent
SELECT d.state, d.reason, coalesce(d.sent_as, m.category) AS category,
       (SELECT max(l.at) FROM ledger l WHERE l.mailing_id = m.id AND l.recipient_id = d.recipient_id
            AND l.kind = 'hand_over') AS handed_over_at
FROM mailings m JOIN deliveries d ON d.mailing_id = m.id
WHERE m.brand = $1 AND d.recipient_id = $2 AND m.id = $3

-- name: of
-- Consents are as they were known when the mail was handed over; what was said since is no reason for it. Where no
-- hand-over is on record, they are as they are now.
SELECT coalesce(d.sent_as, m.category) AS category, m.inviter, r.source, r.collected_at, r.policy_version,
       EXISTS (SELECT FROM (
           SELECT DISTINCT ON (c.scope) c.given FROM consents c
           WHERE c.recipient_id = r.id AND c.counts AND c.recorded_at <= coalesce(sent.at, 'infinity')
             AND c.scope IN (coalesce(d.sent_as, m.category), coalesce(d.sent_as, m.category) || '/' || m.topic, 'partner/' || m.partner)
           ORDER BY c.scope, c.at DESC, c.given, c.id DESC) known
           WHERE known.given) AS asked
FROM recipients r
LEFT JOIN mailings m ON m.id = $3 AND m.brand = r.brand
LEFT JOIN deliveries d ON d.mailing_id = m.id AND d.recipient_id = r.id
LEFT JOIN LATERAL (
    SELECT max(l.at) AS at FROM ledger l WHERE l.mailing_id = m.id AND l.recipient_id = r.id AND l.kind = 'hand_over') sent ON true
WHERE r.brand = $1 AND r.id = $2
