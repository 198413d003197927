-- name: entries
-- What entries have in common comes once, and each of them names it.
    SELECT $1::uuid AS writer, $2::bigint + e.position - 1 AS n, $3::timestamptz AS at, s.kind, s.brand,
           ($5::uuid[])[e.mailing] AS mailing_id, e.recipient_id, e.attempt, s.category, s.reason, s.rule, s.policy,
           s.processor, s.country, s.contract, s.purpose, s.fields, e.message_id, s.actor,
           substring($12::bytea FROM e.position::int * 32 - 31 FOR 32) AS hash,
           CASE WHEN e.text IS NOT NULL THEN substring($13::bytea FROM e.position::int * 32 - 31 FOR 32) END AS reply,
           CASE WHEN e.text IS NOT NULL THEN substring($14::bytea FROM e.position::int * 16 - 15 FOR 16) END AS salt,
           e.text
    FROM unnest($6::text::int[], $7::text::int[], $8::text::bigint[], $9::text::int[], $10::text::text[],
                $11::text::text[])
        WITH ORDINALITY AS e (shape, mailing, recipient_id, attempt, message_id, text, position)
    JOIN jsonb_to_recordset($4::jsonb)
        AS s (shape int, kind text, brand text, category text, reason text, rule text, policy text,
              processor text, country text, contract text, purpose text, fields text[], actor text) USING (shape)

-- name: append
WITH entry AS MATERIALIZED (
    {entries}
), noted AS (
    INSERT INTO ledger_notes SELECT writer, n, recipient_id, salt, text FROM entry WHERE salt IS NOT NULL
)
INSERT INTO ledger
SELECT writer, n, at, kind, brand, mailing_id, recipient_id, attempt, category, reason, rule, policy, processor, country,
       contract, purpose, fields, reply, message_id, hash, actor
FROM entry

-- name: note_event
-- An id that may name somebody is kept as its hash; those of before are there as they are.
INSERT INTO account_events (brand, event_id, content)
SELECT $1, $3, $4 WHERE NOT EXISTS (SELECT FROM account_events WHERE brand = $1 AND event_id = $2)
ON CONFLICT DO NOTHING RETURNING true

-- name: noted
SELECT content FROM account_events WHERE brand = $1 AND event_id IN ($2, $3)

-- name: known_since
SELECT id, created_at FROM recipients WHERE id = ANY ($1::bigint[])

-- name: export
SELECT l.writer, l.n, l.at, l.kind, l.brand, l.mailing_id, l.recipient_id, l.attempt, l.category, l.reason, l.rule,
       l.policy, l.processor, l.country, l.contract, l.purpose, l.fields, l.reply AS commitment, l.message_id, l.hash,
       notes.salt, notes.text AS reply, l.actor
FROM ledger l LEFT JOIN ledger_notes notes USING (writer, n)
WHERE $1::uuid IS NULL OR l.mailing_id = $1
ORDER BY l.writer, l.n

-- name: decisions
SELECT at, attempt, category, reason, rule, policy FROM ledger
WHERE mailing_id = $1 AND recipient_id = $2 AND kind = 'decision' ORDER BY attempt, at

