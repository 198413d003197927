-- name: note
-- Whoever is told on another channel, in the transaction that ends the delivery: no crash comes between. Somebody who was
-- erased, or a mailing that was cancelled, while it was under way leaves nothing to be worked.
INSERT INTO notices (mailing_id, recipient_id, brand, category, channel, reason, state, note)
SELECT m.id, k.recipient_id, m.brand, coalesce(k.category, m.category), k.channel, coalesce(k.reason, 'unknown'),
       CASE WHEN s.erased_at IS NULL AND m.state <> 'cancelled' THEN 'open' ELSE 'closed' END,
       CASE WHEN s.erased_at IS NOT NULL THEN 'erased' WHEN m.state = 'cancelled' THEN 'mailing_cancelled' END
FROM unnest($1::uuid[], $2::bigint[], $3::text[], $4::text[], $5::text[])
    AS k (mailing_id, recipient_id, channel, category, reason)
JOIN mailings m ON m.id = k.mailing_id JOIN standings s ON s.recipient_id = k.recipient_id
ORDER BY m.id, k.recipient_id FOR SHARE OF m
ON CONFLICT DO NOTHING

-- name: take_over
-- Of finished mailings, what workers of the version before have diverted without a notice.
INSERT INTO notices (mailing_id, recipient_id, brand, category, channel, reason, state, note)
SELECT m.id, d.recipient_id, m.brand, coalesce(d.sent_as, m.category), d.reason, 'unknown',
       CASE WHEN s.erased_at IS NULL THEN 'open' ELSE 'closed' END, CASE WHEN s.erased_at IS NOT NULL THEN 'erased' END
FROM mailings m
JOIN deliveries d ON d.mailing_id = m.id AND d.state = 'diverted' JOIN standings s ON s.recipient_id = d.recipient_id
WHERE m.id = ANY ($1::uuid[]) AND m.state <> 'cancelled'
  AND (SELECT coalesce(sum(n), 0) FROM counters c WHERE c.mailing_id = m.id AND c.state = 'diverted')
      > (SELECT count(*) FROM notices n WHERE n.mailing_id = m.id)
ON CONFLICT DO NOTHING

-- name: close_cancelled
UPDATE notices SET state = 'closed', note = 'mailing_cancelled', changed_at = now(), changed_by = $2
WHERE mailing_id = $1 AND state = 'open'

-- name: close_erased
-- What was posted stays as it is, without what may lead to the person.
UPDATE notices SET reference = NULL, note = CASE WHEN state IN ('open', 'taken') THEN 'erased' END,
    changed_at = CASE WHEN state IN ('open', 'taken') THEN now() ELSE changed_at END,
    state = CASE WHEN state IN ('open', 'taken') THEN 'closed' ELSE state END
WHERE recipient_id = $1

-- name: list
SELECT {notice} FROM notices n
WHERE n.id > $1 AND ($2::text IS NULL OR n.brand = $2) AND ($3::text IS NULL OR n.channel = $3)
  AND ($4::uuid IS NULL OR n.mailing_id = $4) AND n.state = ANY ($5::text[])
ORDER BY n.id LIMIT $6

-- name: get
SELECT {notice} FROM notices n WHERE n.id = ANY ($1::bigint[]) ORDER BY n.id

-- name: lock
SELECT {notice} FROM notices n WHERE n.id = ANY ($1::bigint[]) ORDER BY n.id FOR UPDATE OF n

-- name: change
-- A notice that is open again is in no run of letters any more. If its letter was posted, that one came back.
WITH back AS (
    UPDATE letters l SET run_id = NULL, position = NULL, first_page = NULL, pages = NULL, printed_on = NULL,
        returned_on = CASE WHEN n.state = 'done' THEN (now() AT TIME ZONE 'UTC')::date ELSE l.returned_on END,
        returned_at = CASE WHEN n.state = 'done' THEN now() ELSE l.returned_at END,
        return_code = CASE WHEN n.state = 'done' THEN left($4, 100) ELSE l.return_code END
    FROM notices n
    WHERE n.id = l.notice_id AND n.id = ANY ($1::bigint[]) AND $2 IN ('open', 'returned') AND l.run_id IS NOT NULL
)
UPDATE notices SET state = $2, changed_at = now(), changed_by = $3, note = $4,
    reference = CASE WHEN $2 = 'done' THEN $5 ELSE reference END, day = CASE WHEN $2 = 'done' THEN $6 ELSE day END
WHERE id = ANY ($1::bigint[])

-- name: whom
-- The people of some notices, as who works them has to know.
SELECT n.id AS notice, r.ref, r.name, split_part(r.country, E'\n', 1) AS country, p.lines, m.state AS mailing_state,
       s.electronic_refused_at IS NOT NULL AS electronic_refused
FROM notices n JOIN recipients r ON r.id = n.recipient_id JOIN standings s ON s.recipient_id = n.recipient_id
JOIN mailings m ON m.id = n.mailing_id LEFT JOIN postal_addresses p ON p.recipient_id = n.recipient_id
WHERE n.id = ANY ($1::bigint[]) AND n.state <> 'closed' AND s.erased_at IS NULL ORDER BY n.id

-- name: set_postal
INSERT INTO postal_addresses (recipient_id, lines, source)
SELECT recipient_id, $2, $3 FROM standings WHERE recipient_id = $1 AND erased_at IS NULL FOR SHARE
ON CONFLICT (recipient_id) DO UPDATE SET lines = EXCLUDED.lines, source = EXCLUDED.source, at = now()
RETURNING true

-- name: clear_postal
DELETE FROM postal_addresses WHERE recipient_id = $1
