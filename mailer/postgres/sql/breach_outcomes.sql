-- name: lines
-- One row for each person and released phase: what `PersonInPhase` has. The words of staff are left out, since they differ. A
-- postal address counts that is newer than the return of the last letter. A stop that was ended as cancelled also counts for
-- mailings that were finished before it.
SELECT p.recipient_id, n.phase, p.variant, p.place, p.locale, p.channel, p.reason, b.mailing_id,
       ARRAY[n.phase::text, p.variant, p.place, p.channel, p.reason, (m.state = 'cancelled' OR stopped.phase IS NOT NULL)::text,
             coalesce(d.state, ''), coalesce(d.reason, ''), coalesce(back.returned, ''), coalesce(w.state, ''), coalesce(w.reason, ''),
             CASE WHEN w.state = 'closed' THEN coalesce(w.note, '') WHEN w.state = 'open' AND w.note IS NOT NULL THEN 'letter_returned'
                  ELSE '' END,
             (CASE w.state WHEN 'taken' THEN true WHEN 'open' THEN EXISTS (
                  SELECT FROM postal_addresses a WHERE a.recipient_id = p.recipient_id AND (w.note IS NULL OR a.at > w.changed_at))
              ELSE false END)::text
       ] AS line,
       d.tried_at, w.day, w.reference
FROM breach_manifests n
JOIN breach_manifest_people p ON p.manifest_id = n.id
JOIN breach_mailings b ON b.manifest_id = n.id AND b.variant = p.variant
JOIN mailings m ON m.id = b.mailing_id
LEFT JOIN (SELECT DISTINCT phase FROM breach_stops WHERE case_id = $1 AND ended = 'cancelled') stopped ON stopped.phase = n.phase
LEFT JOIN deliveries d ON d.mailing_id = b.mailing_id AND d.recipient_id = p.recipient_id
LEFT JOIN notices w ON w.mailing_id = b.mailing_id AND w.recipient_id = p.recipient_id
LEFT JOIN (
    SELECT mailing_id, recipient_id, CASE WHEN bool_and(effect = 'quarantined') THEN 'doubted' ELSE 'came_back' END AS returned
    FROM received_mail
    WHERE mailing_id IN (SELECT mailing_id FROM breach_mailings WHERE case_id = $1) AND effect IN {came_back}
    GROUP BY mailing_id, recipient_id
) back ON back.mailing_id = b.mailing_id AND back.recipient_id = p.recipient_id
WHERE n.case_id = $1 AND n.state = 'released'

-- name: outcomes
-- People about whom the same is known in every phase, together.
SELECT lines, count(*) AS people FROM (
    SELECT array_agg(line ORDER BY phase) AS lines FROM ({lines}) l GROUP BY recipient_id
) o GROUP BY lines

-- name: page
-- Page by page along the number, so that a slow reader keeps no transaction open. The reply is the last of the outcomes.
WITH page AS (
    SELECT DISTINCT p.recipient_id FROM breach_manifests n JOIN breach_manifest_people p ON p.manifest_id = n.id
    WHERE n.case_id = $1 AND n.state = 'released' AND p.recipient_id > $2 ORDER BY p.recipient_id LIMIT $3
)
SELECT l.recipient_id, l.phase, l.locale, l.line, l.tried_at, l.day, l.reference, r.ref, r.email, r.name, o.text AS reply
FROM ({lines} AND p.recipient_id IN (SELECT recipient_id FROM page)) l
JOIN recipients r ON r.id = l.recipient_id
LEFT JOIN LATERAL (
    SELECT t.text FROM ledger e LEFT JOIN ledger_notes t ON t.writer = e.writer AND t.n = e.n
    WHERE e.mailing_id = l.mailing_id AND e.recipient_id = l.recipient_id AND e.kind = 'outcome'
    ORDER BY e.at DESC LIMIT 1) o ON true
ORDER BY l.recipient_id, l.phase

-- name: add_missing
-- Cases of which a phase was released since the last look. A further phase makes the figures due again.
INSERT INTO breach_figures AS f (case_id)
SELECT DISTINCT b.case_id FROM breach_mailings b JOIN breach_manifests n ON n.id = b.manifest_id
LEFT JOIN breach_figures g ON g.case_id = b.case_id
WHERE g.case_id IS NULL OR g.next_at > now() + interval '10 seconds' AND n.released_at > g.counted_at
ON CONFLICT (case_id) DO UPDATE SET next_at = now(), is_final = false

-- name: take_due
SELECT f.case_id, c.brand FROM breach_figures f JOIN breach_cases c ON c.id = f.case_id
WHERE f.next_at <= now() ORDER BY f.next_at LIMIT 1 FOR UPDATE OF f SKIP LOCKED

-- name: released_phases
SELECT phase, released_at, released_by, templates, facts, draft, rules FROM breach_manifests
WHERE case_id = $1 AND state = 'released' ORDER BY phase

-- name: released_at
SELECT max(released_at) FROM breach_manifests WHERE case_id = $1 AND state = 'released'

-- name: is_public
SELECT EXISTS (SELECT FROM public_notices WHERE case_id = $1 AND seen_first_at IS NOT NULL)

-- name: store
UPDATE breach_figures SET figures = $2, counted_at = $3, is_final = $4, next_at = $5 WHERE case_id = $1

-- name: postpone
UPDATE breach_figures SET next_at = now() + interval '10 minutes' WHERE case_id = $1

-- name: figures
SELECT figures, counted_at, is_final FROM breach_figures WHERE case_id = $1

-- name: live
-- Of the counters: deliveries by state, as of now.
SELECT k.state, sum(k.n)::bigint AS people FROM counters k
JOIN breach_mailings b ON b.mailing_id = k.mailing_id WHERE b.case_id = $1 GROUP BY k.state
