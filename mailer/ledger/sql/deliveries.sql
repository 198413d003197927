-- name: claim
-- Takes the queued deliveries of queued batches, with each person's standing. Waits for who is just noting that a batch
-- was published: its message can be here sooner than that note.
WITH batch AS (
    UPDATE batches SET state = 'claimed', claim = $2, owner = $3, lease_until = clock_timestamp() + $4
    WHERE id IN (SELECT id FROM batches WHERE id = ANY ($1::bigint[]) AND state = 'queued' AND due_at <= now()
                 ORDER BY id FOR UPDATE)
    RETURNING id
), taken AS (
    UPDATE deliveries d SET state = 'claimed', claim = $2, attempt = attempt + 1
    FROM batch WHERE d.batch = batch.id AND d.state = 'queued'
    RETURNING d.mailing_id, d.recipient_id, d.attempt, d.copy_of, d.context
)
SELECT t.mailing_id, t.recipient_id, t.attempt, t.context, r.email, r.name, r.locale, s.version, s.opted_out,
       s.deactivated_at, s.erased_at, s.address_dead_at, o.recipient_id AS copy_of
FROM taken t
JOIN recipients r ON r.id = t.recipient_id
JOIN standings s ON s.recipient_id = t.recipient_id
-- A copy counts for both only while its own recipient may get it, at this address.
LEFT JOIN standings o ON o.recipient_id = t.copy_of AND o.address_hash = s.address_hash AND o.erased_at IS NULL
    AND (o.deactivated_at IS NULL OR s.deactivated_at IS NOT NULL)
ORDER BY t.mailing_id, t.recipient_id

-- name: read_again
SELECT d.mailing_id, d.recipient_id, d.attempt, d.context, r.email, r.name, r.locale, s.version, s.opted_out,
       s.deactivated_at, s.erased_at, s.address_dead_at, o.recipient_id AS copy_of
FROM unnest($2::uuid[], $3::bigint[]) AS k (mailing_id, recipient_id)
JOIN deliveries d USING (mailing_id, recipient_id)
JOIN recipients r ON r.id = d.recipient_id
JOIN standings s ON s.recipient_id = d.recipient_id
LEFT JOIN standings o ON o.recipient_id = d.copy_of AND o.address_hash = s.address_hash AND o.erased_at IS NULL
    AND (o.deactivated_at IS NULL OR s.deactivated_at IS NOT NULL)
WHERE d.claim = $1 AND d.state = 'claimed'

-- name: move
-- All of the window, or nothing of it: only so can the chain be computed before the statement.
WITH want AS MATERIALIZED (
    SELECT * FROM unnest($23::uuid[], $24::bigint[], $25::int[], $26::text[], $27::text[], $28::text[],
                         $29::timestamptz[], $30::bigint[])
        AS w (mailing_id, recipient_id, attempt, from_state, to_state, reason, due_at, version)
), standing AS MATERIALIZED (
    -- Waits for whoever is changing one of them, and then sees what it has become (invariant 2).
    SELECT s.recipient_id, s.version FROM standings s
    WHERE s.recipient_id IN (SELECT recipient_id FROM want WHERE version IS NOT NULL)
    ORDER BY s.recipient_id FOR SHARE
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
    SET state = w.to_state, reason = w.reason, due_at = w.due_at,
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
)
SELECT verdict.whole, good.mailing_id, good.recipient_id
FROM verdict LEFT JOIN good ON NOT verdict.whole

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
