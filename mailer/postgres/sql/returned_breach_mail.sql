-- name: move_on
-- A notice in writing for each mail that came back, of categories that end in writing ($3). Nobody has one of the same
-- mailing twice, nor one of a phase that was cancelled, nor one if a later phase of the case has reached them, or is about to by letter. Returns the new ones.
-- The standing is locked as the last of the statement's rows, so that an erasure comes before or after it.
WITH returned AS (
    SELECT d.mailing_id, d.recipient_id, m.brand, coalesce(d.sent_as, m.category) AS category
    FROM unnest($1::uuid[], $2::bigint[]) AS k (mailing_id, recipient_id)
    JOIN deliveries d ON d.mailing_id = k.mailing_id AND d.recipient_id = k.recipient_id AND d.state = 'handed_over'
    JOIN mailings m ON m.id = d.mailing_id AND m.state <> 'cancelled'
    JOIN standings s ON s.recipient_id = d.recipient_id AND s.erased_at IS NULL
    LEFT JOIN breach_mailings b ON b.mailing_id = d.mailing_id
    WHERE coalesce(d.sent_as, m.category) = ANY ($3::text[])
      AND NOT EXISTS (SELECT FROM breach_stops s WHERE s.case_id = b.case_id AND s.phase = b.phase AND s.ended = 'cancelled')
      AND NOT EXISTS (
        SELECT FROM breach_mailings l
        JOIN deliveries e ON e.mailing_id = l.mailing_id AND e.recipient_id = d.recipient_id
        LEFT JOIN notices n ON n.mailing_id = l.mailing_id AND n.recipient_id = d.recipient_id
        WHERE l.case_id = b.case_id AND l.phase > b.phase
          AND NOT EXISTS (SELECT FROM breach_stops s WHERE s.case_id = l.case_id AND s.phase = l.phase AND s.ended = 'cancelled')
          AND (n.state IN ('open', 'taken', 'done')
               OR n.id IS NULL AND e.state = 'handed_over' AND NOT EXISTS (
                    SELECT FROM received_mail r WHERE r.mailing_id = l.mailing_id AND r.recipient_id = d.recipient_id
                      AND r.effect IN {came_back})))
    ORDER BY d.mailing_id, d.recipient_id
    FOR SHARE OF s
)
INSERT INTO notices AS n (mailing_id, recipient_id, brand, category, channel, reason)
SELECT mailing_id, recipient_id, brand, category, $4, $5 FROM returned
ON CONFLICT (mailing_id, recipient_id) DO UPDATE SET state = 'open', note = NULL, changed_at = now(), changed_by = NULL
    WHERE n.state = 'closed' AND n.note = $6
RETURNING n.mailing_id, n.recipient_id, n.brand, n.category

-- name: close_doubted
-- Before the refusals of the last hour are doubted: what they have brought, and nobody has taken yet.
UPDATE notices n SET state = 'closed', note = $4, changed_at = now(), changed_by = NULL
FROM quarantine q
WHERE q.processor = $1 AND q.at > now() - interval '1 hour' AND q.verdict = 'believed' AND q.judged_by IS NULL
  AND ($2::text[] IS NULL OR q.domain = ANY ($2))
  AND n.mailing_id = q.mailing_id AND n.recipient_id = q.recipient_id AND n.reason = $3 AND n.state = 'open'
RETURNING n.mailing_id, n.recipient_id, n.brand, n.category
