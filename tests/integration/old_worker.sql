-- The statements by which a worker of the release before hands mail over, as of commit 7eef4b1
-- (mailer/postgres/sql/deliveries.sql, with the columns of a standing written out). Such workers go on while a newer
-- version is deployed: its migrations have to leave these statements working. To be replaced with each release.

-- name: claim
-- Takes the queued deliveries of queued batches, with each person's standing. Waits for who is just noting that a batch
-- was published: its message can be here sooner than that note.
WITH batch AS (
    UPDATE batches SET state = 'claimed', claim = $7, owner = $8, lease_until = clock_timestamp() + $9
    WHERE id IN (SELECT id FROM batches WHERE id = ANY ($6::bigint[]) AND state = 'queued' AND due_at <= now()
                 ORDER BY id FOR UPDATE)
    RETURNING id, mailing_id
), taken AS (
    UPDATE deliveries d SET state = 'claimed', claim = $7, attempt = attempt + 1
    FROM batch WHERE d.batch = batch.id AND d.state = 'queued'
    RETURNING d.mailing_id, d.recipient_id, d.attempt, d.copy_of, d.context
), mailing AS MATERIALIZED (
    SELECT id, brand, category, inviter FROM mailings WHERE id = ANY (ARRAY(SELECT DISTINCT mailing_id FROM batch))
), {rows}

