-- migrate:up
-- An opt-out says from which mailing's link it came, so that "why did she not get this" has a whole answer (ADR 0052).

ALTER TABLE suppressions ADD COLUMN mailing_id uuid;
COMMENT ON COLUMN suppressions.mailing_id IS 'Whose link was used last; NULL where it was said otherwise.';

-- migrate:down
ALTER TABLE suppressions DROP COLUMN mailing_id;
