-- name: data
SELECT r.id, r.ref, r.controller, r.email, r.name, r.locale, r.country, r.source, r.purpose, r.collected_at,
       r.policy_version, r.observed_at, r.created_at, s.erased_at
FROM recipients r JOIN standings s ON s.recipient_id = r.id WHERE r.brand = $1 AND r.id = $2

-- name: copy_standing
-- All that there is, so that nothing new is left out; a hold is told by its own record, if it may be, and `paid` is only
-- worked out from the products.
SELECT to_jsonb(s) - ARRAY['recipient_id', 'address_hash', 'legal_hold_at', 'paid'] AS standing FROM standings s
WHERE recipient_id = $2 AND EXISTS (SELECT FROM recipients WHERE id = $2 AND brand = $1)

-- name: copy_consents
SELECT controller, scope, given, counts, source, version, words, actor, proof, at, recorded_at
FROM consents WHERE recipient_id = $2 AND brand = $1 ORDER BY at, id

-- name: copy_wishes
SELECT w.what, w.version, w.words, w.asked_at, w.mailed_at, w.answered_at
FROM wishes w JOIN recipients r ON r.id = w.recipient_id
WHERE r.id = $2 AND r.brand = $1 ORDER BY w.asked_at, w.what

-- name: copy_data_requests
SELECT wanted, asked_at, due_at, confirmed_at, note, answer, answered_at, reason
FROM data_requests WHERE recipient_id = $2 AND brand = $1 ORDER BY asked_at, id

-- name: copy_suppressions
SELECT s.brand, s.scope, s.reason, s.source, s.actor, s.at, s.expires_at, s.lifted_at, s.lifted_by, s.lift_reason,
       s.mailing_id AS mailing
FROM recipients r
JOIN suppressions s ON s.controller = r.controller AND s.address_key = r.address_key AND s.address_hash = r.address_hash
WHERE r.id = $2 AND r.brand = $1 AND (s.brand IS NULL OR s.brand = $1) ORDER BY s.at, s.id

-- name: copy_audiences
SELECT audience FROM audience_members WHERE recipient_id = $2 AND brand = $1 ORDER BY audience

-- name: copy_deliveries
-- By the brand's mailings, one probe of the primary key each: no index leads from a person to deliveries.
SELECT m.id AS mailing, m.event_id AS event, coalesce(d.sent_as, m.category) AS category, m.template, m.campaign,
       m.topic, m.reason AS stated_reason, m.created_at, m.publisher, m.inviter, m.partner, d.state, d.reason, d.attempt,
       d.tried_at, d.due_at, d.context AS own_context, CASE WHEN m.audience_size = 1 THEN m.reply_to END AS reply_to,
       CASE WHEN m.audience_size = 1 THEN m.context END AS context
FROM mailings m JOIN deliveries d ON d.mailing_id = m.id AND d.recipient_id = $2 WHERE m.brand = $1 ORDER BY m.id

-- name: copy_entries
-- A hold is told by its own record, if it may be. Of a look-up, the copy has the time and the way, and not the staff's words.
SELECT l.at, l.mailing_id AS mailing, l.kind, l.attempt, l.category, l.reason, l.rule, l.policy, l.processor, l.country,
       l.contract, l.purpose, l.fields, l.message_id, CASE WHEN l.kind <> 'access' THEN notes.text END AS reply
FROM (SELECT l.* FROM mailings m JOIN ledger l ON l.mailing_id = m.id AND l.recipient_id = $2 WHERE m.brand = $1
      UNION ALL SELECT l.* FROM ledger l WHERE l.mailing_id IS NULL AND l.recipient_id = $2 AND l.brand = $1
          AND (l.reason IN ('legal_hold', 'legal_hold_lifted')
               OR l.kind = 'access' AND l.fields && '{hold,lift_hold}') IS NOT TRUE) l
LEFT JOIN ledger_notes notes USING (writer, n)
ORDER BY l.at, l.writer, l.n

-- name: copy_opens
SELECT o.mailing_id AS mailing, o.day FROM individual_opens o JOIN recipients r ON r.id = o.recipient_id
WHERE r.id = $2 AND r.brand = $1 ORDER BY o.day, o.mailing_id

-- name: copy_clicks
SELECT c.mailing_id AS mailing, c.link, c.day FROM individual_clicks c JOIN recipients r ON r.id = c.recipient_id
WHERE r.id = $2 AND r.brand = $1 ORDER BY c.day, c.mailing_id, c.link

-- name: copy_holds
SELECT h.reference, h.at, h.lifted_at FROM holds h JOIN recipients r ON r.id = h.recipient_id
WHERE r.id = $2 AND r.brand = $1 AND h.named ORDER BY h.id

