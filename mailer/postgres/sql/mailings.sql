-- name: accept
-- An event that is known already keeps its first mailing; an id of somebody who was erased is there as its hash. In one order, so that two takers of the same do not deadlock.
INSERT INTO events (brand, event_id, mailing_id, publisher, content)
SELECT brand, event_id, mailing_id, publisher, content
FROM unnest($1::text::text[], $2::text::text[], $3::text::uuid[], $4::text::text[], $5::bytea[], $6::text[]) WITH ORDINALITY
    AS k (brand, event_id, mailing_id, publisher, content, hidden_id, position)
-- CASE: one probe for each id that is no UUID, whatever the table was like when this was planned.
WHERE CASE WHEN k.hidden_id IS NULL THEN true
           ELSE NOT EXISTS (SELECT FROM events e WHERE e.brand = k.brand AND e.event_id = k.hidden_id) END
ORDER BY brand, event_id, position
ON CONFLICT (brand, event_id) DO NOTHING
RETURNING mailing_id

-- name: first
SELECT k.mailing_id AS asked, e.mailing_id AS first, e.content
FROM unnest($1::text[], $2::text[], $3::uuid[], $4::text[]) AS k (brand, event_id, mailing_id, hidden_id)
JOIN events e ON e.brand = k.brand AND e.event_id IN (k.event_id, k.hidden_id)

-- name: content
SELECT content FROM events WHERE brand = $1 AND event_id IN ($2, $3)

-- name: create
INSERT INTO mailings (id, brand, event_id, category, lane, template, template_version, policy_version, publisher, product,
                      topic, campaign, reason, inviter, partner, context, reply_to, send_at, expires_at, audience, state,
                      audience_size, expanded_at, released_at)
SELECT id, brand, event_id, category, lane, template, template_version, policy_version, publisher, product, topic,
       campaign, reason, inviter, partner, context, reply_to, send_at, expires_at, audience, state,
       audience_size, CASE WHEN audience IS NULL THEN now() END, CASE WHEN state = 'released' THEN now() END
FROM jsonb_populate_recordset(NULL::mailings, $1::jsonb)
RETURNING {facts}, '[]'::jsonb AS attachments

-- name: keep_template
INSERT INTO template_versions SELECT * FROM unnest($1::text[], $2::text[]) ON CONFLICT DO NOTHING

-- name: template_source
SELECT source FROM template_versions WHERE version = $1

-- name: attach
INSERT INTO attachments (mailing_id, position, filename, content_type, content)
SELECT * FROM unnest($1::uuid[], $2::int[], $3::text[], $4::text[], $5::bytea[])

-- name: expand_named
-- The recipients that the events name, their copies found, their batches cut.
WITH audience AS (
    SELECT a.mailing_id, a.recipient_id, CASE WHEN s.erased_at IS NULL THEN a.context END AS context,
           CASE WHEN lag(a.recipient_id) OVER sharing IS NOT NULL THEN first_value(a.recipient_id) OVER sharing
                WHEN lead(a.recipient_id) OVER sharing IS NOT NULL THEN 0 END AS copy_of,
           (row_number() OVER (PARTITION BY a.mailing_id ORDER BY a.recipient_id) - 1) / $2::int AS slice
    FROM jsonb_to_recordset($1::jsonb) AS a (mailing_id uuid, recipient_id bigint, context jsonb)
    JOIN recipients r ON r.id = a.recipient_id
    JOIN standings s ON s.recipient_id = a.recipient_id
    WINDOW sharing AS (
        PARTITION BY a.mailing_id, coalesce(r.address_hash, int8send(r.id))
        ORDER BY s.deactivated_at IS NOT NULL OR s.erased_at IS NOT NULL, a.recipient_id)
), numbered AS MATERIALIZED (
    SELECT mailing_id, slice, nextval('batches_id_seq') AS id, count(*) AS size
    FROM audience GROUP BY mailing_id, slice ORDER BY mailing_id, slice
), cut AS (
    INSERT INTO batches (id, mailing_id, lane, due_at) OVERRIDING SYSTEM VALUE
    SELECT n.id, n.mailing_id, m.lane,
           CASE WHEN m.state = 'awaiting_release' THEN 'infinity' ELSE coalesce(m.send_at, now()) END
    FROM numbered n JOIN mailings m ON m.id = n.mailing_id
    RETURNING id, mailing_id, due_at
), delivered AS (
    INSERT INTO deliveries (mailing_id, recipient_id, state, batch, copy_of, context)
    SELECT a.mailing_id, a.recipient_id, 'queued', n.id, a.copy_of, a.context
    FROM audience a JOIN numbered n USING (mailing_id, slice)
), counted AS (
    INSERT INTO counters SELECT mailing_id, 'queued', '', sum(size) FROM numbered GROUP BY mailing_id
)
SELECT cut.mailing_id, cut.id AS batch, numbered.size, cut.due_at <= now() AS due
FROM cut JOIN numbered USING (id) ORDER BY cut.id