-- name: read_again
WITH taken AS MATERIALIZED (
    SELECT d.mailing_id, d.recipient_id, d.attempt, d.copy_of, d.context
    FROM unnest($7::uuid[], $8::bigint[]) AS k (mailing_id, recipient_id)
    JOIN deliveries d USING (mailing_id, recipient_id)
    WHERE d.claim = $6 AND d.state = 'claimed'
), mailing AS MATERIALIZED (
    SELECT id, brand, category, inviter FROM mailings WHERE id = ANY ($7::uuid[])
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
SELECT t.mailing_id, t.attempt, t.context, r.email, r.name, r.locale, t.copy_of,
       -- Those before it who have this address, and what has become of their copies.
       CASE WHEN t.copy_of IS NOT NULL THEN (
           WITH RECURSIVE chain AS (
               SELECT d.recipient_id, d.copy_of, d.state FROM deliveries d
               WHERE d.mailing_id = t.mailing_id AND d.recipient_id = t.copy_of
               UNION ALL
               SELECT d.recipient_id, d.copy_of, d.state FROM chain JOIN deliveries d ON d.recipient_id = chain.copy_of
               WHERE d.mailing_id = t.mailing_id)
           SELECT jsonb_agg(jsonb_build_array(chain.recipient_id, chain.state))
           FROM chain JOIN standings o ON o.recipient_id = chain.recipient_id AND o.address_hash = s.address_hash
       ) END AS originals, c.sent,
       m.inviter_paused, i.invited_by,
       s.recipient_id, s.version, s.opted_out, s.objected_at, s.consents, s.source, s.collected_under,
       s.country, s.paid, s.deactivated_at, s.erased_at, s.erased_before_at, s.restricted_at, s.under_13_at,
       s.address_dead_at, s.electronic_refused_at, s.personalisation_refused_at, s.tracking_refused_at,
       s.channel
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
LEFT JOIN LATERAL (
    SELECT x.source AS invited_by FROM suppressions x
    WHERE m.inviter IS NOT NULL AND x.controller = r.controller AND x.address_key = r.address_key
      AND x.address_hash = r.address_hash AND x.brand = r.brand AND x.scope = 'invitation' AND x.reason = 'invited'
      AND x.lifted_at IS NULL
    LIMIT 1
) i ON true
ORDER BY t.mailing_id, t.recipient_id

-- name: move
-- All of the window, or nothing of it: only so can the chain be computed before the statement.
WITH want AS MATERIALIZED (
    SELECT * FROM unnest($23::uuid[], $24::bigint[], $25::int[], $26::text[], $27::text[], $28::text[],
                         $29::timestamptz[], $30::bigint[], $37::text[], $38::text[])
        AS w (mailing_id, recipient_id, attempt, from_state, to_state, reason, due_at, version, sent_as, counts_as)
), standing AS MATERIALIZED (
    -- Waits for whoever is changing one of them, and then sees what it has become (invariant 2).
    SELECT s.recipient_id, s.version FROM standings s
    WHERE s.recipient_id IN (SELECT recipient_id FROM want WHERE version IS NOT NULL)
    ORDER BY s.recipient_id {lock}
), lease AS MATERIALIZED (
    SELECT b.mailing_id FROM batches b
    WHERE b.state = 'claimed' AND b.claim = $31 AND b.lease_until > clock_timestamp() FOR SHARE
), good AS MATERIALIZED (
    SELECT d.mailing_id, d.recipient_id
    FROM want w JOIN deliveries d ON d.mailing_id = w.mailing_id AND d.recipient_id = w.recipient_id
    WHERE d.state = w.from_state AND d.attempt = w.attempt AND d.claim IS NOT DISTINCT FROM $31::uuid
      AND (w.version IS NULL
           OR (EXISTS (SELECT FROM standing s WHERE s.recipient_id = w.recipient_id AND s.version = w.version)
               AND EXISTS (SELECT FROM lease l WHERE l.mailing_id = w.mailing_id)))
    ORDER BY d.mailing_id, d.recipient_id FOR UPDATE OF d
), verdict AS MATERIALIZED (
    SELECT count(*) = cardinality($24::bigint[]) AS whole FROM good
), moved AS (
    UPDATE deliveries d
    SET state = w.to_state, reason = w.reason, due_at = w.due_at, sent_as = coalesce(w.sent_as, d.sent_as),
        claim = CASE WHEN w.to_state = 'intended' THEN d.claim END
    FROM want w, verdict
    WHERE verdict.whole AND d.mailing_id = w.mailing_id AND d.recipient_id = w.recipient_id
), entry AS MATERIALIZED (
    SELECT e.* FROM verdict, unnest(
        $1::uuid[], $2::bigint[], $3::timestamptz[], $4::text[], $5::text[], $6::uuid[], $7::bigint[], $8::int[],
        $9::text[], $10::text[], $11::text[], $12::text[], $13::text[], $14::text[], $15::text[], $16::text[],
        $17::text[], $18::bytea[], $19::text[], $20::bytea[], $21::bytea[], $22::text[]
    ) AS e (writer, n, at, kind, brand, mailing_id, recipient_id, attempt, category, reason, rule, policy, processor,
            country, contract, purpose, fields, reply, message_id, hash, salt, text)
    WHERE verdict.whole
), noted AS (
    INSERT INTO ledger_notes SELECT writer, n, recipient_id, salt, text FROM entry WHERE salt IS NOT NULL
), written AS (
    INSERT INTO ledger
    SELECT writer, n, at, kind, brand, mailing_id, recipient_id, attempt, category, reason, rule, policy, processor,
           country, contract, purpose, string_to_array(fields, ','), reply, message_id, hash
    FROM entry
), counted AS (
    INSERT INTO counters
    SELECT c.mailing_id, c.state, c.reason, c.n
    FROM verdict, unnest($32::uuid[], $33::text[], $34::text[], $35::bigint[]) AS c (mailing_id, state, reason, n)
    WHERE verdict.whole
), told AS (
    -- One message a window, mailing and state, committed with what it tells; the relay publishes it.
    INSERT INTO outbox (exchange, routing_key, body)
    SELECT 'mailer.outcomes', concat_ws('.', m.brand, m.category, w.to_state),
           jsonb_build_object(
               'v', 1, 'at', now(), 'brand', m.brand, 'category', m.category, 'state', w.to_state, 'mailing', m.id,
               'event', m.event_id, 'campaign', m.campaign,
               'deliveries', jsonb_agg(jsonb_build_object('ref', r.ref, 'reason', w.reason, 'attempt', w.attempt)))
    FROM verdict, want w JOIN mailings m ON m.id = w.mailing_id JOIN recipients r ON r.id = w.recipient_id
    WHERE verdict.whole AND $36::boolean AND w.to_state <> 'intended'
    GROUP BY m.id, w.to_state
){count}
SELECT verdict.whole, good.mailing_id, good.recipient_id
FROM verdict LEFT JOIN good ON NOT verdict.whole

-- name: count
-- Who is intended a counted mail has another standing from then on, so that no other counted mail is intended on the old
-- count. Two that share a lock could not both raise the version, so this move takes it alone.
, sent AS (
    INSERT INTO sends (recipient_id, mailing_id, category)
    SELECT w.recipient_id, w.mailing_id, w.counts_as FROM verdict, want w
    WHERE verdict.whole AND w.counts_as IS NOT NULL
    ON CONFLICT DO NOTHING
), raised AS (
    UPDATE standings s SET version = s.version + 1
    FROM verdict, want w WHERE verdict.whole AND w.counts_as IS NOT NULL AND s.recipient_id = w.recipient_id
)

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
