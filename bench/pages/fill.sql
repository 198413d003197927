-- name: standings
INSERT INTO standings (recipient_id, address_hash, opted_out, source, collected_under, country)
SELECT id, address_hash, CASE WHEN id % 10 = 3 THEN '{newsletter}'::text[] ELSE '{}' END, source, policy_version, country
FROM recipients

-- name: suppressions
INSERT INTO suppressions (controller, address_key, address_hash, brand, scope, reason, source, exact)
SELECT controller, address_key, address_hash, brand, 'newsletter', 'opt_out', 'page', true FROM recipients WHERE id % 10 = 3

-- name: consents
INSERT INTO consents (recipient_id, brand, controller, scope, given, source, version, words, actor, at)
SELECT id, brand, controller, 'promotional', true, 'form', policy_version, 'Yes, write to me.', 'shop', now() - interval '1 day'
FROM recipients WHERE id % 5 = 1

-- name: audience
INSERT INTO audience_members (brand, audience, recipient_id) SELECT brand, 'half', id FROM recipients WHERE id % 2 = 0

-- name: plan
-- Copies of one mailing: twelve large ones, 800 of three in a thousand people, and single ones for four people in ten,
-- spread over the month. The parameters: the mailing, the number of people.
CREATE TABLE bench_mailings AS
SELECT k, uuid_floor(began + (now() - interval '1 hour' - began) * (k / total)) AS id,
       CASE WHEN k % (total / 12)::int = 0 THEN {people} * 6 / 10 WHEN k % (total / 800)::int = 1 THEN greatest({people} * 3 / 1000, 1)
            ELSE 1 END AS size
FROM (SELECT date_trunc('month', now() - interval '1 day') AS began, ({people} * 4 / 10 + 812)::float8 AS total) t
CROSS JOIN LATERAL generate_series(1, total::int) k

-- name: mailings
WITH copied AS (
    INSERT INTO mailings (id, brand, event_id, category, lane, template, template_version, policy_version, publisher, topic,
                          campaign, context, audience, audience_size, state, created_at, expanded_at, released_at, finished_at)
    SELECT p.id, m.brand, 'bench-' || p.k, m.category, m.lane, m.template, m.template_version, m.policy_version, m.publisher,
           m.topic, 'campaign-' || p.k % 500, CASE WHEN p.size = 1 THEN '{}' ELSE m.context END, m.audience, p.size, m.state,
           now(), now(), now(), now()
    FROM mailings m CROSS JOIN bench_mailings p WHERE m.id = '{mailing}' RETURNING id, brand, event_id
)
INSERT INTO events (brand, event_id, mailing_id, publisher) SELECT brand, event_id, id, 'key:bench' FROM copied

-- name: deliveries
-- The first person gets each mailing to many and one in a hundred of the single ones.
INSERT INTO deliveries (mailing_id, recipient_id, state, reason, batch)
SELECT p.id, r.id, CASE WHEN r.id % 10 = 3 THEN 'suppressed' ELSE 'handed_over' END,
       CASE WHEN r.id % 10 = 3 THEN 'opted_out' ELSE '' END, p.k
FROM bench_mailings p CROSS JOIN LATERAL (
    SELECT CASE WHEN i = 1 AND (p.size > 1 OR p.k % 100 = 0) THEN 1
                ELSE 2 + (p.k::bigint * 7919 + i) % ({people} - 1) END AS id
    FROM generate_series(1, p.size) i) r
WHERE p.k % {parts} = {part}

-- name: counters
INSERT INTO counters (mailing_id, state, reason, n)
SELECT mailing_id, state, reason, count(*) FROM deliveries WHERE batch IS NOT NULL GROUP BY 1, 2, 3

-- name: ledger
INSERT INTO ledger (writer, n, at, kind, brand, mailing_id, recipient_id, attempt, category, reason, processor, hash)
SELECT '{writer}'::uuid, nextval('bench_n'), now(), CASE state WHEN 'suppressed' THEN 'decision' ELSE 'outcome' END, 'interpals', mailing_id,
       recipient_id, 1, 'newsletter', CASE state WHEN 'suppressed' THEN 'opted_out' ELSE 'accepted' END, 'relay', '\x00'
FROM deliveries d JOIN bench_mailings p ON p.id = d.mailing_id WHERE p.k % {parts} = {part}

-- name: actions
INSERT INTO ledger (writer, n, at, kind, brand, recipient_id, category, reason, rule, hash)
SELECT '{writer}'::uuid, nextval('bench_n'), now(), 'action', brand, id, 'newsletter', 'opt_out', 'action:page', '\x00' FROM recipients

-- name: sends
INSERT INTO sends (recipient_id, mailing_id, category, at)
SELECT d.recipient_id, d.mailing_id, 'newsletter', now() - interval '8 days' * random()
FROM deliveries d JOIN (SELECT id FROM bench_mailings WHERE size > 1 ORDER BY size DESC, k LIMIT 2) p ON p.id = d.mailing_id
WHERE d.state = 'handed_over'

-- name: opens
INSERT INTO opens (mailing_id, day, machine, n) SELECT id, current_date, false, size FROM bench_mailings

-- name: dead
INSERT INTO dead_letters (reason, exchange, routing_key, message_id, publisher, body, kind)
SELECT 'context.headline: Field required', 'mailer.events', 'interpals.newsletter', 'dead-' || k, 'key:shop', '{{"v": 1}}', 'refused'
FROM generate_series(1, {people} / 50) k

-- name: quarantine
INSERT INTO quarantine (processor, domain, mailing_id, recipient_id, attempt, address_key, address_hash, status)
SELECT 'relay', 'people.example', (SELECT id FROM bench_mailings LIMIT 1), k, 1, 'key', '\x00', '5.1.1' FROM generate_series(1, {people} / 100) k

-- name: notices
INSERT INTO notices (mailing_id, recipient_id, brand, category, channel, reason)
SELECT (SELECT id FROM bench_mailings LIMIT 1), id, brand, 'breach', 'letter', 'address_dead' FROM recipients WHERE id % 50 = 7

-- name: wishes
INSERT INTO wishes (confirmation, what, recipient_id, generation, version, words, asked_at, mailed_at)
SELECT uuid_floor(now() - id * interval '1 second'), 'newsletter', id, 1, '2024', 'Yes.', now(), now() FROM recipients WHERE id % 50 = 1

-- name: data_requests
INSERT INTO data_requests (id, brand, recipient_id, wanted, generation, asked_at, due_at, confirmed_at)
SELECT uuid_floor(now() - id * interval '1 second'), brand, id, 'copy', 1, now(), now() + interval '30 days', now()
FROM recipients WHERE id % 50 = 1

-- name: pictures
INSERT INTO pictures (id, brand, content_type, width, height, content, file_name, created_by, created_at)
SELECT lpad(to_hex(k), 32, '0'), 'interpals', 'image/png', 600, 300, decode(repeat('00', 20000), 'hex'), k || '.png', 'key:shop',
       now() - k * interval '1 minute'
FROM generate_series(1, 2000) k
