-- name: columns
m.id, m.case_id, m.phase, m.brand, c.name AS case_name, c.state AS case_state, p.state AS phase_state, m.state,
(p.manifest_id = m.id AND p.revision = m.revision AND c.revision = m.facts_revision) IS TRUE AS is_current, m.facts, m.draft,
m.templates, m.rules, m.policy_version, m.findings, m.sums, m.hash, m.people, m.requested_by, m.ready_at, m.asked_by,
m.asked_at, m.released_by, m.released_at, m.break_glass, m.second_look_by, m.second_look_at, m.second_look

-- name: from_manifest
breach_manifests m JOIN breach_cases c ON c.id = m.case_id
JOIN breach_phases p ON p.case_id = m.case_id AND p.phase = m.phase

-- name: find
SELECT {columns} FROM {from_manifest} WHERE m.id = $1

-- name: of_phase
SELECT {columns} FROM {from_manifest} WHERE m.case_id = $1 AND m.phase = $2 AND p.manifest_id = m.id

-- name: lock_case
-- The case, then its phase, then the manifest, as everywhere: whoever saves facts or texts comes before, or after.
SELECT id FROM breach_cases WHERE id = (SELECT case_id FROM breach_manifests WHERE id = $1) FOR UPDATE

-- name: lock_phase
SELECT FROM breach_phases WHERE (case_id, phase) = (SELECT case_id, phase FROM breach_manifests WHERE id = $1) FOR UPDATE

-- name: lock_manifest
SELECT FROM breach_manifests WHERE id = $1 FOR UPDATE

-- name: authors
-- Who could release what they have written, checked, uploaded or asked for.
SELECT DISTINCT a.by, a.did
FROM (SELECT by, 'wrote' AS did FROM breach_case_revisions WHERE case_id = $1
      UNION ALL SELECT by, 'wrote' FROM breach_phase_revisions WHERE case_id = $1 AND phase = $2
      UNION ALL SELECT updated_by, 'wrote' FROM breach_cases WHERE id = $1
      UNION ALL SELECT updated_by, 'wrote' FROM breach_phases WHERE case_id = $1 AND phase = $2
      UNION ALL SELECT requested_by, 'checked' FROM breach_manifests WHERE id = $3
      UNION ALL SELECT asked_by, 'asked for the release of' FROM breach_manifests WHERE id = $3 AND asked_by IS NOT NULL
     ) a
ORDER BY a.by, a.did

-- name: ask
UPDATE breach_manifests SET asked_by = $2, asked_at = now() WHERE id = $1

-- name: mark_phase
UPDATE breach_phases SET state = $2 WHERE manifest_id = $1

-- name: mark_released
UPDATE breach_manifests SET state = 'released', released_by = $2, released_at = now(), break_glass = $3 WHERE id = $1

-- name: line
-- The people of a variant who get mail. The plan counts from the check, and begins with the release. No copy counts for
-- another account: each person is told.
SELECT p.recipient_id, greatest(now(), now() + (p.due_at - m.requested_at)) AS due_at, NULL::bigint AS copy_of,
       CASE WHEN s.erased_at IS NULL THEN jsonb_build_object('notice_locale', p.locale) END AS context
FROM breach_manifest_people p JOIN breach_manifests m ON m.id = p.manifest_id
JOIN standings s ON s.recipient_id = p.recipient_id
WHERE p.manifest_id = $2 AND p.variant = $3 AND p.channel = 'mail'

-- name: name_mailing
INSERT INTO breach_mailings (case_id, phase, manifest_id, variant, mailing_id) VALUES ($1, $2, $3, $4, $5)

-- name: foresee_others
-- People of a mailing who are told by letter, or by nothing. Until they have their deliveries it does not end.
UPDATE mailings SET audience_size = audience_size + $2, expanded_at = CASE WHEN $2 = 0 THEN expanded_at END WHERE id = $1

-- name: begin_expansion
INSERT INTO breach_expansions (manifest_id, ended_at) VALUES ($1, CASE WHEN $2::bigint = 0 THEN now() END)

-- name: take_expansion
-- One at a time, and of none that stands still.
SELECT e.manifest_id, m.brand, m.policy_version, e.channel, e.reason, e.recipient_id
FROM breach_expansions e JOIN breach_manifests m ON m.id = e.manifest_id
WHERE e.ended_at IS NULL
  AND NOT EXISTS (SELECT FROM breach_stops s WHERE s.case_id = m.case_id AND s.phase = m.phase AND s.ended_at IS NULL)