-- name: expand_audience
-- A named audience, by the database alone: no recipient passes through a process.
WITH mailing AS (
    SELECT id, lane, state, send_at FROM mailings WHERE id = $1
), member AS (
    {members}
), audience AS (
    SELECT r.id AS recipient_id,
           CASE WHEN lag(r.id) OVER sharing IS NOT NULL THEN first_value(r.id) OVER sharing
                WHEN lead(r.id) OVER sharing IS NOT NULL THEN 0 END AS copy_of,
           (row_number() OVER (ORDER BY r.id) - 1) / $2::int AS slice
    FROM member JOIN recipients r ON r.id = member.recipient_id
    JOIN standings s ON s.recipient_id = r.id
    WINDOW sharing AS (
        PARTITION BY coalesce(r.address_hash, int8send(r.id))
        ORDER BY s.deactivated_at IS NOT NULL OR s.erased_at IS NOT NULL, r.id)
), numbered AS MATERIALIZED (
    SELECT slice, nextval('batches_id_seq') AS id, count(*) AS size FROM audience GROUP BY slice ORDER BY slice
), cut AS (
    INSERT INTO batches (id, mailing_id, lane, due_at) OVERRIDING SYSTEM VALUE
    SELECT n.id, mailing.id, mailing.lane,
           CASE WHEN mailing.state = 'awaiting_release' THEN 'infinity' ELSE coalesce(mailing.send_at, now()) END
    FROM numbered n, mailing
    RETURNING id, mailing_id, due_at
), delivered AS (
    INSERT INTO deliveries (mailing_id, recipient_id, state, batch, copy_of)
    SELECT $1, a.recipient_id, 'queued', n.id, a.copy_of FROM audience a JOIN numbered n USING (slice)
), counted AS (
    INSERT INTO counters SELECT $1, 'queued', '', sum(size) FROM numbered HAVING count(*) > 0
), sized AS (
    UPDATE mailings SET audience_size = (SELECT coalesce(sum(size), 0) FROM numbered), expanded_at = now() WHERE id = $1
)
SELECT cut.mailing_id, cut.id AS batch, numbered.size, cut.due_at <= now() AS due
FROM cut JOIN numbered USING (id) ORDER BY cut.id

-- name: facts
SELECT {facts},
       coalesce((SELECT jsonb_agg(jsonb_build_object('filename', a.filename, 'content_type', a.content_type,
                                                     'content', translate(encode(a.content, 'base64'), E'\n', '')) ORDER BY a.position)
                 FROM attachments a WHERE a.mailing_id = m.id), '[]') AS attachments
FROM mailings m WHERE m.id = ANY ($1::uuid[])

-- name: member_names
-- Whose name a mail to somebody else may show: nobody's whose account is closed or restricted, a child's or erased.
SELECT r.id, r.ref, r.name FROM recipients r JOIN standings s ON s.recipient_id = r.id
WHERE (r.id = ANY ($2::bigint[]) OR (r.brand = $1 AND r.ref = ANY ($3::text[]))) AND r.brand = $1 AND r.name IS NOT NULL
  AND s.erased_at IS NULL AND s.deactivated_at IS NULL AND s.restricted_at IS NULL AND s.under_13_at IS NULL

