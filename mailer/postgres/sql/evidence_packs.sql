-- name: case
SELECT c.id, c.brand, c.created_at, to_jsonb(c) - 'facts' AS content,
       (SELECT jsonb_agg(to_jsonb(r) - 'case_id' ORDER BY r.revision) FROM breach_case_revisions r WHERE r.case_id = c.id) AS facts,
       (SELECT jsonb_agg(to_jsonb(p) - 'case_id' - 'draft' ORDER BY p.phase) FROM breach_phases p WHERE p.case_id = c.id) AS phases
FROM breach_cases c WHERE c.id = $1

-- name: releases
SELECT m.case_id, m.id, m.phase, m.brand, m.hash, m.released_at, m.facts, m.draft, m.rules, m.templates, m.policy_version AS policy,
       to_jsonb(m) - '{facts,draft,rules,templates,hash,owner,lease_until}'::text[] AS release,
       (SELECT jsonb_object_agg(b.variant, b.mailing_id) FROM breach_mailings b WHERE b.manifest_id = m.id) AS mailings
FROM breach_manifests m WHERE m.case_id = $1 AND m.state = 'released' ORDER BY m.phase

-- name: drafts
SELECT revision, draft, by, at FROM breach_phase_revisions WHERE case_id = $1 AND phase = $2 AND revision > $3 ORDER BY revision LIMIT 20

-- name: lines
SELECT recipient_id, channel, reason, variant, locale, place, due_at FROM breach_manifest_people
WHERE manifest_id = $1 AND recipient_id > $2 ORDER BY recipient_id LIMIT $3

-- name: outcomes
-- The reply is that of the last outcome; the return is the first mail that came back for this mailing and person.
WITH page AS MATERIALIZED (
    SELECT p.*, b.mailing_id FROM breach_manifest_people p
    LEFT JOIN breach_mailings b ON b.manifest_id = p.manifest_id AND b.variant = p.variant
    WHERE p.manifest_id = $1 AND p.recipient_id > $2 ORDER BY p.recipient_id LIMIT $3
)
SELECT p.recipient_id, p.channel, p.mailing_id, d.state AS delivery_state, d.reason AS delivery_reason, d.attempt AS attempts,
       d.tried_at, o.at AS outcome_at, o.message_id, o.processor, o.text AS reply,
       back.at AS returned_at, back.effect AS returned_effect, back.reason AS returned_reason,
       w.state AS notice_state, w.reason AS notice_reason, w.day AS notice_day, w.reference AS notice_reference, w.note AS notice_note
FROM page p
LEFT JOIN deliveries d ON d.mailing_id = p.mailing_id AND d.recipient_id = p.recipient_id
LEFT JOIN notices w ON w.mailing_id = p.mailing_id AND w.recipient_id = p.recipient_id
LEFT JOIN LATERAL (
    SELECT e.at, e.message_id, e.processor, t.text FROM ledger e LEFT JOIN ledger_notes t ON t.writer = e.writer AND t.n = e.n
    WHERE e.mailing_id = p.mailing_id AND e.recipient_id = p.recipient_id AND e.kind = 'outcome'
    ORDER BY e.at DESC, e.n DESC LIMIT 1) o ON true
LEFT JOIN LATERAL (
    SELECT r.at, r.effect, r.reason FROM received_mail r
    WHERE r.recipient_id = p.recipient_id AND r.mailing_id = p.mailing_id ORDER BY r.at LIMIT 1) back ON true
ORDER BY p.recipient_id

-- name: names
SELECT r.id AS recipient_id, r.ref, r.email, r.name FROM recipients r
WHERE r.id IN (SELECT p.recipient_id FROM breach_manifests m JOIN breach_manifest_people p ON p.manifest_id = m.id
               WHERE m.case_id = $1 AND m.state = 'released' AND p.recipient_id > $2 ORDER BY p.recipient_id LIMIT $3)
ORDER BY r.id

-- name: letters
SELECT s.letter AS key, to_jsonb(s) - 'brand' AS row FROM letter_states s WHERE s.case_id = $1 AND s.letter > $2 ORDER BY s.letter LIMIT $3

-- name: checks
SELECT to_jsonb(m) - '{facts,draft,rules,templates,owner,lease_until}'::text[] AS row FROM breach_manifests m
WHERE m.case_id = $1 ORDER BY m.requested_at

-- name: public_notices
SELECT to_jsonb(n) AS row FROM public_notices n WHERE n.case_id = $1 ORDER BY n.drafted_at

-- name: public_notice_gaps
SELECT to_jsonb(g) AS row FROM public_notice_gaps g JOIN public_notices n ON n.id = g.notice_id WHERE n.case_id = $1
ORDER BY g.began_at

-- name: clocks
SELECT to_jsonb(k) AS row FROM breach_clocks k WHERE k.case_id = $1 ORDER BY k.starts_at, k.clock

-- name: duties
SELECT to_jsonb(d) AS row FROM breach_duties_done d WHERE d.case_id = $1 ORDER BY d.at

-- name: stops
SELECT to_jsonb(s) AS row FROM breach_stops s WHERE s.case_id = $1 ORDER BY s.id

-- name: letter_runs
SELECT to_jsonb(r) - '{owner,lease_until}'::text[] AS row FROM letter_runs r WHERE r.case_id = $1 ORDER BY r.requested_at
