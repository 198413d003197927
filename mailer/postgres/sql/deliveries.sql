-- name: mailings_of
SELECT DISTINCT mailing_id FROM batches WHERE id = ANY ($1::bigint[])

-- name: claim
-- Takes the queued deliveries of queued batches, with each person's standing. Waits for who is just noting that a batch
-- was published: its message can be here sooner than that note.
WITH wanted AS MATERIALIZED (
    SELECT b.id, {halted} AS halted FROM batches b
    WHERE b.id = ANY ($6::bigint[]) AND b.state = 'queued' AND b.due_at <= now() ORDER BY b.id FOR UPDATE
), waiting AS (
    -- The message of what stands still is used up: it is published again once it goes on.
    UPDATE batches b SET published_at = NULL FROM wanted w WHERE b.id = w.id AND w.halted
), batch AS (
    UPDATE batches b SET state = 'claimed', claim = $7, owner = $8, lease_until = clock_timestamp() + $9
    FROM wanted w WHERE b.id = w.id AND NOT w.halted
    RETURNING b.id, b.mailing_id
), taken AS (
    UPDATE deliveries d SET state = 'claimed', claim = $7, attempt = attempt + 1
    FROM batch WHERE d.batch = batch.id AND d.state = 'queued'
    RETURNING d.mailing_id, d.recipient_id, d.attempt, d.copy_of, d.context, d.tried_at
), mailing AS MATERIALIZED (
    SELECT id, brand, category, inviter FROM mailings WHERE id = ANY (ARRAY(SELECT DISTINCT mailing_id FROM batch))
), {rows}

-- name: read_again
WITH taken AS MATERIALIZED (
    SELECT d.mailing_id, d.recipient_id, d.attempt, d.copy_of, d.context, d.tried_at
    FROM unnest($7::uuid[], $8::bigint[]) AS k (mailing_id, recipient_id)
    JOIN deliveries d USING (mailing_id, recipient_id)
    WHERE d.claim = $6 AND d.state = 'claimed'
), mailing AS MATERIALIZED (
    SELECT id, brand, category, inviter FROM mailings WHERE id = ANY ($7::uuid[])
), {rows}

-- name: read
WITH taken AS MATERIALIZED (
    SELECT d.mailing_id, d.recipient_id, d.attempt, d.copy_of, d.context, d.tried_at
    FROM deliveries d WHERE d.mailing_id = $6 AND d.recipient_id = ANY ($7::bigint[])
), mailing AS MATERIALIZED (
    SELECT id, brand, category, inviter FROM mailings WHERE id = $6
), {rows}

-- name: waiting
-- What nobody has begun of a mailing, some at a time.
WITH taken AS MATERIALIZED (
    SELECT d.mailing_id, d.recipient_id, d.attempt, d.copy_of, d.context, d.tried_at
    FROM deliveries d WHERE d.mailing_id = $6 AND d.recipient_id > $7 AND d.state = 'queued'
    ORDER BY d.recipient_id LIMIT $8
), mailing AS MATERIALIZED (
    SELECT id, brand, category, inviter FROM mailings WHERE id = $6
), {rows}

-- name: foresee
-- The same of a person and a mailing that need not exist, for an explanation.
WITH taken AS MATERIALIZED (
    SELECT $6::uuid AS mailing_id, r.id AS recipient_id, 0 AS attempt,
           NULL::bigint AS copy_of, NULL::jsonb AS context, NULL::timestamptz AS tried_at
    FROM recipients r
    WHERE r.id = $7 AND r.brand = $8
), mailing AS MATERIALIZED (
    SELECT $6::uuid AS id, $8::text AS brand, $9::text AS category, $10::text AS inviter
), {rows}