-- name: status
SELECT m.id, m.brand, m.event_id, m.category, m.template, m.campaign, m.publisher, m.audience_size, m.created_at,
       m.released_by, m.finished_at, m.send_at, m.rescheduled_by,
       CASE WHEN m.state IN ('awaiting_release', 'cancelled', 'ended') THEN m.state
            WHEN m.finished_at IS NOT NULL THEN 'finished'
            WHEN halts.scopes IS NOT NULL THEN 'paused'
            WHEN m.send_at > now() THEN 'scheduled'
            ELSE 'running' END AS state,
       CASE WHEN m.finished_at IS NULL THEN halts.scopes END AS halted, greatest(m.released_at, m.send_at) AS began_at,
       -- What is over stays over, so that these deltas only rise.
       (SELECT coalesce(sum(n), 0) FROM counters WHERE mailing_id = m.id AND at > now() - interval '1 minute'
        AND state IN ('suppressed', 'diverted', 'cancelled', 'expired', 'failed', 'handed_over')) AS ended_lately,
       (SELECT coalesce(jsonb_agg(jsonb_build_array(c.state, c.reason, c.n) ORDER BY c.state, c.reason), '[]')
        FROM (SELECT state, reason, sum(n) AS n FROM counters WHERE mailing_id = m.id
              GROUP BY state, reason HAVING sum(n) <> 0) c) AS counts
       {fetches}
FROM mailings m
CROSS JOIN LATERAL (
    SELECT array_agg(h.scope ORDER BY h.scope) AS scopes FROM halts h
    WHERE h.scope = 'everything' OR (h.scope, h.key) IN (('brand', m.brand), ('mailing', m.id::text))
       OR (m.lane = 'promotional' AND h.scope = 'promotional' AND h.key = m.brand)) halts
WHERE {which}
ORDER BY m.id DESC

-- name: fetches
-- Counts rows: it is for reports and commands, not for a page or a list.
     , (SELECT coalesce(sum(n), 0) FROM opens WHERE mailing_id = m.id AND NOT machine)
           + (SELECT count(*) FROM individual_opens WHERE mailing_id = m.id) AS opens,
       (SELECT coalesce(sum(n), 0) FROM opens WHERE mailing_id = m.id AND machine) AS machine_opens,
       (SELECT count(*) FROM unique_opens WHERE mailing_id = m.id)
           + (SELECT count(*) FROM individual_opens WHERE mailing_id = m.id) AS unique_opens,
       (SELECT coalesce(sum(n), 0) FROM clicks WHERE mailing_id = m.id AND NOT machine)
           + (SELECT count(*) FROM individual_clicks WHERE mailing_id = m.id) AS clicks,
       (SELECT coalesce(sum(n), 0) FROM clicks WHERE mailing_id = m.id AND machine) AS machine_clicks,
       (SELECT count(*) FROM unique_clicks WHERE mailing_id = m.id)
           + (SELECT count(*) FROM individual_clicks WHERE mailing_id = m.id) AS unique_clicks

-- name: has_one_made_link_for_other
-- True if one of two persons has lately made the other's one-time link to sign in: with it, the two could be one person.
SELECT EXISTS (SELECT FROM staff_access_grants g JOIN staff t ON t.id = g.staff_id
               WHERE g.at > now() - $3::interval AND (g.giver, t.name) IN (($1, $2), ($2, $1)))

-- name: granters_of_publisher
-- Who has made a publisher or given it rights, ever: a key has no end, and nobody can see who else can publish as it.
SELECT DISTINCT l.actor FROM publisher_entries e JOIN ledger l USING (writer, n)
WHERE e.kind = $1 AND e.name = $2 AND l.reason = 'granted' AND l.actor IS NOT NULL

-- name: release
-- At the time that its releaser has seen, of the rescheduler whom the checks were about.
UPDATE mailings SET state = 'released', released_at = now(), released_by = $2
WHERE id = $1 AND state = 'awaiting_release' AND send_at IS NOT DISTINCT FROM $3
  AND rescheduled_by IS NOT DISTINCT FROM $4
RETURNING brand, category

-- name: release_batches
UPDATE batches b SET due_at = coalesce(m.send_at, now())
FROM mailings m WHERE m.id = $1 AND b.mailing_id = m.id AND b.due_at = 'infinity'

-- name: has_audience
SELECT $2 = 'everyone' OR EXISTS (SELECT FROM audience_members WHERE brand = $1 AND audience = $2)
    OR $2 ^@ 'segment:' AND EXISTS (SELECT FROM segments WHERE brand = $1 AND name = substr($2, 9))
