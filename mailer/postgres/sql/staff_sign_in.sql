-- name: forget_failures
DELETE FROM staff_failures WHERE key IN (
    SELECT key FROM staff_failures WHERE last_at < now() - $1::interval ORDER BY last_at LIMIT 20 FOR UPDATE SKIP LOCKED)

-- name: count_failure
-- Counts, unless the wait that follows the failures so far is not over; then no row comes back.
INSERT INTO staff_failures AS f (key, failures, last_at) VALUES ($1, 1, clock_timestamp())
ON CONFLICT (key) DO UPDATE
SET failures = CASE WHEN f.last_at < now() - $3::interval THEN 1 ELSE f.failures + 1 END, last_at = clock_timestamp()
WHERE f.failures = 0 OR f.last_at + make_interval(secs => ($2::int[])[least(f.failures, cardinality($2::int[]))]) <= clock_timestamp()
RETURNING failures

-- name: seconds_to_wait
SELECT greatest(1, ceil(extract(epoch FROM
    last_at + make_interval(secs => ($2::int[])[least(failures, cardinality($2::int[]))]) - clock_timestamp())))::int
FROM staff_failures WHERE key = $1

-- name: forget_failures_of
DELETE FROM staff_failures WHERE key = $1

-- name: give_back
UPDATE staff_failures SET failures = greatest(failures - 1, 0) WHERE key = ANY($1::bytea[])

-- name: password
SELECT {member}, s.password_hash FROM staff s WHERE s.name = $1 AND s.disabled_at IS NULL

-- name: link
SELECT {member} FROM staff_links l JOIN staff s ON s.id = l.staff_id
WHERE l.digest = $1 AND l.used_at IS NULL AND l.expires_at > now() AND s.disabled_at IS NULL

-- name: use_link
UPDATE staff_links SET used_at = now() WHERE digest = $1 AND used_at IS NULL AND expires_at > now() RETURNING staff_id

-- name: set_password
UPDATE staff SET password_hash = $2 WHERE id = $1 AND disabled_at IS NULL RETURNING id

-- name: end_all
DELETE FROM staff_sessions WHERE staff_id = $1

-- name: begin
-- Begins a session, if the password that was checked is still the person's. Its end is near while the second step is to come.
INSERT INTO staff_sessions (digest, staff_id, second_factor, ends_at, network)
SELECT $1, s.id, $3, now() + CASE
    WHEN NOT $3 AND (EXISTS (SELECT FROM staff_totp t WHERE t.staff_id = s.id AND t.confirmed_at IS NOT NULL)
                     OR EXISTS (SELECT FROM staff_passkeys p WHERE p.staff_id = s.id)) THEN $5::interval
    ELSE $4::interval END, $6
FROM staff s WHERE s.id = $2 AND s.disabled_at IS NULL AND s.password_hash = $7
RETURNING id

-- name: continue
-- Ends a session, and begins another one of its person in which a second factor was shown.
WITH old AS (DELETE FROM staff_sessions WHERE id = $2 RETURNING staff_id)
INSERT INTO staff_sessions (digest, staff_id, second_factor, ends_at, network)
SELECT $1, staff_id, true, now() + $3::interval, $4 FROM old
RETURNING id

-- name: end_by_token
DELETE FROM staff_sessions WHERE digest = $1

-- name: delete_old_sessions
DELETE FROM staff_sessions WHERE digest IN (
    SELECT digest FROM staff_sessions WHERE ends_at < now() ORDER BY ends_at LIMIT 20 FOR UPDATE SKIP LOCKED)

-- name: sessions
SELECT n.id AS session_id, n.second_factor, n.created_at, n.seen_at, n.ends_at, n.network,
       CASE WHEN n.totp_at > now() - {waits_at_most} THEN n.totp_secret END AS pending_totp, {member},
       EXISTS (SELECT FROM staff_totp t WHERE t.staff_id = s.id AND t.confirmed_at IS NOT NULL)
           OR EXISTS (SELECT FROM staff_passkeys p WHERE p.staff_id = s.id) AS is_factor_set_up
FROM staff_sessions n JOIN staff s ON s.id = n.staff_id
WHERE s.disabled_at IS NULL AND n.ends_at > now() AND n.seen_at > now() - $1::interval

-- name: touch
UPDATE staff_sessions SET seen_at = now() WHERE id = $1 AND seen_at < now() - interval '1 minute'

-- name: end
DELETE FROM staff_sessions WHERE id = $1 AND staff_id = $2 RETURNING id

-- name: set_challenge
UPDATE staff_sessions SET challenge = $2, challenge_at = now() WHERE id = $1

-- name: take_challenge
WITH old AS (SELECT digest, challenge, challenge_at FROM staff_sessions WHERE id = $1 AND challenge IS NOT NULL FOR UPDATE)
UPDATE staff_sessions n SET challenge = NULL, challenge_at = NULL FROM old WHERE n.digest = old.digest
RETURNING CASE WHEN old.challenge_at > now() - {waits_at_most} THEN old.challenge END

-- name: use_challenge
INSERT INTO staff_used_challenges (digest) VALUES ($1) ON CONFLICT (digest) DO NOTHING RETURNING digest

-- name: delete_old_challenges
-- An hour is longer than any of them is good for, whatever the clocks of two machines say.
DELETE FROM staff_used_challenges WHERE digest IN (
    SELECT digest FROM staff_used_challenges WHERE used_at < now() - interval '1 hour'
    ORDER BY used_at LIMIT 20 FOR UPDATE SKIP LOCKED)
