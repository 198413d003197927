-- migrate:up
-- What was refused after it had been asked for cannot be confirmed any more (ADR 0036).

ALTER TABLE wishes ADD COLUMN voided_at timestamptz;
COMMENT ON COLUMN wishes.voided_at IS 'When the person said the opposite. It is no longer shown, nor done; its mail still counts as that of its day.';

-- migrate:down
ALTER TABLE wishes DROP COLUMN voided_at;
