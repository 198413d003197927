-- name: campaign
SELECT id, brand, name, state, revision, draft, manifest_id FROM campaigns WHERE id = $1

-- name: lock_campaign
SELECT id, brand, name, state, revision, draft, manifest_id FROM campaigns WHERE id = $1 FOR UPDATE

-- name: check_campaign
UPDATE campaigns SET state = 'checking', manifest_id = $2 WHERE id = $1

-- name: outdate_former
UPDATE manifests SET state = 'outdated', owner = NULL, lease_until = NULL
WHERE campaign_id = $1 AND state IN ('queued', 'building', 'ready', 'failed')

-- name: queue
INSERT INTO manifests (id, campaign_id, brand, revision, draft, templates, policy_version, findings, requested_by)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)

-- name: columns
m.id, m.campaign_id, m.brand, m.revision, m.state, m.draft, m.templates, m.policy_version, m.sums, m.hash, m.people,
m.people_total, m.problem, m.requested_by, m.requested_at, m.ready_at, m.asked_by, m.asked_at, m.released_by,
m.released_at, m.findings, m.variants, m.due_times, m.zoneless

-- name: find
SELECT {columns} FROM manifests m WHERE m.id = $1

-- name: lock
SELECT {columns} FROM manifests m WHERE m.id = $1 FOR UPDATE

-- name: claim
-- A builder that is gone has stored no line: all lines come with the state `ready`. One whose lease is over while its
-- transaction is open still works: to take its manifest away would stop it, and begin again what takes as long.
UPDATE manifests m SET state = 'building', owner = $1, lease_until = clock_timestamp() + $2, people = 0
WHERE m.id = (SELECT id FROM manifests
              WHERE state = 'queued' OR (state = 'building' AND lease_until < clock_timestamp()
                                         AND (NOT EXISTS (SELECT FROM work_turns w WHERE w.name = 'manifest ' || manifests.id::text)
                                              OR EXISTS (SELECT FROM work_turns w WHERE w.name = 'manifest ' || manifests.id::text
                                                         FOR UPDATE SKIP LOCKED)))
              ORDER BY requested_at LIMIT 1 FOR UPDATE SKIP LOCKED)
RETURNING {columns}

-- name: progress
UPDATE manifests SET people = $3, people_total = $4, lease_until = clock_timestamp() + $5
WHERE id = $1 AND state = 'building' AND owner = $2 RETURNING id

-- name: finish
UPDATE manifests m
SET state = CASE WHEN c.revision = m.revision AND c.manifest_id = m.id AND c.state = 'checking' THEN 'ready' ELSE 'outdated' END,
    sums = $3, hash = $4, people = $5, people_total = $5, variants = $6, due_times = $7, zoneless = $8, ready_at = now(),
    owner = NULL, lease_until = NULL
FROM campaigns c
WHERE m.id = $1 AND m.state = 'building' AND m.owner = $2 AND c.id = m.campaign_id
RETURNING m.state, m.campaign_id

-- name: mark_checked
UPDATE campaigns SET state = 'checked' WHERE id = $1 AND manifest_id = $2 AND state = 'checking'

-- name: fail
UPDATE manifests SET state = 'failed', problem = $3, owner = NULL, lease_until = NULL
WHERE id = $1 AND state = 'building' AND owner = $2 RETURNING campaign_id

-- name: back_to_draft
UPDATE campaigns SET state = 'draft' WHERE id = $1 AND manifest_id = $2 AND state = 'checking'

-- name: audience
-- Each person once, with the lowest number among those who have the same address, if others have it.
WITH audience AS MATERIALIZED (
    {audience}
), shared AS (
    SELECT r.address_hash, min(r.id) AS first FROM audience a JOIN recipients r ON r.id = a.recipient_id
    WHERE r.address_hash IS NOT NULL GROUP BY r.address_hash HAVING count(*) > 1
)
SELECT r.id AS recipient_id, shared.first
FROM audience a JOIN recipients r ON r.id = a.recipient_id LEFT JOIN shared ON shared.address_hash = r.address_hash
ORDER BY r.id

