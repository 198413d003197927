-- name: bind
INSERT INTO staff_subjects (staff_id, issuer, subject) VALUES ($1, $2, $3)
ON CONFLICT (staff_id) DO UPDATE SET issuer = EXCLUDED.issuer, subject = EXCLUDED.subject, bound_at = now()
WHERE (staff_subjects.issuer, staff_subjects.subject) <> (EXCLUDED.issuer, EXCLUDED.subject)
RETURNING staff_id

-- name: unbind
DELETE FROM staff_subjects WHERE staff_id = $1 RETURNING staff_id

-- name: find
SELECT {member} FROM staff_subjects b JOIN staff s ON s.id = b.staff_id
WHERE b.issuer = $1 AND b.subject = $2 AND s.disabled_at IS NULL

-- name: begin
-- Begins a session, if the account is still bound to the person. Its end is near while the second step is to come.
INSERT INTO staff_sessions (digest, staff_id, second_factor, ends_at, network)
SELECT $1, s.id, $3, now() + CASE
    WHEN NOT $3 AND (EXISTS (SELECT FROM staff_totp t WHERE t.staff_id = s.id AND t.confirmed_at IS NOT NULL)
                     OR EXISTS (SELECT FROM staff_passkeys p WHERE p.staff_id = s.id)) THEN $5::interval
    ELSE $4::interval END, $6
FROM staff s JOIN staff_subjects b ON b.staff_id = s.id
WHERE s.id = $2 AND s.disabled_at IS NULL AND b.issuer = $7 AND b.subject = $8
RETURNING id
