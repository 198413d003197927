-- migrate:up
-- An address that another system calls dead for some mail is dead for that mail alone.
ALTER TABLE standings ADD COLUMN dead_in text[];
COMMENT ON COLUMN standings.dead_in IS 'Scopes of optional mail for which another system calls the address dead; NULL: none.';

WITH said AS (
    SELECT r.id, min(p.at) FILTER (WHERE p.scope = '*') AS dead_at,
           array_agg(DISTINCT p.scope ORDER BY p.scope) FILTER (WHERE p.scope <> '*') AS dead_in
    FROM suppressions p
    JOIN recipients r ON r.controller = p.controller AND r.address_key = p.address_key AND r.address_hash = p.address_hash
        AND (p.brand IS NULL OR p.brand = r.brand)
    WHERE p.reason = 'address_dead' AND p.lifted_at IS NULL AND (p.expires_at IS NULL OR p.expires_at > now())
    GROUP BY r.id
)
UPDATE standings s SET address_dead_at = said.dead_at, dead_in = said.dead_in, version = version + 1
FROM said WHERE said.id = s.recipient_id AND said.dead_in IS NOT NULL;

-- migrate:down
UPDATE standings SET address_dead_at = coalesce(address_dead_at, now()), version = version + 1 WHERE dead_in IS NOT NULL;
ALTER TABLE standings DROP COLUMN dead_in;
