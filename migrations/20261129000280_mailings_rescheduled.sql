-- migrate:up
ALTER TABLE mailings ADD COLUMN rescheduled_by text;
COMMENT ON COLUMN mailings.rescheduled_by IS 'The identity of who last gave it another time, and therefore does not release it (ADR 66).';

-- migrate:down
ALTER TABLE mailings DROP COLUMN rescheduled_by;