ORDER BY e.manifest_id LIMIT 1 FOR UPDATE OF e SKIP LOCKED

-- name: next_lines
SELECT b.mailing_id, p.recipient_id, p.channel, p.reason, p.locale
FROM breach_manifest_people p
JOIN breach_mailings b ON b.manifest_id = p.manifest_id AND b.variant = p.variant
WHERE p.manifest_id = $1 AND p.channel <> 'mail' AND (p.channel, p.reason, p.recipient_id) > ($2, $3, $4)
ORDER BY p.channel, p.reason, p.recipient_id LIMIT $5

-- name: lock_people
-- So that an erasure is over by the time the notice is written. In their order, as everywhere.
SELECT FROM standings WHERE recipient_id = ANY ($1::bigint[]) ORDER BY recipient_id FOR SHARE

-- name: divert
WITH line AS (
    SELECT * FROM unnest($1::uuid[], $2::bigint[], $3::text[]) AS k (mailing_id, recipient_id, locale)
), delivered AS (
    INSERT INTO deliveries (mailing_id, recipient_id, state, reason, context)
    SELECT l.mailing_id, l.recipient_id, 'diverted', $4,
           CASE WHEN s.erased_at IS NULL THEN jsonb_build_object('notice_locale', l.locale) END
    FROM line l JOIN standings s ON s.recipient_id = l.recipient_id
)
INSERT INTO counters SELECT mailing_id, 'diverted', $4, count(*) FROM line GROUP BY mailing_id

-- name: note_expansion
UPDATE breach_expansions SET channel = $2, reason = $3, recipient_id = $4, people = people + $5 WHERE manifest_id = $1

-- name: end_expansion
WITH ended AS (
    UPDATE breach_expansions SET ended_at = now() WHERE manifest_id = $1
)
UPDATE mailings SET expanded_at = now()
WHERE expanded_at IS NULL AND id = ANY (ARRAY(SELECT mailing_id FROM breach_mailings WHERE manifest_id = $1))

-- name: mailings
SELECT variant, mailing_id FROM breach_mailings WHERE case_id = $1 AND phase = $2 ORDER BY variant

-- name: last_seen
-- The check of this phase that a person saw before this one.
SELECT {columns} FROM {from_manifest}
WHERE m.id = (SELECT l.manifest_id FROM breach_looks l JOIN breach_manifests o ON o.id = l.manifest_id
              JOIN breach_manifests this ON this.id = $1 AND o.case_id = this.case_id AND o.phase = this.phase
              WHERE l.person = $2 AND l.manifest_id <> $1 ORDER BY l.at DESC LIMIT 1)

-- name: look
INSERT INTO breach_looks (manifest_id, person) VALUES ($1, $2) ON CONFLICT DO NOTHING

-- name: former
SELECT {columns} FROM {from_manifest}
WHERE m.case_id = $1 AND m.phase < $2 AND m.state = 'released' ORDER BY m.phase DESC LIMIT 1

-- name: sample
-- From reason to reason by the index, the first people of each.
WITH RECURSIVE kind AS (
    (SELECT channel, reason FROM breach_manifest_people WHERE manifest_id = $1 ORDER BY channel, reason LIMIT 1)
    UNION ALL
    SELECT next.channel, next.reason FROM kind k CROSS JOIN LATERAL (
        SELECT p.channel, p.reason FROM breach_manifest_people p
        WHERE p.manifest_id = $1 AND (p.channel, p.reason) > (k.channel, k.reason)
        ORDER BY p.channel, p.reason LIMIT 1) next
)
SELECT p.recipient_id, r.ref, r.email, r.name, p.channel, p.reason, p.variant, p.locale, p.place
FROM kind k CROSS JOIN LATERAL (
    SELECT * FROM breach_manifest_people p WHERE p.manifest_id = $1 AND p.channel = k.channel AND p.reason = k.reason
    ORDER BY p.recipient_id LIMIT $2) p
LEFT JOIN recipients r ON r.id = p.recipient_id
ORDER BY p.channel, p.reason, p.recipient_id LIMIT 200

-- name: second_look
UPDATE breach_manifests SET second_look_by = $2, second_look_at = now(), second_look = $3 WHERE id = $1
