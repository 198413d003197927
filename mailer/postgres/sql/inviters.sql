-- name: alone
-- Waits for the invitations that are just being intended; later ones see what is changed here.
LOCK TABLE turn_inviters IN EXCLUSIVE MODE

-- name: pause
INSERT INTO inviters AS i (brand, inviter, paused_at, reason) VALUES ($1, $2, now(), $3)
ON CONFLICT (brand, inviter) DO UPDATE SET paused_at = now(), reason = EXCLUDED.reason WHERE i.paused_at IS NULL
RETURNING true

-- name: resume
UPDATE inviters SET paused_at = NULL, reason = $3 WHERE brand = $1 AND inviter = $2 AND paused_at IS NOT NULL
RETURNING true
