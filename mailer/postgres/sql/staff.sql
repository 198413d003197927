-- name: member
-- The columns of a person `s`. Who made somebody's one-time link lately, and that person, second no work of each other.
s.id, s.shown_name, s.email, s.disabled_at,
ARRAY(SELECT r.role || '@' || r.brand FROM staff_roles r WHERE r.staff_id = s.id ORDER BY 1) AS roles,
ARRAY(SELECT g.giver FROM staff_access_grants g WHERE g.staff_id = s.id AND g.at > now() - {independent_again_after}
      UNION
      SELECT t.name FROM staff_access_grants g JOIN staff t ON t.id = g.staff_id
      WHERE g.giver = s.name AND g.at > now() - {independent_again_after}) AS not_independent_of

-- name: records
SELECT {member}, s.created_at, s.password_hash IS NOT NULL AS has_password,
       EXISTS (SELECT FROM staff_totp t WHERE t.staff_id = s.id AND t.confirmed_at IS NOT NULL) AS has_totp,
       (SELECT count(*) FROM staff_passkeys p WHERE p.staff_id = s.id) AS passkeys
FROM staff s

-- name: add
INSERT INTO staff (name, shown_name, email) VALUES ($1, $2, $3) ON CONFLICT (name) DO NOTHING RETURNING id

-- name: add_roles
INSERT INTO staff_roles (staff_id, role, brand) SELECT $1, role, brand FROM unnest($2::text[], $3::text[]) r (role, brand)

-- name: held_roles
SELECT ARRAY(SELECT role || '@' || brand FROM staff_roles WHERE staff_id = $1)

-- name: delete_roles
DELETE FROM staff_roles WHERE staff_id = $1

-- name: lock
-- People before links, sessions and factors, and people in the order of their ids: so no two changes wait for each other.
SELECT s.id FROM staff s
WHERE s.id = ANY ($1::bigint[]) OR s.id = (SELECT n.staff_id FROM staff_sessions n WHERE n.id = $2)
ORDER BY s.id FOR UPDATE

-- name: admins
-- Who can manage staff.
SELECT DISTINCT s.id FROM staff s JOIN staff_roles r ON r.staff_id = s.id
WHERE s.disabled_at IS NULL AND r.role || '@' || r.brand = ANY ($1::text[])

-- name: disable
UPDATE staff SET disabled_at = now() WHERE id = $1 AND disabled_at IS NULL RETURNING id

-- name: enable
UPDATE staff SET disabled_at = NULL WHERE id = $1 AND disabled_at IS NOT NULL RETURNING id

-- name: forget_password
UPDATE staff SET password_hash = NULL WHERE id = $1 AND disabled_at IS NULL RETURNING id

-- name: end_sessions
DELETE FROM staff_sessions WHERE staff_id = $1

-- name: delete_subject
DELETE FROM staff_subjects WHERE staff_id = $1

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

-- name: note_issued_link
INSERT INTO staff_access_grants (staff_id, what, giver, shown_giver, network) VALUES ($1, $2, $3, $4, $5)

-- name: issued_links
SELECT what, shown_giver, network, at FROM staff_access_grants WHERE staff_id = $1 ORDER BY at DESC, id DESC LIMIT $2
