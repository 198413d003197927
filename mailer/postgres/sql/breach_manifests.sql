-- name: columns
m.id, m.case_id, m.phase, m.brand, m.revision, m.facts_revision, m.state, m.facts, m.draft, m.rules, m.templates,
m.policy_version, m.findings, m.sums, m.hash, m.people, m.people_total, m.problem, m.requested_by, m.requested_at, m.ready_at,
m.asked_by, m.asked_at, m.released_by, m.released_at, m.break_glass, m.second_look_by, m.second_look_at, m.second_look

-- name: find
SELECT {columns} FROM breach_manifests m WHERE m.id = $1

-- name: lock
SELECT {columns} FROM breach_manifests m WHERE m.id = $1 FOR UPDATE

-- name: lock_case
SELECT id, brand, state, revision FROM breach_cases WHERE id = $1 FOR UPDATE

-- name: lock_phase
SELECT state, revision FROM breach_phases WHERE case_id = $1 AND phase = $2 FOR UPDATE

-- name: outdate_former
UPDATE breach_manifests SET state = 'outdated', owner = NULL, lease_until = NULL
WHERE case_id = $1 AND phase = $2 AND state IN ('queued', 'building', 'ready', 'failed')

-- name: queue
-- Facts and draft as they are stored, under the locks of case and phase.
INSERT INTO breach_manifests (id, case_id, phase, brand, revision, facts_revision, facts, draft, rules, templates,
                              policy_version, findings, requested_by)
SELECT $1, c.id, p.phase, c.brand, p.revision, c.revision, c.facts, p.draft, $4, $5, $6, $7, $8
FROM breach_cases c JOIN breach_phases p ON p.case_id = c.id WHERE c.id = $2 AND p.phase = $3

-- name: check_phase
UPDATE breach_phases SET state = 'checking', manifest_id = $3 WHERE case_id = $1 AND phase = $2

-- name: of_phase
SELECT {columns} FROM breach_phases p JOIN breach_manifests m ON m.id = p.manifest_id WHERE p.case_id = $1 AND p.phase = $2

-- name: former
SELECT {columns} FROM breach_manifests m
WHERE m.case_id = $1 AND m.phase = $2 AND m.id < $3 AND m.hash IS NOT NULL ORDER BY m.id DESC LIMIT 1

-- name: claim
-- A builder that is gone has stored no line: all lines come with the state `ready`. One whose lease is over while its
-- transaction is open still works: to take its manifest away would stop it, and begin again what takes as long.
UPDATE breach_manifests m SET state = 'building', owner = $1, lease_until = clock_timestamp() + $2, people = 0
WHERE m.id = (SELECT id FROM breach_manifests b
              WHERE b.state = 'queued' OR (b.state = 'building' AND b.lease_until < clock_timestamp()
                    AND (NOT EXISTS (SELECT FROM work_turns w WHERE w.name = 'manifest ' || b.id::text)
                         OR EXISTS (SELECT FROM work_turns w WHERE w.name = 'manifest ' || b.id::text
                                    FOR UPDATE SKIP LOCKED)))
              ORDER BY b.requested_at LIMIT 1 FOR UPDATE SKIP LOCKED)
RETURNING {columns}

-- name: progress
UPDATE breach_manifests SET people = $3, people_total = $4, lease_until = clock_timestamp() + $5
WHERE id = $1 AND state = 'building' AND owner = $2 RETURNING id

-- name: finish
UPDATE breach_manifests m
SET state = CASE WHEN c.revision = m.facts_revision AND c.state = 'open' AND p.revision = m.revision
                      AND p.manifest_id = m.id AND p.state = 'checking' THEN 'ready' ELSE 'outdated' END,
    sums = $3, hash = $4, people = $5, people_total = $5, ready_at = now(), owner = NULL, lease_until = NULL
FROM breach_cases c, breach_phases p
WHERE m.id = $1 AND m.state = 'building' AND m.owner = $2 AND c.id = m.case_id AND p.case_id = m.case_id AND p.phase = m.phase
RETURNING m.state

-- name: mark_checked
UPDATE breach_phases SET state = 'checked' WHERE case_id = $1 AND phase = $2 AND manifest_id = $3 AND state = 'checking'

-- name: fail
UPDATE breach_manifests SET state = 'failed', problem = $3, owner = NULL, lease_until = NULL
WHERE id = $1 AND state = 'building' AND owner = $2 RETURNING id

