-- name: deliveries
SELECT m.lane, c.state, sum(c.n) FROM mailings m JOIN counters c ON c.mailing_id = m.id
WHERE m.finished_at IS NULL AND c.state IN ('queued', 'deferred', 'held', 'in_doubt') GROUP BY m.lane, c.state

-- name: held
SELECT m.lane, c.reason, sum(c.n) FROM mailings m JOIN counters c ON c.mailing_id = m.id
WHERE m.finished_at IS NULL AND c.state = 'held' GROUP BY m.lane, c.reason HAVING sum(c.n) > 0
ORDER BY sum(c.n) DESC LIMIT 50

-- name: oldest_due
-- Its mailing's brand is asked for by a scalar, which cannot be answered for all mailings at once.
SELECT lane, coalesce(extract(epoch FROM now() - (
    SELECT b.due_at FROM batches b WHERE b.state = 'queued' AND b.lane = l.lane AND b.due_at <= now()
      AND NOT EXISTS (SELECT FROM halts h WHERE h.scope = 'everything'
                      OR (h.scope = 'mailing' AND h.key = b.mailing_id::text)
                      OR ((h.scope = 'brand' OR h.scope = 'promotional' AND b.lane = 'promotional')
                          AND h.key = (SELECT m.brand FROM mailings m WHERE m.id = b.mailing_id)))
    ORDER BY b.due_at LIMIT 1)), 0)
FROM unnest($1::text[]) AS l (lane)

-- name: oldest_retry
SELECT coalesce(extract(epoch FROM now() - min(due_at)), 0) FROM deliveries WHERE due_at <= now()

-- name: awaiting_release
SELECT lane, count(*) FROM (
    SELECT lane FROM mailings WHERE finished_at IS NULL AND state = 'awaiting_release' LIMIT 10000) AS few GROUP BY lane

-- name: oldest_release
SELECT lane, extract(epoch FROM now() - min(created_at)) FROM (
    SELECT lane, created_at FROM mailings WHERE finished_at IS NULL AND state = 'awaiting_release' ORDER BY id LIMIT 10000
) AS few GROUP BY lane

-- name: second_look
-- Of what one person alone has released; a partial index has these few.
SELECT brand, extract(epoch FROM now() - min(released_at)) FROM breach_manifests
WHERE break_glass IS NOT NULL AND second_look_at IS NULL GROUP BY brand

-- name: outbox
SELECT count(*) FROM (SELECT FROM outbox ORDER BY id LIMIT 10000) AS few

-- name: oldest_parked
SELECT greatest(0, coalesce(extract(epoch FROM now() - (SELECT parked_at FROM outbox ORDER BY id LIMIT 1)), 0))

-- name: dead_letters
SELECT k.kind, count(few.kind) FROM unnest($1::text[]) AS k (kind) LEFT JOIN (
    SELECT kind FROM dead_letters WHERE replayed_at IS NULL ORDER BY id DESC LIMIT 10000) AS few USING (kind)
GROUP BY k.kind

-- name: quarantined
SELECT processor, count(*) FROM (
    SELECT processor FROM quarantine WHERE verdict IS NULL ORDER BY processor LIMIT 10000) AS few GROUP BY processor

-- name: notices
SELECT channel, count(*) FROM (
    SELECT channel FROM notices WHERE state IN ('open', 'taken') ORDER BY channel, since LIMIT 10000) AS few
GROUP BY channel

-- name: oldest_notice
-- From channel to channel by the index, each time the oldest.
WITH RECURSIVE oldest AS (
    (SELECT channel, since FROM notices WHERE state IN ('open', 'taken') ORDER BY channel, since LIMIT 1)
    UNION ALL
    SELECT next.channel, next.since FROM oldest o CROSS JOIN LATERAL (
        SELECT n.channel, n.since FROM notices n WHERE n.state IN ('open', 'taken') AND n.channel > o.channel
        ORDER BY n.channel, n.since LIMIT 1) next
)
SELECT channel, extract(epoch FROM now() - since) FROM oldest

-- name: halts
SELECT scope, count(*) FROM halts GROUP BY scope

-- name: paused_streams
SELECT processor, reason, count(*) FROM pauses WHERE until > now() GROUP BY processor, reason

-- name: slowed_domains
SELECT processor, count(*) FROM paces WHERE pace < original GROUP BY processor

-- name: seal_age
SELECT extract(epoch FROM now() - sealed_at) FROM seals ORDER BY id DESC LIMIT 1

-- name: partitions_ahead
SELECT count(to_regclass('deliveries_' || to_char(this + n * interval '1 month', 'YYYYMM')))
FROM generate_series(1, 12) n, date_trunc('month', now() AT TIME ZONE 'UTC') this

