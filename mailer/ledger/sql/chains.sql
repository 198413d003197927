-- name: slice
-- The entries behind one place in the order of the chains, up to another.
SELECT l.writer, l.n, l.at, l.kind, l.brand, l.mailing_id, l.recipient_id, l.attempt, l.category, l.reason, l.rule,
       l.policy, l.processor, l.country, l.contract, l.purpose, l.fields, l.reply AS commitment, l.message_id, l.hash,
       notes.salt, notes.text AS reply, l.actor
FROM ledger l LEFT JOIN ledger_notes notes ON notes.writer = l.writer AND notes.n = l.n
    AND notes.writer >= $1 AND notes.writer <= $3
WHERE l.writer >= $1 AND l.writer <= $3 AND (l.writer, l.n) > ($1, $2) AND (l.writer, l.n) <= ($3, $4)
ORDER BY l.writer, l.n

-- name: before
SELECT writer, n, hash FROM ledger WHERE writer = $1 AND n <= $2 ORDER BY n DESC LIMIT 1