-- name: rows
-- What the deliveries in `taken` are decided on. Whoever is not counted and not invited pays for neither.
rate AS MATERIALIZED (
    SELECT m.id AS mailing_id, k.name, k.counted, k.days
    FROM mailing m JOIN unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::int[])
        AS k (brand, category, name, counted, days) USING (brand, category)
), addressed AS MATERIALIZED (
    SELECT m.*, EXISTS (SELECT FROM rate WHERE rate.mailing_id = m.id) AS counted,
           EXISTS (SELECT FROM inviters i WHERE i.brand = m.brand AND i.inviter = m.inviter AND i.paused_at IS NOT NULL)
               AS inviter_paused
    FROM mailing m
)
SELECT {standing},
       CASE WHEN m.inviter IS NOT NULL THEN (
           -- Of the address, and of each other form of its mailbox, where another one of the same mailing is another one, too.
           SELECT CASE WHEN x.source = k.mine THEN m.id::text WHEN k.own THEN x.source ELSE 'its mailbox' END
           FROM (SELECT r.address_hash AS hash, m.id::text AS mine, true AS own
                 UNION ALL
                 SELECT b.mailbox_hash, m.id || ' ' || r.id, false FROM mailboxes b
                 WHERE b.address_key = r.address_key AND b.address_hash = r.address_hash) k
           JOIN suppressions x ON x.controller = r.controller AND x.address_key = r.address_key AND x.address_hash = k.hash
             AND x.brand = r.brand AND x.scope = 'invitation' AND x.reason = 'invited' AND x.lifted_at IS NULL
           ORDER BY x.source = k.mine LIMIT 1) END AS invited_by,
       CASE WHEN s.own_cap IS NULL THEN c.sent ELSE coalesce(c.sent, '[]') || jsonb_build_array(jsonb_build_array('own_cap', (
           -- A cap that is not known is taken for the strictest.
           SELECT count(*) FROM sends x
           WHERE x.recipient_id = s.recipient_id AND x.mailing_id <> m.id AND x.category = ANY ({optional})
             AND x.at > now() - make_interval(days => CASE s.own_cap WHEN 'weekly' THEN 7 ELSE 30 END)))) END AS sent,
       CASE WHEN t.copy_of IS NOT NULL THEN s.address_hash END AS shared,
       -- A notice of a breach is in the language that its manifest has shown.
       t.mailing_id, t.attempt, r.name, CASE WHEN m.category = 'breach' THEN coalesce(t.context ->> 'notice_locale', r.locale) ELSE r.locale END AS locale, t.context, m.inviter_paused, t.tried_at
FROM taken t
JOIN addressed m ON m.id = t.mailing_id
JOIN recipients r ON r.id = t.recipient_id
JOIN standings s ON s.recipient_id = t.recipient_id
LEFT JOIN LATERAL (
    SELECT jsonb_agg(jsonb_build_array(n.name, n.n)) AS sent
    FROM (SELECT k.name, count(*) AS n
          FROM (SELECT x.category, x.at FROM sends x
                WHERE m.counted AND x.recipient_id = s.recipient_id AND x.mailing_id <> m.id) x
          -- OFFSET 0: for each of a person's mails the few rates, and not the mails again for each rate.
          CROSS JOIN LATERAL (
              SELECT rate.name FROM rate
              WHERE rate.mailing_id = m.id AND rate.counted = x.category
                AND x.at > now() - make_interval(days => rate.days) OFFSET 0) k
          GROUP BY k.name) n
) c ON true
ORDER BY t.mailing_id, t.recipient_id

-- name: keep_inviters
-- Nobody's invitations are stopped until the invitations at hand are intended, or found to be stopped.
LOCK TABLE turn_inviters IN ROW SHARE MODE