-- name: data_requests
SELECT brand, count(*) FROM (
    SELECT brand FROM data_requests WHERE confirmed_at IS NOT NULL AND answer IS NULL ORDER BY due_at LIMIT 10000) AS few
GROUP BY brand

-- name: data_request_due
SELECT brand, extract(epoch FROM min(due_at) - now()) FROM (
    SELECT brand, due_at FROM data_requests WHERE confirmed_at IS NOT NULL AND answer IS NULL ORDER BY due_at LIMIT 10000) AS few
GROUP BY brand

-- name: breach_clocks_overdue
SELECT k.brand, count(*) FROM breach_clocks c JOIN breach_cases k ON k.id = c.case_id
WHERE k.state = 'open' AND c.due_at < now() AND NOT EXISTS (
    SELECT FROM breach_duties_done d WHERE d.case_id = c.case_id AND d.clock = c.clock)
GROUP BY k.brand

-- name: breach_clock_due
SELECT k.brand, extract(epoch FROM min(c.due_at) - now()) FROM breach_clocks c JOIN breach_cases k ON k.id = c.case_id
WHERE k.state = 'open' AND c.due_at IS NOT NULL AND NOT EXISTS (
    SELECT FROM breach_duties_done d WHERE d.case_id = c.case_id AND d.clock = c.clock)
GROUP BY k.brand

-- name: breach_reminders_unsent
SELECT k.brand, count(*) FROM breach_reminders r JOIN breach_cases k ON k.id = r.case_id
WHERE k.state = 'open' AND r.state <> 'sent'
  AND r.queued_at BETWEEN now() - interval '7 days' AND now() - interval '10 minutes'
  AND NOT (r.state = 'refused' AND r.problem LIKE 'it is not needed any more%')
GROUP BY k.brand

-- name: received_mail
SELECT brand, state, count(*) FROM (
    SELECT brand, state FROM received_mail WHERE state <> 'handled' ORDER BY at LIMIT 10000) AS few
GROUP BY brand, state

-- name: oldest_received
SELECT brand, state, extract(epoch FROM now() - min(at)) FROM (
    SELECT brand, state, at FROM received_mail WHERE state <> 'handled' ORDER BY at LIMIT 10000) AS few
GROUP BY brand, state

-- name: oldest_webhook
-- Of each endpoint by the index; there are few.
SELECT brand, extract(epoch FROM now() - min(at)) FROM (
    SELECT e.brand, (SELECT min(m.at) FROM outgoing_webhook_messages m WHERE m.webhook_id = e.id AND m.due_at IS NOT NULL) AS at
    FROM outgoing_webhooks e WHERE e.disabled_at IS NULL) AS oldest
WHERE at IS NOT NULL GROUP BY brand

-- name: webhooks_disabled
SELECT brand, disabled_reason, count(*) FROM outgoing_webhooks WHERE disabled_at IS NOT NULL GROUP BY brand, disabled_reason

-- name: missed_notices
SELECT brand, count(*) FROM public_notices
WHERE missed_at IS NOT NULL AND withdrawn_at IS NULL AND last_day >= (now() AT TIME ZONE 'UTC')::date
GROUP BY brand

-- name: feedback_handed_over
SELECT f.brand, f.processor, f.provider, sum(f.handed_over) FROM feedback_counts f LEFT JOIN promotional_releases r USING (brand)
WHERE f.hour > now() - interval '7 days' AND f.hour > coalesce(r.at, '-infinity')
GROUP BY f.brand, f.processor, f.provider ORDER BY f.brand, f.processor, f.provider LIMIT 1000

-- name: feedback_complaints
SELECT f.brand, f.processor, f.provider, sum(f.complaints) FROM feedback_counts f LEFT JOIN promotional_releases r USING (brand)
WHERE f.hour > now() - interval '7 days' AND f.hour > coalesce(r.at, '-infinity')
GROUP BY f.brand, f.processor, f.provider ORDER BY f.brand, f.processor, f.provider LIMIT 1000

-- name: feedback_hard_bounces
SELECT f.brand, f.processor, f.provider, sum(f.hard_bounces) FROM feedback_counts f LEFT JOIN promotional_releases r USING (brand)
WHERE f.hour > now() - interval '7 days' AND f.hour > coalesce(r.at, '-infinity')
GROUP BY f.brand, f.processor, f.provider ORDER BY f.brand, f.processor, f.provider LIMIT 1000

-- name: mailed_after_opt_out
SELECT count(*) FROM (SELECT FROM mailed_after_opt_out WHERE found_at > now() - interval '7 days' LIMIT 10000) AS few