-- name: copy_disclosures
SELECT d.authority, d.reference, d.fields, d.at FROM disclosures d JOIN recipients r ON r.id = d.recipient_id
WHERE r.id = $2 AND r.brand = $1 ORDER BY d.id

-- name: copy_notices
SELECT n.mailing_id AS mailing, n.channel, n.reason, n.state, n.since, n.changed_at, n.note, n.reference, n.day
FROM notices n WHERE n.recipient_id = $2 AND n.brand = $1 ORDER BY n.id

-- name: copy_postal_addresses
SELECT p.lines, p.source, p.at FROM postal_addresses p JOIN recipients r ON r.id = p.recipient_id
WHERE r.id = $2 AND r.brand = $1

-- name: copy_attributes
SELECT a.attributes, a.updated_at AS at FROM recipient_attributes a WHERE a.recipient_id = $2 AND a.brand = $1

-- name: copy_manifests
SELECT m.campaign_id AS campaign, m.requested_at AS at, p.result, p.reason, p.variant
FROM manifest_people p JOIN manifests m ON m.id = p.manifest_id
WHERE p.recipient_id = $2 AND m.brand = $1 ORDER BY m.requested_at, m.id

-- name: copy_breach_manifests
-- Once it is released: before that nobody is told of a breach by their copy.
SELECT m.requested_at AS at, m.released_at, p.channel, p.reason, p.variant, p.locale, p.place
FROM breach_manifest_people p JOIN breach_manifests m ON m.id = p.manifest_id
WHERE p.recipient_id = $2 AND m.brand = $1 AND m.released_at IS NOT NULL ORDER BY m.requested_at, m.id

-- name: copy_breach_files
SELECT f.created_at AS at, p.place, p.locale FROM breach_file_people p JOIN breach_files f ON f.id = p.file_id
WHERE p.recipient_id = $2 AND f.brand = $1
  AND EXISTS (SELECT FROM breach_manifests m WHERE m.case_id = f.case_id AND m.released_at IS NOT NULL)
ORDER BY f.created_at, f.id

-- name: copy_attachments
SELECT a.mailing_id AS mailing, a.filename, a.content_type, translate(encode(a.content, 'base64'), E'\n', '') AS content
FROM mailings m JOIN deliveries d ON d.mailing_id = m.id AND d.recipient_id = $2 JOIN attachments a ON a.mailing_id = m.id
WHERE m.brand = $1 ORDER BY a.mailing_id, a.position

-- name: copy_former_addresses
SELECT encode(f.address_hash, 'hex') AS keyed_hash FROM former_addresses f JOIN recipients r ON r.id = f.recipient_id
WHERE r.id = $2 AND r.brand = $1 ORDER BY 1

-- name: copy_mailbox_forms
SELECT encode(b.mailbox_hash, 'hex') AS keyed_hash
FROM recipients r JOIN mailboxes b ON b.address_key = r.address_key AND b.address_hash = r.address_hash
WHERE r.id = $2 AND r.brand = $1 ORDER BY 1

-- name: copy_counted_mails
SELECT s.mailing_id AS mailing, s.category, s.at FROM sends s JOIN recipients r ON r.id = s.recipient_id
WHERE r.id = $2 AND r.brand = $1 ORDER BY s.at

-- name: copy_shared_copies
SELECT c.mailing_id AS mailing FROM recipients r JOIN mailings m ON m.brand = r.brand AND m.finished_at IS NULL
JOIN copies c ON c.mailing_id = m.id AND c.address_hash = r.address_hash WHERE r.id = $2 AND r.brand = $1

-- name: copy_refusals
SELECT q.mailing_id AS mailing, q.processor, q.domain, q.status, q.at, q.verdict, q.judged_at
FROM quarantine q JOIN recipients r ON r.id = q.recipient_id WHERE r.id = $2 AND r.brand = $1 ORDER BY q.id

-- name: copy_received_mail
SELECT m.at, m.mailbox, m.kind, m.effect, m.reason, m.mailing_id AS mailing FROM recipients r
JOIN received_mail m ON m.recipient_id = r.id OR m.brand = r.brand AND m.named && ARRAY[encode(r.address_hash, 'hex')]
WHERE r.id = $2 AND r.brand = $1 ORDER BY m.at

-- name: copy_webhook_requests
SELECT w.at, w.provider AS processor FROM recipients r
JOIN webhook_requests w ON r.brand = ANY (w.brands) AND w.named && ARRAY[encode(r.address_hash, 'hex')]
WHERE r.id = $2 AND r.brand = $1 ORDER BY w.at

-- name: copy_soft_bounces
SELECT b.day, b.status FROM soft_bounces b JOIN recipients r ON r.id = b.recipient_id
WHERE r.id = $2 AND r.brand = $1 ORDER BY b.day

