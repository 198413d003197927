-- name: suppress_erased
-- For the whole controller, who was asked to erase. A second erasure raises it: what was collected before that is stale
-- too. So is what was collected by a clock that is ahead of ours. An earlier address is erased unless somebody has it now.
WITH had AS (
    SELECT r.controller, r.address_key, r.address_hash, r.collected_at, octet_length(r.email) = length(r.email) AS exact
    FROM recipients r WHERE r.id = $1 AND r.address_hash IS NOT NULL
    UNION
    SELECT r.controller, r.address_key, f.address_hash, r.collected_at, true
    FROM recipients r JOIN former_addresses f ON f.recipient_id = r.id
    WHERE r.id = $1 AND f.address_hash <> r.address_hash
      AND NOT EXISTS (SELECT FROM recipients o WHERE o.controller = r.controller AND o.address_key = r.address_key
                      AND o.address_hash = f.address_hash)
)
INSERT INTO suppressions AS s (controller, address_key, address_hash, brand, scope, reason, source, exact, at)
SELECT controller, address_key, address_hash, NULL, '*', 'erased', $2, exact, greatest(now(), collected_at) FROM had
ON CONFLICT (controller, address_key, address_hash, brand, scope, reason) WHERE lifted_at IS NULL
DO UPDATE SET at = greatest(s.at, EXCLUDED.at), source = EXCLUDED.source

-- name: empty_mailings
-- Values for this person, and mailings that were for nobody else; of these, only the digests of open fields stay.
WITH own AS (
    SELECT m.id, m.audience_size FROM mailings m JOIN deliveries d ON d.mailing_id = m.id AND d.recipient_id = $2
    WHERE m.brand = $1 AND (m.audience_size = 1 OR d.context IS NOT NULL)
      AND NOT (m.category = ANY ($3::text[]) AND d.state IN ('queued', 'claimed', 'intended', 'in_doubt', 'deferred', 'held'))
), values AS (
    UPDATE deliveries d SET context = NULL FROM own WHERE d.mailing_id = own.id AND d.recipient_id = $2
), files AS (
    DELETE FROM attachments a USING own WHERE a.mailing_id = own.id AND own.audience_size = 1
), digests AS (
    UPDATE events e SET content = substring(e.content FOR 5 + get_byte(e.content, 4))
    FROM own WHERE e.mailing_id = own.id AND own.audience_size = 1
)
UPDATE mailings m SET context = '{}', reply_to = NULL, reason = NULL FROM own WHERE m.id = own.id AND own.audience_size = 1

-- name: empty_inviter
-- A member who has invited others is named in those mailings, and perhaps on the list of the paused.
WITH listed AS (
    UPDATE inviters SET inviter = $3, reason = NULL WHERE brand = $1 AND inviter = $2
)
UPDATE mailings SET inviter = $3 WHERE brand = $1 AND inviter = $2

-- name: empty_reports
-- A place is kept, and not the one that they had: a report without them must go on to differ from this one by a person.
UPDATE report_cells c SET members = array_append(array_remove(c.members, $2), 0)
FROM reports r WHERE r.brand = $1 AND c.report_id = r.id AND $2 = ANY (c.members)

-- name: empty_notes
DELETE FROM ledger_notes WHERE recipient_id = $1

-- name: void_consents
-- What was said before an erasure of the address counts for nothing, also once its account has another address.
UPDATE consents c SET counts = false
FROM recipients erased JOIN recipients r
    ON r.controller = erased.controller AND r.address_key = erased.address_key AND r.address_hash = erased.address_hash
WHERE erased.id = $1 AND c.recipient_id = r.id AND c.counts AND c.given

-- name: empty_consents
-- Whatever was written by somebody may name people; only mailer's own words stay.
UPDATE consents SET proof = NULL, words = NULL, actor = CASE WHEN actor = ANY ($2::text[]) THEN actor ELSE 'erased' END,
    source = CASE WHEN source = ANY ($2::text[]) THEN source ELSE 'erased ' || id END
