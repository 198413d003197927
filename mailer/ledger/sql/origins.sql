-- name: of
SELECT coalesce(d.sent_as, m.category) AS category, m.inviter, r.source, r.collected_at, r.policy_version
FROM recipients r
LEFT JOIN mailings m ON m.id = $3 AND m.brand = r.brand
LEFT JOIN deliveries d ON d.mailing_id = m.id AND d.recipient_id = r.id
WHERE r.brand = $1 AND r.id = $2
