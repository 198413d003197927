-- name: mailings
-- Of one brand; in lower case, and in the form that is compared (NFKC), where there is more than ASCII.
SELECT m.id, m.context, m.reason, m.campaign, m.topic
FROM mailings m CROSS JOIN LATERAL (SELECT concat_ws(' ', m.context::text, m.reason, m.campaign, m.topic) AS said) t
WHERE m.brand = $1
  AND (strpos(t.said, '@') > 0
       OR lower(CASE WHEN octet_length(t.said) = length(t.said) THEN t.said ELSE normalize(t.said, NFKC) END) LIKE ANY ($2::text[]))

-- name: rewrite_mailing
UPDATE mailings SET context = $2, reason = $3, campaign = $4, topic = $5 WHERE id = $1

-- name: deliveries
-- Only events that bring their people along have values for one of them.
SELECT d.mailing_id, d.recipient_id, d.context
FROM mailings m JOIN deliveries d ON d.mailing_id = m.id AND d.context IS NOT NULL AND d.recipient_id <> $3
CROSS JOIN LATERAL (SELECT d.context::text AS said) t
WHERE m.brand = $1 AND m.audience IS NULL
  AND (strpos(t.said, '@') > 0
       OR lower(CASE WHEN octet_length(t.said) = length(t.said) THEN t.said ELSE normalize(t.said, NFKC) END) LIKE ANY ($2::text[]))
ORDER BY d.mailing_id, d.recipient_id

-- name: rewrite_delivery
UPDATE deliveries SET context = $3 WHERE mailing_id = $1 AND recipient_id = $2

-- name: letters
SELECT d.id, d.routing_key, d.body FROM dead_letters d
WHERE lower(encode(d.body, 'escape')) LIKE ANY ($1::text[])
  AND NOT EXISTS (SELECT FROM holds h WHERE h.lifted_at IS NULL AND h.named_as && d.named)