WHERE recipient_id = $1

-- name: empty_mailboxes
-- Of the address, and of those that the person had before.
DELETE FROM mailboxes b USING recipients r
WHERE r.id = $1 AND b.address_key = r.address_key
  AND b.address_hash IN (SELECT r.address_hash UNION ALL SELECT f.address_hash FROM former_addresses f WHERE f.recipient_id = r.id)
  AND NOT EXISTS (SELECT FROM recipients o
                  WHERE o.controller = r.controller AND o.address_key = r.address_key AND o.address_hash = b.address_hash
                    AND o.id <> r.id)

-- name: empty_suppressions
UPDATE suppressions s SET
    source = CASE WHEN s.source = ANY ($2::text[]) THEN s.source ELSE 'erased' END,
    actor = CASE WHEN s.actor = ANY ($2::text[]) THEN s.actor ELSE 'operator' END,
    lifted_by = CASE WHEN s.lifted_by IS NULL OR s.lifted_by = ANY ($2::text[]) THEN s.lifted_by ELSE 'operator' END,
    lift_reason = CASE WHEN s.lift_reason IS NULL OR s.lift_reason = ANY ($2::text[]) THEN s.lift_reason ELSE 'erased' END
FROM recipients r
WHERE r.id = $1 AND s.controller = r.controller AND s.address_key = r.address_key AND s.address_hash = r.address_hash
  AND s.reason <> 'collected'  -- their source is one of the policy's closed list, and outlives the account

-- name: empty_own_limits
-- The pause and the cap that the person chose, unless somebody else at the brand has the address, for whom they hold too.
DELETE FROM suppressions s USING recipients r
WHERE r.id = $1 AND s.controller = r.controller AND s.address_key = r.address_key AND s.brand = r.brand
  AND s.reason IN ('own_pause', 'own_cap')
  AND s.address_hash IN (SELECT r.address_hash UNION ALL SELECT f.address_hash FROM former_addresses f WHERE f.recipient_id = r.id)
  AND NOT EXISTS (SELECT FROM recipients o
                  WHERE o.controller = r.controller AND o.address_key = r.address_key AND o.address_hash = s.address_hash
                    AND o.brand = r.brand AND o.id <> r.id)

-- name: empty_law
WITH holding AS (
    UPDATE holds SET reference = '', preserved = NULL, named_as = '{}' WHERE recipient_id = $1 AND lifted_at IS NOT NULL
), doubted AS (
    DELETE FROM quarantine WHERE recipient_id = $1
)
UPDATE disclosures SET reference = '' WHERE recipient_id = $1

-- name: own_mailings
SELECT m.id, m.event_id, m.campaign, m.topic FROM mailings m JOIN deliveries d ON d.mailing_id = m.id AND d.recipient_id = $2
WHERE m.brand = $1 AND m.audience_size = 1

-- name: hide_ids
WITH hidden AS (
    SELECT * FROM unnest($1::uuid[], $2::text[]) AS k (mailing_id, event_id)
), events AS (
    UPDATE events e SET event_id = h.event_id FROM hidden h WHERE e.mailing_id = h.mailing_id
)
UPDATE mailings m SET event_id = h.event_id FROM hidden h WHERE m.id = h.mailing_id

-- name: empty_campaigns
UPDATE mailings SET campaign = NULL, topic = NULL WHERE id = ANY ($1::uuid[])

-- name: texts
-- What staff wrote about no person's delivery: a pause, a release, an import.
SELECT writer, n, text, NULL AS scope, NULL AS key FROM ledger_notes WHERE recipient_id IS NULL
UNION ALL SELECT NULL, NULL, reason, scope, key FROM halts WHERE reason <> ''

-- name: empty_texts
WITH notes AS (
    DELETE FROM ledger_notes l USING unnest($1::uuid[], $2::bigint[]) AS k (writer, n) WHERE l.writer = k.writer AND l.n = k.n
)
UPDATE halts h SET reason = 'erased' FROM unnest($3::text[], $4::text[]) AS k (scope, key)
WHERE h.scope = k.scope AND h.key = k.key