-- name: foresee
-- What the decisions about people and a mailing that does not exist yet need.
WITH taken AS MATERIALIZED (
    SELECT $6::uuid AS mailing_id, k.recipient_id, 0 AS attempt, k.first AS copy_of, NULL::jsonb AS context,
           NULL::timestamptz AS tried_at
    FROM unnest($7::text::bigint[], $8::text::bigint[]) AS k (recipient_id, first)
), mailing AS MATERIALIZED (
    SELECT $6::uuid AS id, $9::text AS brand, $10::text AS category, NULL::text AS inviter
), {rows}

-- name: attributes
SELECT recipient_id, attributes FROM recipient_attributes WHERE recipient_id = ANY ($1::text::bigint[])

-- name: people
SELECT p.recipient_id, r.ref, r.email, r.name, p.result, p.reason, p.variant, p.due_at
FROM manifest_people p LEFT JOIN recipients r ON r.id = p.recipient_id
WHERE p.manifest_id = $1 AND p.result = $2 AND p.reason = $3 AND p.recipient_id > $4
ORDER BY p.recipient_id LIMIT $5

-- name: ask
UPDATE manifests SET asked_by = $2, asked_at = now() WHERE id = $1

-- name: await_release
UPDATE campaigns SET state = 'awaiting_release' WHERE id = $1

-- name: mailings
SELECT variant, mailing_id, template_variant FROM campaign_mailings WHERE campaign_id = $1 ORDER BY mailing_id

-- name: delete_lines
-- Of manifests that nobody can release any more.
DELETE FROM manifest_people WHERE manifest_id IN (
    SELECT m.id FROM manifests m
    WHERE m.state IN ('outdated', 'failed', 'cancelled') AND m.requested_at < now() - $1::interval
      AND EXISTS (SELECT FROM manifest_people p WHERE p.manifest_id = m.id)
    LIMIT 1)

-- name: authors
-- Who could release what they have written, checked or asked for.
SELECT DISTINCT a.by, a.did
FROM (SELECT by, 'wrote' AS did FROM campaign_revisions WHERE campaign_id = $1
      UNION ALL SELECT created_by, 'wrote' FROM campaigns WHERE id = $1
      UNION ALL SELECT updated_by, 'wrote' FROM campaigns WHERE id = $1
      UNION ALL SELECT requested_by, 'checked' FROM manifests WHERE id = $2
      UNION ALL SELECT asked_by, 'asked for the release of' FROM manifests WHERE id = $2 AND asked_by IS NOT NULL) a
ORDER BY a.by, a.did

-- name: expand
-- The lines of one variant, by the database alone. Their batches are cut by due time, and spread over the hours.
WITH mailing AS (
    SELECT id, lane FROM mailings WHERE id = $1
), line AS (
    {line}
), counted AS (
    -- Spread mail goes in portions of five minutes at most.
    SELECT due_at, CASE WHEN $5::int = 0 THEN $4::int
                        ELSE least($4::int, greatest(1, ceil(count(*) / ($5::int * 12.0))))::int END AS portion
    FROM line GROUP BY due_at
), audience AS (
    SELECT line.*, (row_number() OVER (PARTITION BY due_at ORDER BY recipient_id) - 1) / counted.portion AS slice
    FROM line JOIN counted USING (due_at)
), numbered AS MATERIALIZED (
    SELECT due_at, slice, nextval('batches_id_seq') AS id, count(*) AS size,
           due_at + make_interval(secs => $5::int * 3600.0 * slice / (max(slice) OVER (PARTITION BY due_at) + 1)) AS begins_at
    FROM audience GROUP BY due_at, slice ORDER BY due_at, slice
), cut AS (
    INSERT INTO batches (id, mailing_id, lane, due_at) OVERRIDING SYSTEM VALUE
    SELECT n.id, mailing.id, mailing.lane, n.begins_at FROM numbered n, mailing
), delivered AS (
    INSERT INTO deliveries (mailing_id, recipient_id, state, batch, copy_of, context)
    SELECT $1, a.recipient_id, 'queued', n.id, a.copy_of, a.context FROM audience a JOIN numbered n USING (due_at, slice)
), counters_written AS (
    INSERT INTO counters SELECT $1, 'queued', '', sum(size) FROM numbered HAVING count(*) > 0
)
UPDATE mailings
SET audience_size = (SELECT coalesce(sum(size), 0) FROM numbered), expanded_at = now(), released_by = $6,
    send_at = (SELECT CASE WHEN min(begins_at) > now() THEN min(begins_at) END FROM numbered)
WHERE id = $1
RETURNING audience_size

