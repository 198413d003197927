-- migrate:up
-- Each attribute of a person has its own time, so that it can be deleted after its own retention.

ALTER TABLE recipient_attributes ADD COLUMN said_at jsonb NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(said_at) = 'object');
COMMENT ON COLUMN recipient_attributes.said_at IS 'By the attribute''s name: when its value was said last, as YYYY-MM-DDTHH:MM:SSZ; else updated_at counts.';

-- migrate:down
ALTER TABLE recipient_attributes DROP COLUMN said_at;
