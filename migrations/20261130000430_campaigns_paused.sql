-- migrate:up
ALTER TABLE campaigns ADD COLUMN paused_at timestamptz;
COMMENT ON COLUMN campaigns.paused_at IS 'Since when the rest of its test is not sent; each mailing has a halt of its own.';

-- migrate:down
ALTER TABLE campaigns DROP COLUMN paused_at;