-- name: use_addresses
-- An invitee's address is used once, with every form of its mailbox: who is first with it keeps it. Returns those who may
-- not use theirs.
WITH want AS MATERIALIZED (
    SELECT m.id AS mailing_id, r.id AS recipient_id, r.controller, r.address_key, k.hash, r.brand, m.inviter, k.mine,
           octet_length(r.email) = length(r.email) AS exact
    FROM unnest($1::uuid[], $2::bigint[]) AS w (mailing_id, recipient_id)
    JOIN mailings m ON m.id = w.mailing_id JOIN recipients r ON r.id = w.recipient_id
    CROSS JOIN LATERAL (
        SELECT r.address_hash AS hash, m.id::text AS mine
        UNION ALL
        SELECT b.mailbox_hash, m.id || ' ' || r.id FROM mailboxes b
        WHERE b.address_key = r.address_key AND b.address_hash = r.address_hash) k
    WHERE r.address_hash IS NOT NULL
), used AS (
    INSERT INTO suppressions (controller, address_key, address_hash, brand, scope, reason, source, exact)
    SELECT controller, address_key, hash, brand, 'invitation', 'invited', mine, exact
    FROM want ORDER BY controller, address_key, hash
    ON CONFLICT DO NOTHING
    RETURNING controller, address_key, address_hash, brand, source
)
SELECT DISTINCT w.mailing_id, w.recipient_id FROM want w
WHERE EXISTS (SELECT FROM inviters i WHERE i.brand = w.brand AND i.inviter = w.inviter AND i.paused_at IS NOT NULL)
   OR NOT EXISTS (
    SELECT FROM (SELECT * FROM used
                 UNION ALL
                 SELECT x.controller, x.address_key, x.address_hash, x.brand, x.source FROM suppressions x
                 WHERE x.scope = 'invitation' AND x.reason = 'invited' AND x.lifted_at IS NULL
                   AND x.controller = w.controller AND x.address_key = w.address_key
                   AND x.address_hash = w.hash) held
    WHERE held.controller = w.controller AND held.address_key = w.address_key AND held.address_hash = w.hash
      AND held.brand = w.brand AND held.source = w.mine)

-- name: carriers
-- Who last carried a text to an address, and what has become of it; the text itself comes behind any text.
SELECT k.mailing_id, k.recipient_id, c.recipient_id AS carrier, c.n, d.state, d.due_at, d.reason
FROM unnest($1::uuid[], $2::bigint[], $3::bytea[], $4::bytea[]) AS k (mailing_id, recipient_id, address_hash, text)
JOIN copies c ON c.mailing_id = k.mailing_id AND c.address_hash = k.address_hash AND c.text IN (k.text, '')
CROSS JOIN LATERAL (
    SELECT d.state, d.due_at, d.reason FROM deliveries d
    WHERE d.mailing_id = c.mailing_id AND d.recipient_id = c.recipient_id) d
ORDER BY c.text

-- name: carry
-- A text goes to an address once. Whoever has read an older number than there is comes too late, and is missing from the
-- answer. In an order, so that no two wait for one another.
INSERT INTO copies AS c (mailing_id, address_hash, text, recipient_id, n)
SELECT DISTINCT ON (mailing_id, address_hash, text) mailing_id, address_hash, text, recipient_id, n + 1
FROM unnest($1::uuid[], $2::bigint[], $3::bytea[], $4::bytea[], $5::int[])
    AS k (mailing_id, recipient_id, address_hash, text, n)
ORDER BY mailing_id, address_hash, text, recipient_id
ON CONFLICT (mailing_id, address_hash, text) DO UPDATE SET recipient_id = EXCLUDED.recipient_id, n = EXCLUDED.n
WHERE c.n = EXCLUDED.n - 1
RETURNING mailing_id, recipient_id

-- name: copy_of
-- Whose copy counted for a delivery that ended by that.
SELECT copy_of FROM deliveries WHERE mailing_id = $1 AND recipient_id = $2 AND reason = 'duplicate_address'

-- name: note_copies
-- Whose copy counts for these.
UPDATE deliveries d SET copy_of = k.copy_of
FROM unnest($1::uuid[], $2::bigint[], $3::bigint[]) AS k (mailing_id, recipient_id, copy_of)
WHERE d.mailing_id = k.mailing_id AND d.recipient_id = k.recipient_id

-- name: want
-- The moves; what they have in common comes once.
    SELECT s.*, w.mailing_id, w.recipient_id, w.attempt, w.due_at, w.version
    FROM (SELECT shape, ($2::uuid[])[mailing] AS mailing_id, recipient_id, attempt, due_at, version
          FROM unnest($3::text::int[], $4::text::int[], $5::text::bigint[], $6::text::int[], $7::text::bigint[],
                      $8::timestamptz[])
              AS w (shape, mailing, recipient_id, attempt, version, due_at)) w
    JOIN jsonb_to_recordset($1::jsonb)
        AS s (shape int, from_state text, to_state text, reason text, sent_as text, counts_as text)
        USING (shape)