-- name: line
-- The lines of a campaign's variant, with the copy that counts for people with one address, and what the texts print.
SELECT p.recipient_id, greatest(p.due_at, now()) AS due_at,
       CASE WHEN lag(r.id) OVER sharing IS NOT NULL THEN first_value(r.id) OVER sharing
            WHEN lead(r.id) OVER sharing IS NOT NULL THEN 0 END AS copy_of,
       CASE WHEN cardinality($7::text[]) > 0 AND s.erased_at IS NULL THEN jsonb_build_object('profile', coalesce(
           (SELECT jsonb_object_agg(v.key, v.value) FROM jsonb_each(t.attributes) v WHERE v.key = ANY ($7::text[])),
           '{}')) END AS context
FROM manifest_people p
JOIN recipients r ON r.id = p.recipient_id JOIN standings s ON s.recipient_id = p.recipient_id
LEFT JOIN recipient_attributes t ON cardinality($7::text[]) > 0 AND t.recipient_id = p.recipient_id
WHERE p.manifest_id = $2 AND p.variant = $3 AND p.reason <> 'no_time_zone'
WINDOW sharing AS (
    PARTITION BY coalesce(r.address_hash, int8send(r.id))
    ORDER BY s.deactivated_at IS NOT NULL OR s.erased_at IS NOT NULL, r.id)

-- name: name_mailing
INSERT INTO campaign_mailings (campaign_id, manifest_id, variant, mailing_id, template_variant) VALUES ($1, $2, $3, $4, $5)

-- name: has_mailing
SELECT EXISTS (SELECT FROM campaign_mailings WHERE manifest_id = $1 AND variant = $2)

-- name: mark_released
UPDATE manifests SET state = 'released', released_by = $2, released_at = now() WHERE id = $1

-- name: mark_campaign
UPDATE campaigns SET state = $2 WHERE id = $1

-- name: pause_campaign
UPDATE campaigns SET paused_at = now() WHERE id = $1 AND state = 'released' AND paused_at IS NULL RETURNING brand, manifest_id

-- name: resume_campaign
UPDATE campaigns SET paused_at = NULL WHERE id = $1 AND paused_at IS NOT NULL RETURNING brand, manifest_id

-- name: is_paused
SELECT paused_at IS NOT NULL FROM campaigns WHERE id = $1

-- name: cancel_manifest
UPDATE manifests SET state = 'cancelled', owner = NULL, lease_until = NULL WHERE campaign_id = $1 AND state <> 'released'

-- name: tests_that_decide
-- Tests whose winner a rule chooses, once their hours are over. Hours count from the begin of the last variant.
SELECT {columns} FROM manifests m JOIN campaigns c ON c.id = m.campaign_id
WHERE m.state = 'released' AND c.state = 'released' AND c.paused_at IS NULL AND (m.draft -> 'ab_test' ->> 'is_automatic')::boolean
  AND NOT EXISTS (SELECT FROM campaign_mailings x WHERE x.manifest_id = m.id AND x.variant = 'rest')
  AND now() >= (SELECT max(greatest(k.released_at, k.send_at)) FROM campaign_mailings x JOIN mailings k ON k.id = x.mailing_id
                WHERE x.manifest_id = m.id) + make_interval(hours => (m.draft -> 'ab_test' ->> 'hours')::int)
ORDER BY m.released_at LIMIT 100

-- name: campaign_of
SELECT campaign_id FROM manifests WHERE id = $1

-- name: name_turn
INSERT INTO work_turns (name) VALUES ('manifest ' || $1::uuid::text) ON CONFLICT DO NOTHING

-- name: take_turn
-- Nothing, while a builder has it whose lease is over, but whose transaction is not: it still has its lines.
SELECT name FROM work_turns WHERE name = 'manifest ' || $1::uuid::text FOR UPDATE SKIP LOCKED

-- name: end_turn
DELETE FROM work_turns WHERE name = 'manifest ' || $1::uuid::text

-- name: former
-- The check before, if it was finished.
SELECT {columns} FROM manifests m WHERE m.campaign_id = $1 AND m.id < $2 AND m.hash IS NOT NULL ORDER BY m.id DESC LIMIT 1

-- name: next_batch
SELECT min(due_at) FROM batches WHERE mailing_id = $1 AND state = 'queued' AND due_at > now() AND due_at < 'infinity'