-- name: copy_invitations
SELECT m.id AS mailing, m.template, m.created_at, i.paused_at, i.reason FROM recipients r
LEFT JOIN mailings m ON m.brand = r.brand AND m.inviter = r.ref
LEFT JOIN inviters i ON i.brand = r.brand AND i.inviter = r.ref
WHERE r.id = $2 AND r.brand = $1 AND (m.id IS NOT NULL OR i.inviter IS NOT NULL) ORDER BY m.id

-- name: copy_reports
SELECT p.campaign, p.as_of, c.dimension, c.value FROM report_cells c JOIN reports p ON p.id = c.report_id
WHERE p.brand = $1 AND $2 = ANY (c.members) ORDER BY p.id, c.dimension

-- name: copy_erasure
SELECT b.basis, b.source, b.erased_at, b.expires_at, f.until AS answered_until
FROM stubs b JOIN recipients r ON r.id = b.recipient_id LEFT JOIN farewells f ON f.recipient_id = b.recipient_id
WHERE r.id = $2 AND r.brand = $1

-- name: copy_to_be_erased_by
SELECT e.processor, e.country, e.contract, e.last_at, e.due_at, e.confirmed_at
FROM erasures e JOIN recipients r ON r.id = e.recipient_id WHERE r.id = $2 AND r.brand = $1 ORDER BY e.processor

-- name: copy_told_partners
SELECT partner, at, pushed_at FROM partner_suppressions WHERE brand = $1 AND hash = ANY ($2::bytea[]) ORDER BY partner

-- name: copy_dead_letters
-- Why an event with the person was not taken in; what it said may name others, and only tells whose letter it is.
SELECT at, reason, routing_key, body FROM dead_letters WHERE named && $1::text[] ORDER BY id

-- name: standing_holds
SELECT reference FROM holds WHERE recipient_id = $1 AND lifted_at IS NULL ORDER BY id

-- name: hold
INSERT INTO holds (recipient_id, reference, named, actor, preserved, named_as) VALUES ($1, $2, $3, $4, $5, $6)

-- name: lift
UPDATE holds SET lifted_at = now(), lifted_by = $3, preserved = NULL, named_as = '{}'
WHERE recipient_id = $1 AND reference = $2 AND lifted_at IS NULL RETURNING id

-- name: held
UPDATE standings s SET version = version + 1, legal_hold_at = held.at
FROM (SELECT min(at) AS at FROM holds WHERE recipient_id = $1 AND lifted_at IS NULL) held
WHERE s.recipient_id = $1 AND s.legal_hold_at IS DISTINCT FROM held.at

-- name: disclose
INSERT INTO disclosures (recipient_id, authority, reference, fields, actor) VALUES ($1, $2, $3, $4, $5)

-- name: cancel
-- What nobody holds. What a worker holds fails its intent, since the standing's version is another one, and is decided anew.
WITH open AS (
    SELECT d.mailing_id, d.recipient_id, d.attempt, d.state, d.reason, m.brand, m.event_id, m.campaign, m.policy_version,
           m.category AS published_as, coalesce(d.sent_as, m.category) AS category
    FROM mailings m JOIN deliveries d ON d.mailing_id = m.id AND d.recipient_id = $2
    WHERE m.brand = $1 AND m.finished_at IS NULL AND d.state IN ('queued', 'deferred', 'held')
      AND m.category <> ALL ($5::text[])
    ORDER BY m.id FOR UPDATE OF d
), cancelled AS (
    UPDATE deliveries d SET state = 'cancelled', reason = $3, due_at = NULL
    FROM open o WHERE d.mailing_id = o.mailing_id AND d.recipient_id = o.recipient_id
), counted AS (
    INSERT INTO counters
    SELECT mailing_id, state, reason, -1 FROM open UNION ALL SELECT mailing_id, 'cancelled', $3, 1 FROM open
), told AS (
    INSERT INTO outbox (exchange, routing_key, body)
    SELECT 'mailer.outcomes', concat_ws('.', o.brand, o.published_as, 'cancelled'),
           jsonb_build_object(
               'v', 2, 'at', now(), 'brand', o.brand, 'category', o.published_as, 'state', 'cancelled',
               'mailings', jsonb_build_array(jsonb_build_object(
                   'mailing', o.mailing_id, 'event', o.event_id, 'campaign', o.campaign, 'deliveries',
                   jsonb_build_array(jsonb_build_object('ref', r.ref, 'reason', $3, 'attempt', o.attempt)))))
    FROM open o JOIN recipients r ON r.id = o.recipient_id WHERE $4::boolean
), posted AS (
    INSERT INTO outgoing_webhook_messages (webhook_id, category, state, mailing_ids, recipient_ids, reasons, attempts)
    SELECT e.id, o.published_as, 'cancelled', array_agg(o.mailing_id), array_agg(o.recipient_id), array_agg($3::text),
           array_agg(o.attempt)
    FROM open o JOIN outgoing_webhooks e ON e.brand = o.brand AND e.disabled_at IS NULL AND 'cancelled' = ANY (e.kinds)
    GROUP BY e.id, o.published_as
)
SELECT mailing_id, attempt, category, policy_version FROM open

