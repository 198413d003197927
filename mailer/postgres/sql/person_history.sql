-- name: mail
-- The index leads from a person to the deliveries, in the order of the mailings.
SELECT m.id AS mailing_id, m.event_id, coalesce(d.sent_as, m.category) AS category, m.template, m.campaign, m.topic, d.state,
       d.reason, d.due_at
FROM (SELECT * FROM deliveries WHERE recipient_id = $1 AND mailing_id < $2 ORDER BY mailing_id DESC LIMIT $3) d
JOIN mailings m ON m.id = d.mailing_id
ORDER BY m.id DESC

-- name: latest_entries
SELECT DISTINCT ON (l.mailing_id) l.mailing_id, l.at AS ended_at, l.reason AS ended_reason, l.rule, l.policy, l.processor
FROM ledger l
WHERE l.mailing_id = ANY ($1::uuid[]) AND l.recipient_id = $2 AND l.kind IN ('decision', 'outcome')
ORDER BY l.mailing_id, l.at DESC, l.writer DESC, l.n DESC

-- name: acts
-- Consents are told from their own table, which has the words and the proof.
SELECT a.at, a.key, a.kind, a.reason, a.scope, a.rule, a.actor, coalesce(a.fields, '{}') AS fields, n.text AS note
FROM (
    SELECT * FROM (
        SELECT l.writer, l.n, l.at, 'l' || l.writer || '-' || lpad(l.n::text, 19, '0') COLLATE "C" AS key, l.kind, l.reason,
               l.category AS scope, l.rule, l.actor, l.fields
        FROM ledger l
        WHERE l.mailing_id IS NULL AND l.recipient_id = $1 AND l.kind IN ('action', 'access') AND l.reason IS NOT NULL
          AND split_part(l.reason, ' ', 1) <> ALL ($5::text[])
    ) known
    WHERE $2::timestamptz IS NULL OR (known.at, known.key) < ($2, $3::text COLLATE "C")
    ORDER BY known.at DESC, known.key DESC LIMIT $4
) a LEFT JOIN ledger_notes n USING (writer, n)
ORDER BY a.at DESC, a.key DESC

-- name: consents
SELECT * FROM (
    SELECT 'c' || lpad(c.id::text, 19, '0') COLLATE "C" AS key, c.scope, c.given, c.source, c.version, c.words, c.actor,
           c.at, c.proof, c.controller, c.recorded_at, c.counts
    FROM consents c WHERE c.recipient_id = $1
) c
WHERE $2::timestamptz IS NULL OR (c.at, c.key) < ($2, $3::text COLLATE "C")
ORDER BY c.at DESC, c.key DESC LIMIT $4

-- name: suppressions
-- Those that no entry about this person tells: the address had them before, or shares them.
SELECT * FROM (
    SELECT {suppression}, 's' || lpad(p.id::text, 19, '0') COLLATE "C" AS place_key
    FROM recipients r
    JOIN suppressions p ON p.controller = r.controller AND p.address_key = r.address_key
        AND p.address_hash = r.address_hash AND (p.brand = r.brand OR p.brand IS NULL)
    WHERE r.id = $1 AND NOT EXISTS (
        SELECT FROM ledger l WHERE l.mailing_id IS NULL AND l.recipient_id = $1 AND l.kind = 'action'
            AND split_part(l.reason, ' ', 1) = p.reason AND (l.category = p.scope OR l.category IS NULL))
) s
WHERE $2::timestamptz IS NULL OR (s.at, s.place_key) < ($2, $3::text COLLATE "C")
ORDER BY s.at DESC, s.place_key DESC LIMIT $4

-- name: requests
SELECT * FROM (
    SELECT 'r' || w.confirmation || '-' || w.what COLLATE "C" AS key, w.asked_at AS at, w.what, w.version, w.words,
           w.mailed_at, w.answered_at, w.voided_at IS NOT NULL AS is_void
    FROM wishes w WHERE w.recipient_id = $1
) w
WHERE $2::timestamptz IS NULL OR (w.at, w.key) < ($2, $3::text COLLATE "C")
ORDER BY w.at DESC, w.key DESC LIMIT $4

-- name: notices
SELECT * FROM (
    SELECT 'n' || lpad(n.id::text, 19, '0') COLLATE "C" AS key, n.since AS at, n.mailing_id, n.category, n.channel, n.reason,
           n.state, n.changed_at
    FROM notices n WHERE n.recipient_id = $1
) n
WHERE $2::timestamptz IS NULL OR (n.at, n.key) < ($2, $3::text COLLATE "C")
ORDER BY n.at DESC, n.key DESC LIMIT $4

-- name: looked_up
SELECT EXISTS (
    SELECT FROM ledger
    WHERE mailing_id IS NULL AND recipient_id = $2 AND brand = $1 AND kind = 'access' AND reason = 'looked-up'
      AND actor = $3 AND rule = $4 AND at > now() - $5::interval)
