-- name: records
SELECT s.id, s.shown_name, s.email, s.created_at, s.disabled_at, s.password_hash IS NOT NULL AS has_password,
       ARRAY(SELECT r.role || '@' || r.brand FROM staff_roles r WHERE r.staff_id = s.id ORDER BY 1) AS roles,
       EXISTS (SELECT FROM staff_totp t WHERE t.staff_id = s.id AND t.confirmed_at IS NOT NULL) AS has_totp,
       (SELECT count(*) FROM staff_passkeys p WHERE p.staff_id = s.id) AS passkeys
FROM staff s

-- name: add
INSERT INTO staff (name, shown_name, email) VALUES ($1, $2, $3) ON CONFLICT (name) DO NOTHING RETURNING id

-- name: add_roles
INSERT INTO staff_roles (staff_id, role, brand) SELECT $1, role, brand FROM unnest($2::text[], $3::text[]) r (role, brand)

-- name: delete_roles
DELETE FROM staff_roles WHERE staff_id = $1

-- name: lock
SELECT FROM staff WHERE id = $1 FOR UPDATE

-- name: disable
UPDATE staff SET disabled_at = now() WHERE id = $1 AND disabled_at IS NULL RETURNING id

-- name: enable
UPDATE staff SET disabled_at = NULL WHERE id = $1 AND disabled_at IS NOT NULL RETURNING id

-- name: forget_password
UPDATE staff SET password_hash = NULL WHERE id = $1

-- name: end_sessions
DELETE FROM staff_sessions WHERE staff_id = $1

-- name: delete_links
DELETE FROM staff_links WHERE staff_id = $1

-- name: delete_totp
DELETE FROM staff_totp WHERE staff_id = $1

-- name: delete_codes
DELETE FROM staff_recovery_codes WHERE staff_id = $1

-- name: delete_passkeys
DELETE FROM staff_passkeys WHERE staff_id = $1

-- name: add_link
INSERT INTO staff_links (digest, staff_id, expires_at) VALUES ($1, $2, now() + $3::interval)
