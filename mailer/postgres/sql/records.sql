-- name: entries
SELECT l.at, l.kind, l.attempt, l.category, l.reason, l.rule, l.policy, l.processor, l.country, l.contract, l.fields,
       n.text AS reply, l.actor, l.recipient_id IS NULL AS whole
FROM (SELECT * FROM ledger WHERE mailing_id = $1 AND recipient_id = $2
      UNION ALL SELECT * FROM ledger WHERE mailing_id = $1 AND recipient_id IS NULL) l
LEFT JOIN ledger_notes n USING (writer, n)
ORDER BY l.at, l.writer, l.n

-- name: delivered
SELECT m.state AS mailing, m.created_at, m.send_at, d.state, d.reason, d.due_at
FROM mailings m LEFT JOIN deliveries d ON d.mailing_id = m.id AND d.recipient_id = $2 WHERE m.id = $1

-- name: halts
SELECT scope, key, by, reason, at FROM halts
WHERE scope IN ('everything', 'processor') OR (scope = 'brand' AND key = $1) OR (scope = 'mailing' AND key = $2)
   OR (scope = 'promotional' AND key = $1
       AND (SELECT m.lane FROM mailings m WHERE m.id = nullif($2, 'None')::uuid) = 'promotional')
ORDER BY at

-- name: acts
SELECT at, reason, category AS scope FROM ledger
WHERE mailing_id IS NULL AND recipient_id = $2 AND brand = $1 AND kind = 'action' AND reason IS NOT NULL
ORDER BY at, writer, n

-- name: known_since
SELECT created_at FROM recipients WHERE id = $1

-- name: named
SELECT id, template FROM mailings WHERE id = ANY ($1::uuid[])
