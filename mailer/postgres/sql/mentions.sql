-- name: mailings
-- The brand's newest, so that an erasure takes about a second however many there are; in lower case, and in the form that
-- is compared (NFKC), where there is more than ASCII. A campaign that still goes out is the brand's own words.
SELECT t.id, t.context, t.reason, t.campaign, t.topic
FROM (SELECT m.id, m.context, m.reason, m.campaign, m.topic,
             concat_ws(' ', m.context::text, m.reason, m.campaign, m.topic) AS said
      FROM mailings m WHERE m.brand = $1 AND (m.audience IS NULL OR m.finished_at IS NOT NULL) ORDER BY m.id DESC LIMIT $3) t
WHERE strpos(t.said, '@') > 0
   OR lower(CASE WHEN octet_length(t.said) = length(t.said) THEN t.said ELSE normalize(t.said, NFKC) END) LIKE ANY ($2::text[])

-- name: mailing
SELECT id, context, reason, campaign, topic FROM mailings WHERE id = $1 FOR UPDATE

-- name: rewrite_mailing
UPDATE mailings SET context = $2, reason = $3, campaign = $4, topic = $5 WHERE id = $1

-- name: deliveries
-- Only events that bring their people along have values for one of them.
SELECT t.mailing_id, t.recipient_id, t.context
FROM (SELECT d.mailing_id, d.recipient_id, d.context, d.context::text AS said
      FROM (SELECT id, audience FROM mailings WHERE brand = $1 ORDER BY id DESC LIMIT $4) m
      JOIN deliveries d ON d.mailing_id = m.id AND d.context IS NOT NULL AND d.recipient_id <> $3
      WHERE m.audience IS NULL LIMIT $4) t
WHERE strpos(t.said, '@') > 0
   OR lower(CASE WHEN octet_length(t.said) = length(t.said) THEN t.said ELSE normalize(t.said, NFKC) END) LIKE ANY ($2::text[])
ORDER BY t.mailing_id, t.recipient_id

-- name: rewrite_delivery
UPDATE deliveries SET context = $3 WHERE mailing_id = $1 AND recipient_id = $2

-- name: letters
SELECT d.id, d.routing_key, d.body FROM dead_letters d
WHERE lower(encode(d.body, 'escape')) LIKE ANY ($1::text[])
  AND NOT EXISTS (SELECT FROM holds h WHERE h.lifted_at IS NULL AND h.named_as && d.named)