-- name: parked
SELECT id, routing_key, body FROM outbox ORDER BY id FOR UPDATE SKIP LOCKED

-- name: unpark
DELETE FROM outbox WHERE id = $1

-- name: rewrite
UPDATE outbox SET body = $2 WHERE id = $1

-- name: former_addresses
SELECT address_hash FROM former_addresses WHERE recipient_id = $1
UNION SELECT address_hash FROM recipients WHERE id = $1 AND address_hash IS NOT NULL

-- name: letters_naming
SELECT d.id, d.routing_key, d.body FROM dead_letters d WHERE d.named && $1::text[]
  AND NOT EXISTS (SELECT FROM holds h WHERE h.lifted_at IS NULL AND h.named_as && d.named)

-- name: empty_letters
-- The reason may quote what stood in the body, and the publisher chose the id and the routing key, too.
UPDATE dead_letters SET body = '', reason = 'its content was erased with a person that it named', named = '{}', message_id = NULL,
    routing_key = CASE WHEN strpos(routing_key, '@') > 0 THEN '' ELSE routing_key END
WHERE id = ANY ($1::bigint[])

-- name: forget
WITH opens AS (DELETE FROM individual_opens WHERE recipient_id = $1),
     clicks AS (DELETE FROM individual_clicks WHERE recipient_id = $1),
     sent AS (DELETE FROM sends WHERE recipient_id = $1),
     wished AS (DELETE FROM wishes WHERE recipient_id = $1),
     joined AS (DELETE FROM audience_members WHERE recipient_id = $1),
     asked AS (DELETE FROM data_requests WHERE recipient_id = $1 AND NOT (wanted = 'erasure' AND answer IS NULL)),
     bounced AS (DELETE FROM soft_bounces WHERE recipient_id = $1),
     posted AS (DELETE FROM postal_addresses WHERE recipient_id = $1),
     listed AS (UPDATE breach_file_people SET place = '', locale = NULL WHERE recipient_id = $1),
     described AS (DELETE FROM recipient_attributes WHERE recipient_id = $1)
SELECT

-- name: erase_standing
UPDATE standings SET version = version + 1, erased_at = coalesce(erased_at, now()), channel = 'email', products = '{}',
    paused_until = NULL, own_cap = NULL
WHERE recipient_id = $1

-- name: step_aside
-- Somebody with the same ref was erased before; theirs becomes meaningless to us too.
UPDATE recipients SET ref = 'erased:' || id WHERE brand = $1 AND ref = $2 AND id <> $3

-- name: answers_waiting
-- An answer to the person that is on its way still needs name and address.
SELECT EXISTS (
    SELECT FROM mailings m JOIN deliveries d ON d.mailing_id = m.id AND d.recipient_id = $2
    WHERE m.brand = $1 AND m.finished_at IS NULL AND m.category = ANY ($3::text[])
      AND d.state IN ('queued', 'claimed', 'intended', 'in_doubt', 'deferred', 'held'))

-- name: say_farewell
WITH waits AS (
    INSERT INTO farewells (recipient_id, until) VALUES ($1, now() + $3::interval) ON CONFLICT DO NOTHING
)
UPDATE recipients SET ref = $2, source = NULL, purpose = NULL, collected_at = NULL, policy_version = NULL,
    observed_at = greatest(now(), collected_at)
WHERE id = $1

-- name: farewells_over
SELECT f.recipient_id, r.brand, r.ref FROM farewells f JOIN recipients r ON r.id = f.recipient_id
WHERE f.until <= now() OR NOT EXISTS (
    SELECT FROM mailings m JOIN deliveries d ON d.mailing_id = m.id AND d.recipient_id = f.recipient_id
    WHERE m.brand = r.brand AND m.finished_at IS NULL AND m.category = ANY ($1::text[])
      AND d.state IN ('queued', 'claimed', 'intended', 'in_doubt', 'deferred', 'held'))
