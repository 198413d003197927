-- migrate:up
-- The history says when the savings began that one revision stands for.

ALTER TABLE campaign_revisions ADD COLUMN began_at timestamptz NOT NULL DEFAULT now();
COMMENT ON COLUMN campaign_revisions.began_at IS 'The time of the first saving that this revision replaces.';

-- migrate:down
ALTER TABLE campaign_revisions DROP COLUMN began_at;
