-- name: writers
-- The chains that have entries of mailings, or of a case by its rule. A writer's id tells when it began.
SELECT writer, min(n) AS first, max(n) AS last FROM (
    SELECT writer, n FROM ledger WHERE mailing_id = ANY ($1::uuid[])
    UNION ALL
    SELECT writer, n FROM ledger WHERE mailing_id IS NULL AND recipient_id IS NULL AND rule = $2 AND writer >= $3
) e GROUP BY writer ORDER BY writer

-- name: seals
SELECT id, body, signature FROM seals WHERE sealed_at >= $1 AND id > $2 ORDER BY id LIMIT $3

-- name: end
SELECT max(n) FROM ledger WHERE writer = $1

-- name: entries
-- All entries of a part of a chain. Of those that are not of the case, only the hash leaves the ledger.
SELECT l.writer, l.n, l.at, l.kind, l.brand, l.mailing_id, l.recipient_id, l.attempt, l.category, l.reason, l.rule,
       l.policy, l.processor, l.country, l.contract, l.purpose, l.fields, l.reply AS commitment, l.message_id, l.hash,
       notes.salt, notes.text AS reply, l.actor,
       (l.mailing_id = ANY ($4::uuid[]) OR (l.mailing_id IS NULL AND l.recipient_id IS NULL AND l.rule = $5)) IS TRUE AS is_of_case
FROM ledger l LEFT JOIN ledger_notes notes USING (writer, n)
WHERE l.writer = $1 AND l.n > $2 AND l.n <= $3 ORDER BY l.n LIMIT $6