ORDER BY f.recipient_id LIMIT $2

-- name: end_farewell
DELETE FROM farewells WHERE recipient_id = $1

-- name: stubs_over
SELECT b.recipient_id FROM stubs b
WHERE b.expires_at <= now()
  AND NOT EXISTS (SELECT FROM holds h WHERE h.recipient_id = b.recipient_id AND h.lifted_at IS NULL)
  AND NOT EXISTS (SELECT FROM farewells f WHERE f.recipient_id = b.recipient_id)
ORDER BY b.expires_at LIMIT $1 FOR UPDATE SKIP LOCKED

-- name: end_hashes
-- Of an address that somebody has again, only the erasure ends; of one that nobody has, all that was said of it. So it is
-- of those that the person had before.
WITH hashes AS (
    SELECT recipient_id, controller, address_key, address_hash FROM stubs
    UNION SELECT b.recipient_id, b.controller, b.address_key, f.address_hash FROM stubs b JOIN former_addresses f USING (recipient_id)
)
DELETE FROM suppressions s USING hashes b
WHERE b.recipient_id = ANY ($1::bigint[])
  AND s.controller = b.controller AND s.address_key = b.address_key AND s.address_hash = b.address_hash
  AND NOT EXISTS (SELECT FROM hashes o WHERE o.controller = b.controller AND o.address_key = b.address_key
                  AND o.address_hash = b.address_hash AND o.recipient_id <> ALL ($1::bigint[]))
  AND (s.reason = 'erased' OR NOT EXISTS (
      SELECT FROM recipients r WHERE r.controller = b.controller AND r.address_key = b.address_key
        AND r.address_hash = b.address_hash))

-- name: having_the_address
SELECT r.id FROM (
    SELECT controller, address_key, address_hash FROM stubs WHERE recipient_id = ANY ($1::bigint[])
    UNION SELECT b.controller, b.address_key, f.address_hash FROM stubs b JOIN former_addresses f USING (recipient_id)
    WHERE b.recipient_id = ANY ($1::bigint[])) b
JOIN recipients r ON r.controller = b.controller AND r.address_key = b.address_key AND r.address_hash = b.address_hash

-- name: end_stubs
WITH gone AS (SELECT unnest($1::bigint[]) AS id),
     consented AS (DELETE FROM consents t USING gone WHERE t.recipient_id = gone.id),
     asked AS (DELETE FROM data_requests t USING gone WHERE t.recipient_id = gone.id),
     told AS (DELETE FROM notices t USING gone WHERE t.recipient_id = gone.id),
     posted AS (DELETE FROM postal_addresses t USING gone WHERE t.recipient_id = gone.id),
     chosen AS (DELETE FROM manifest_people t USING gone WHERE t.recipient_id = gone.id),
     listed AS (DELETE FROM breach_file_people t USING gone WHERE t.recipient_id = gone.id),
     known AS (DELETE FROM breach_only_people t USING gone WHERE t.recipient_id = gone.id),
     kept AS (DELETE FROM erasures t USING gone WHERE t.recipient_id = gone.id),
     held AS (DELETE FROM holds t USING gone WHERE t.recipient_id = gone.id),
     disclosed AS (DELETE FROM disclosures t USING gone WHERE t.recipient_id = gone.id),
     moved AS (DELETE FROM former_addresses t USING gone WHERE t.recipient_id = gone.id),
     stood AS (DELETE FROM standings t USING gone WHERE t.recipient_id = gone.id),
     ended AS (DELETE FROM stubs t USING gone WHERE t.recipient_id = gone.id)
DELETE FROM recipients t USING gone WHERE t.id = gone.id

-- name: empty_person
UPDATE recipients SET ref = $2, email = NULL, address_key = NULL, address_hash = NULL, name = NULL, locale = NULL,
    country = NULL, source = NULL, purpose = NULL, collected_at = NULL, policy_version = NULL,
    observed_at = greatest(now(), observed_at, collected_at)
WHERE id = $1

