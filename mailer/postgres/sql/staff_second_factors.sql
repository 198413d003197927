-- name: totp
SELECT secret FROM staff_totp WHERE staff_id = $1 AND confirmed_at IS NOT NULL

-- name: passkeys
SELECT id, public_key, sign_count, name, created_at, last_used_at FROM staff_passkeys WHERE staff_id = $1 ORDER BY created_at, id

-- name: codes_left
SELECT count(*) FROM staff_recovery_codes WHERE staff_id = $1 AND used_at IS NULL

-- name: begin_totp
UPDATE staff_sessions SET totp_secret = $2, totp_at = now() WHERE id = $1

-- name: take_step
UPDATE staff_totp SET last_step = $2
WHERE staff_id = $1 AND last_step < $2 AND confirmed_at IS NOT NULL RETURNING staff_id

-- name: take_pending_totp
-- Only the secret whose code was checked, in the session that has asked for it.
UPDATE staff_sessions SET totp_secret = NULL, totp_at = NULL
WHERE id = $1 AND totp_secret = $2 AND totp_at > now() - {waits_at_most} RETURNING id

-- name: add_totp
-- A row without a time of confirmation is one of the version before.
INSERT INTO staff_totp (staff_id, secret, confirmed_at, last_step) VALUES ($1, $2, now(), $3)
ON CONFLICT (staff_id) DO UPDATE SET secret = excluded.secret, confirmed_at = now(), last_step = excluded.last_step
WHERE staff_totp.confirmed_at IS NULL RETURNING staff_id

-- name: remove_totp
DELETE FROM staff_totp WHERE staff_id = $1 AND confirmed_at IS NOT NULL RETURNING staff_id

-- name: factors
SELECT (SELECT count(*) FROM staff_passkeys WHERE staff_id = $1)
     + (SELECT count(*) FROM staff_totp WHERE staff_id = $1 AND confirmed_at IS NOT NULL)

-- name: delete_codes
DELETE FROM staff_recovery_codes WHERE staff_id = $1

-- name: add_codes
INSERT INTO staff_recovery_codes (staff_id, digest) SELECT $1, unnest($2::bytea[])

-- name: has_code
SELECT EXISTS (SELECT FROM staff_recovery_codes WHERE staff_id = $1 AND digest = $2 AND used_at IS NULL)

-- name: use_code
UPDATE staff_recovery_codes SET used_at = now() WHERE staff_id = $1 AND digest = $2 AND used_at IS NULL RETURNING staff_id

-- name: add_passkey
INSERT INTO staff_passkeys (id, staff_id, public_key, sign_count, name) VALUES ($1, $2, $3, $4, $5)
ON CONFLICT (id) DO NOTHING RETURNING id

-- name: use_passkey
-- Authenticators that keep no count say 0 each time (WebAuthn 6.1.1).
UPDATE staff_passkeys SET sign_count = $2, last_used_at = now()
WHERE id = $1 AND (sign_count < $2 OR (sign_count = 0 AND $2 = 0)) RETURNING id

-- name: remove_passkey
DELETE FROM staff_passkeys WHERE id = $2 AND staff_id = $1 RETURNING id