-- name: be_patient
-- The same limit as `move` has, for what its transaction does before.
SELECT set_config('lock_timeout', $1, true)

-- name: move
-- All of the window, or an error and nothing of it: only so can the chain be computed before the statement.
WITH patience AS MATERIALIZED (
    -- The server ends the wait: who breaks a statement off from outside never knows whether it was committed.
    SELECT set_config('lock_timeout', $16, true) AS milliseconds
), want AS MATERIALIZED (
    -- In an order, so that no two wait for one another.
    SELECT * FROM ({want}) w ORDER BY mailing_id, recipient_id
), standing AS MATERIALIZED (
    -- Waits for whoever is changing one of them, and then sees what it has become (invariant 2).
    SELECT s.recipient_id, s.version FROM standings s
    WHERE (SELECT milliseconds FROM patience) IS NOT NULL
      -- Of who is diverted, so that an erasure is over by the time the notice is written.
      AND s.recipient_id IN (SELECT recipient_id FROM want WHERE version IS NOT NULL OR to_state = 'diverted')
    ORDER BY s.recipient_id {lock}
), lease AS MATERIALIZED (
    SELECT b.mailing_id FROM batches b
    WHERE b.state = 'claimed' AND b.claim = $9 AND b.lease_until > clock_timestamp() FOR SHARE
), moved AS (
    UPDATE deliveries d
    SET state = w.to_state, reason = w.reason, due_at = w.due_at, sent_as = coalesce(w.sent_as, d.sent_as),
        claim = CASE WHEN w.to_state IN ('intended', 'claimed') THEN d.claim END,
        doubts = d.doubts + (w.to_state = 'in_doubt')::int,
        tried_at = CASE WHEN w.from_state = 'intended' AND w.to_state <> 'claimed' THEN coalesce(d.tried_at, now())
                       ELSE d.tried_at END
    FROM want w
    -- People and batches are locked before deliveries, as everywhere.
    WHERE (SELECT count(*) FROM standing) + (SELECT count(*) FROM lease) >= 0
      AND d.mailing_id = w.mailing_id AND d.recipient_id = w.recipient_id
      AND d.state = w.from_state AND d.attempt = w.attempt AND d.claim IS NOT DISTINCT FROM $9::uuid
      AND (w.version IS NULL
           OR (EXISTS (SELECT FROM standing s WHERE s.recipient_id = w.recipient_id AND s.version = w.version)
               AND EXISTS (SELECT FROM lease l WHERE l.mailing_id = w.mailing_id)))
    RETURNING 1
), entry AS MATERIALIZED (
{entries}
), noted AS (
    INSERT INTO ledger_notes SELECT writer, n, recipient_id, salt, text FROM entry WHERE salt IS NOT NULL
), written AS (
    INSERT INTO ledger
    SELECT writer, n, at, kind, brand, mailing_id, recipient_id, attempt, category, reason, rule, policy, processor,
           country, contract, purpose, fields, reply, message_id, hash, actor
    FROM entry
), counted AS (
    INSERT INTO counters
    SELECT * FROM unnest($10::uuid[], $11::text[], $12::text[], $13::bigint[])
), handed AS (
    INSERT INTO handed (brand, processor, country, contract, n)
    SELECT * FROM jsonb_to_recordset($15::jsonb) AS h (brand text, processor text, country text, contract text, n bigint)
), told AS (
    -- One message a window and routing key, committed with what it tells; the relay publishes it.
    INSERT INTO outbox (exchange, routing_key, body)
    SELECT 'mailer.outcomes', concat_ws('.', m.brand, m.category, t.to_state),
           jsonb_build_object(
               'v', 2, 'at', now(), 'brand', m.brand, 'category', m.category, 'state', t.to_state,
               'mailings', jsonb_agg(jsonb_build_object(
                   'mailing', m.id, 'event', m.event_id, 'campaign', m.campaign, 'deliveries', t.deliveries)))
    FROM (SELECT w.mailing_id, w.to_state,
                 jsonb_agg(jsonb_build_object('ref', r.ref, 'reason', w.reason, 'attempt', w.attempt)) AS deliveries
          FROM want w JOIN recipients r ON r.id = w.recipient_id
          WHERE $14::boolean AND w.to_state NOT IN ('intended', 'claimed')
          GROUP BY w.mailing_id, w.to_state) t
    JOIN mailings m ON m.id = t.mailing_id
    GROUP BY m.brand, m.category, t.to_state
)/*posted*/{count}
SELECT all_moved((SELECT count(*) FROM moved), cardinality($5::text::bigint[]))