-- name: list_keepers
-- The keys of the brand's mailings lead to the hand-overs.
INSERT INTO erasures (recipient_id, processor, country, contract, last_at, due_at)
SELECT $2, l.processor, (array_agg(l.country ORDER BY l.at DESC))[1], (array_agg(l.contract ORDER BY l.at DESC))[1],
       max(l.at), now() + $3::interval
FROM mailings m JOIN ledger l ON l.mailing_id = m.id AND l.recipient_id = $2
WHERE m.brand = $1 AND l.kind = 'hand_over'
GROUP BY l.processor
ON CONFLICT DO NOTHING

-- name: keep_stub
INSERT INTO stubs (recipient_id, basis, source, expires_at, controller, address_key, address_hash)
SELECT r.id, $2, $3, now() + $4::interval, r.controller, r.address_key, r.address_hash FROM recipients r WHERE r.id = $1
ON CONFLICT (recipient_id) DO UPDATE SET basis = EXCLUDED.basis RETURNING expires_at

-- name: keepers
SELECT recipient_id, processor, country, contract, last_at, due_at, confirmed_at, confirmed_by FROM erasures
WHERE $1::bigint IS NULL OR recipient_id = $1 ORDER BY recipient_id, processor

-- name: purges
SELECT mailing_id, brand, processor, country, contract, due_at, confirmed_at, confirmed_by FROM purges
ORDER BY mailing_id, processor

-- name: holders
SELECT brand, processor, country, contract, sum(n)::bigint AS handovers, min(first_at) AS first_at,
       max(last_at) AS last_at
FROM handed GROUP BY brand, processor, country, contract
ORDER BY brand, processor, country, contract

-- name: confirm_erasure
UPDATE erasures e SET confirmed_at = now(), confirmed_by = $3 FROM recipients r
WHERE e.recipient_id = $1 AND e.processor = $2 AND e.confirmed_at IS NULL AND r.id = e.recipient_id
RETURNING r.brand, e.country, e.contract

-- name: confirm_purge
UPDATE purges SET confirmed_at = now(), confirmed_by = $3
WHERE mailing_id = $1 AND processor = $2 AND confirmed_at IS NULL RETURNING brand, country, contract

-- name: note_purges
-- Of finished mailings: the outside processors, given as (brand, processor), that took part.
INSERT INTO purges (mailing_id, brand, processor, country, contract)
SELECT l.mailing_id, l.brand, l.processor, min(l.country), min(l.contract)
FROM ledger l JOIN unnest($2::text[], $3::text[]) AS outside (brand, processor) USING (brand, processor)
WHERE l.mailing_id = ANY ($1::uuid[]) AND l.kind = 'hand_over'
GROUP BY l.mailing_id, l.brand, l.processor
ON CONFLICT DO NOTHING
RETURNING mailing_id, brand, processor, country, contract

-- name: coverage
-- Whoever shares an address with somebody to whom the same text was handed over has got it, too.
SELECT r.ref, CASE WHEN o.state = 'handed_over' THEN o.state ELSE coalesce(d.state, 'not_addressed') END AS state,
       coalesce(d.reason, '') AS reason
FROM mailings m JOIN recipients r ON r.brand = m.brand JOIN standings s ON s.recipient_id = r.id AND s.erased_at IS NULL
LEFT JOIN deliveries d ON d.mailing_id = $1 AND d.recipient_id = r.id
LEFT JOIN deliveries o ON o.mailing_id = $1 AND o.recipient_id = d.copy_of AND d.reason = 'duplicate_address'
WHERE m.id = $1 ORDER BY r.id

-- name: reach
-- How many accounts of the brand a mailing has reached, and what became of it for the others.
SELECT CASE WHEN o.state = 'handed_over' THEN o.state WHEN d.state IS NOT NULL THEN d.state
            WHEN r.created_at > coalesce(m.expanded_at, m.created_at) THEN 'known_later' ELSE 'not_addressed' END AS state,
       CASE WHEN o.state = 'handed_over' THEN '' ELSE coalesce(d.reason, '') END AS reason, count(*) AS n
FROM mailings m JOIN recipients r ON r.brand = m.brand JOIN standings s ON s.recipient_id = r.id AND s.erased_at IS NULL
LEFT JOIN deliveries d ON d.mailing_id = $1 AND d.recipient_id = r.id
LEFT JOIN deliveries o ON o.mailing_id = $1 AND o.recipient_id = d.copy_of AND d.reason = 'duplicate_address'
WHERE m.id = $1 GROUP BY 1, 2
