-- name: append
WITH entry AS (
    SELECT * FROM unnest(
        $1::uuid[], $2::bigint[], $3::timestamptz[], $4::text[], $5::text[], $6::uuid[], $7::bigint[], $8::int[],
        $9::text[], $10::text[], $11::text[], $12::text[], $13::text[], $14::text[], $15::text[], $16::text[],
        $17::text[], $18::bytea[], $19::text[], $20::bytea[], $21::bytea[], $22::text[]
    ) AS e (writer, n, at, kind, brand, mailing_id, recipient_id, attempt, category, reason, rule, policy, processor,
            country, contract, purpose, fields, reply, message_id, hash, salt, text)
), noted AS (
    INSERT INTO ledger_notes SELECT writer, n, recipient_id, salt, text FROM entry WHERE salt IS NOT NULL
)
INSERT INTO ledger
SELECT writer, n, at, kind, brand, mailing_id, recipient_id, attempt, category, reason, rule, policy, processor, country,
       contract, purpose, string_to_array(fields, ','), reply, message_id, hash
FROM entry

-- name: note_event
INSERT INTO account_events (brand, event_id) VALUES ($1, $2) ON CONFLICT DO NOTHING RETURNING true

-- name: export
SELECT l.writer, l.n, l.at, l.kind, l.brand, l.mailing_id, l.recipient_id, l.attempt, l.category, l.reason, l.rule,
       l.policy, l.processor, l.country, l.contract, l.purpose, l.fields, l.reply AS commitment, l.message_id, l.hash,
       notes.salt, notes.text AS reply
FROM ledger l LEFT JOIN ledger_notes notes USING (writer, n)
WHERE $1::uuid IS NULL OR l.mailing_id = $1
ORDER BY l.writer, l.n

-- name: decisions
SELECT at, attempt, category, reason, rule, policy FROM ledger
WHERE mailing_id = $1 AND recipient_id = $2 AND kind = 'decision' ORDER BY attempt, at

-- name: heads
-- From writer to writer by the index: two probes each, however long the chains are.
WITH RECURSIVE writers AS (
    (SELECT writer FROM ledger ORDER BY writer LIMIT 1)
    UNION ALL
    SELECT (SELECT l.writer FROM ledger l WHERE l.writer > w.writer ORDER BY l.writer LIMIT 1)
    FROM writers w WHERE w.writer IS NOT NULL
)
SELECT w.writer, head.n, head.hash
FROM writers w CROSS JOIN LATERAL (
    SELECT l.n, l.hash FROM ledger l WHERE l.writer = w.writer ORDER BY l.n DESC LIMIT 1) head

-- name: seal
INSERT INTO seals (body, signature) VALUES ($1, $2)

-- name: latest_seal
SELECT body, signature FROM seals ORDER BY id DESC LIMIT 1
