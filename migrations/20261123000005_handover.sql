-- migrate:up
ALTER TABLE deliveries ADD COLUMN tried_at timestamptz;
COMMENT ON COLUMN deliveries.tried_at IS 'When it was offered to a processor for the first time: from then on its age counts.';

-- migrate:down
ALTER TABLE deliveries DROP COLUMN tried_at;