-- name: posted
-- Stands in `move` while any application has an enabled endpoint: one post a window, endpoint and state.
, posted AS (
    INSERT INTO outgoing_webhook_messages (webhook_id, category, state, mailing_ids, recipient_ids, reasons, attempts)
    SELECT e.id, m.category, w.to_state, array_agg(m.id), array_agg(w.recipient_id), array_agg(w.reason), array_agg(w.attempt)
    FROM want w
    JOIN mailings m ON m.id = w.mailing_id
    JOIN outgoing_webhooks e ON e.brand = m.brand AND e.disabled_at IS NULL AND w.to_state = ANY (e.kinds)
    GROUP BY e.id, m.category, w.to_state
)

-- name: count
-- Who is intended a counted mail has another standing from then on, so that no other counted mail is intended on the old
-- count. Two that share a lock could not both raise the version, so this move takes it alone.
, sent AS (
    INSERT INTO sends (recipient_id, mailing_id, category)
    SELECT recipient_id, mailing_id, counts_as FROM want WHERE counts_as IS NOT NULL
    ON CONFLICT DO NOTHING
), raised AS (
    UPDATE standings s SET version = s.version + 1
    FROM want w
    WHERE (SELECT count(*) FROM moved) > 0 AND w.counts_as IS NOT NULL AND s.recipient_id = w.recipient_id
)

-- name: refused
-- Which moves do not hold, once one of them was found not to.
WITH want AS MATERIALIZED (
{want}
), lease AS MATERIALIZED (
    SELECT b.mailing_id FROM batches b
    WHERE b.state = 'claimed' AND b.claim = $9 AND b.lease_until > clock_timestamp()
)
SELECT w.mailing_id, w.recipient_id
FROM want w
LEFT JOIN deliveries d ON d.mailing_id = w.mailing_id AND d.recipient_id = w.recipient_id
    AND d.state = w.from_state AND d.attempt = w.attempt AND d.claim IS NOT DISTINCT FROM $9::uuid
LEFT JOIN standings s ON s.recipient_id = w.recipient_id
WHERE d.mailing_id IS NULL
   OR (w.version IS NOT NULL
       AND (s.version IS DISTINCT FROM w.version OR w.mailing_id NOT IN (SELECT mailing_id FROM lease)))

-- name: renew
-- Only a lease that holds still: whoever found it run out may have taken its deliveries.
WITH renewed AS (
    UPDATE batches SET lease_until = clock_timestamp() + $2
    WHERE state = 'claimed' AND claim = $1 AND lease_until > clock_timestamp()
    RETURNING 1
)
SELECT EXISTS (SELECT FROM renewed)

-- name: finish
-- What is still claimed goes back; a batch that has such rows waits for its time, the others are done with. A batch
-- with an intent that has no outcome stays as it is, since the timekeeper finds the intent by it.
WITH ended AS MATERIALIZED (
    SELECT b.id FROM batches b
    WHERE b.state = 'claimed' AND b.claim = $1 AND NOT EXISTS (
        SELECT FROM deliveries d WHERE d.batch = b.id AND d.claim = $1 AND d.state = 'intended')
    ORDER BY b.id FOR UPDATE
), back AS (
    UPDATE deliveries d SET state = 'queued', claim = NULL
    FROM ended WHERE d.batch = ended.id AND d.claim = $1 AND d.state = 'claimed'
    RETURNING d.batch
), again AS (
    UPDATE batches SET state = 'queued', claim = NULL, owner = NULL, lease_until = NULL, published_at = NULL,
        due_at = coalesce($2, now())
    WHERE id IN (SELECT batch FROM back)
)
DELETE FROM batches WHERE id IN (SELECT id FROM ended) AND id NOT IN (SELECT batch FROM back)