-- name: back_to_draft
UPDATE breach_phases SET state = 'draft' WHERE case_id = $1 AND phase = $2 AND manifest_id = $3 AND state = 'checking'

-- name: everyone
-- All whom the brand knows, also without an address or erased. People whom only a file of a case names belong to it alone.
SELECT r.id AS recipient_id FROM recipients r
WHERE r.brand = $1::text AND NOT EXISTS (SELECT FROM breach_only_people b WHERE b.recipient_id = r.id)

-- name: of_file
SELECT f.recipient_id FROM breach_file_people f WHERE f.file_id = $1::uuid

-- name: nobody
SELECT NULL::bigint AS recipient_id WHERE false

-- name: is_file_ready
SELECT state FROM breach_files WHERE id = $1 AND case_id = $2

-- name: audience
-- Each person once. A mailbox that strangers read is the mailbox of everybody who has this address.
WITH audience AS MATERIALIZED (
    {audience}
), compromised AS MATERIALIZED (
    {compromised}
), mailboxes AS MATERIALIZED (
    SELECT DISTINCT r.address_key, r.address_hash FROM compromised c JOIN recipients r ON r.id = c.recipient_id
    WHERE r.address_hash IS NOT NULL
)
SELECT r.id, c.recipient_id IS NOT NULL OR b.address_hash IS NOT NULL AS is_compromised,
       r.observed_at > now() - interval '90 days' AS is_engaged
FROM (SELECT DISTINCT recipient_id FROM audience) a JOIN recipients r ON r.id = a.recipient_id
LEFT JOIN (SELECT DISTINCT recipient_id FROM compromised) c ON c.recipient_id = r.id
LEFT JOIN mailboxes b ON b.address_hash = r.address_hash AND b.address_key = r.address_key
ORDER BY r.id

-- name: readers
SELECT split_part(coalesce(r.country, ''), E'\n', 1) AS country, coalesce(t.attributes ->> 'region', '') AS region,
       coalesce(f.place, '') AS place_by_file, coalesce(r.locale, f.locale, '') AS locale, count(*) AS people
FROM (SELECT DISTINCT recipient_id FROM ({audience}) every) a JOIN recipients r ON r.id = a.recipient_id
LEFT JOIN recipient_attributes t ON t.recipient_id = r.id
LEFT JOIN breach_file_people f ON f.file_id = {file} AND f.recipient_id = r.id
GROUP BY 1, 2, 3, 4

-- name: circumstances
-- What the file says of somebody's place and language counts where nothing else is known.
SELECT k.id, coalesce(a.attributes ->> 'region', '') AS region, p.recipient_id IS NOT NULL AS has_postal_address,
       coalesce(f.place, '') AS place_by_file, f.locale AS locale_by_file
FROM unnest($1::text::bigint[]) AS k (id)
LEFT JOIN recipient_attributes a ON a.recipient_id = k.id
LEFT JOIN breach_file_people f ON f.file_id = $2 AND f.recipient_id = k.id
LEFT JOIN postal_addresses p ON p.recipient_id = k.id

-- name: people
SELECT p.recipient_id, r.ref, r.email, r.name, p.channel, p.reason, p.variant, p.locale, p.place, p.due_at
FROM breach_manifest_people p LEFT JOIN recipients r ON r.id = p.recipient_id
WHERE p.manifest_id = $1 AND p.recipient_id > $2 AND ($4::text IS NULL OR p.channel = $4) AND ($5::text IS NULL OR p.reason = $5)
  AND ($6::text IS NULL OR p.variant = $6) AND ($7::text IS NULL OR p.place = $7)
ORDER BY p.recipient_id LIMIT $3

-- name: view
INSERT INTO breach_check_views AS v (case_id, phase, by, manifest_id) VALUES ($1, $2, $3, $4)
ON CONFLICT (case_id, phase, by) DO UPDATE SET
    before_id = CASE WHEN v.manifest_id = EXCLUDED.manifest_id THEN v.before_id ELSE v.manifest_id END,
    manifest_id = EXCLUDED.manifest_id, at = now()
RETURNING before_id

-- name: delete_lines
-- Of manifests that nobody can release any more.
DELETE FROM breach_manifest_people WHERE manifest_id IN (
    SELECT m.id FROM breach_manifests m
    WHERE m.state IN ('outdated', 'failed', 'cancelled') AND m.requested_at < now() - $1::interval
      AND EXISTS (SELECT FROM breach_manifest_people p WHERE p.manifest_id = m.id)
    LIMIT 1)
