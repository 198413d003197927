-- name: columns
-- Of a campaign that is over: each mailing has finished, and nobody waits for the winner of a test. Of several variants,
-- the one that most people got.
SELECT n.campaign_id AS id, sent.mailing_id, sent.sent_at
FROM manifests n JOIN campaigns c ON c.id = n.campaign_id
CROSS JOIN LATERAL (
    SELECT (array_agg(m.id ORDER BY m.audience_size DESC NULLS LAST, cm.variant))[1] AS mailing_id,
           max(m.finished_at) AS sent_at, bool_and(m.finished_at IS NOT NULL AND m.state = 'released') AS is_over,
           bool_or(cm.variant = 'rest') AS has_rest
    FROM campaign_mailings cm JOIN mailings m ON m.id = cm.mailing_id WHERE cm.manifest_id = n.id) sent
WHERE n.brand = $1 AND n.state = 'released' AND c.state = 'released' AND n.draft -> 'is_in_archive' = 'true'
  AND n.draft ->> 'category' = ANY ($2::text[]) AND sent.is_over
  AND (sent.has_rest OR coalesce((n.draft #>> '{ab_test,share_percent}')::int, 100) = 100)
  AND NOT EXISTS (SELECT FROM archive_withdrawals w WHERE w.campaign_id = c.id)

-- name: list
{columns}
  AND (n.released_at, n.campaign_id) < (
      SELECT coalesce(max(o.released_at), 'infinity'), coalesce($3, 'ffffffff-ffff-ffff-ffff-ffffffffffff'::uuid)
      FROM manifests o WHERE o.campaign_id = $3 AND o.brand = $1 AND o.state = 'released')
ORDER BY n.released_at DESC, n.campaign_id DESC LIMIT $4

-- name: find
{columns}
  AND n.campaign_id = $3
