-- migrate:up
-- The list of a brand's suppressions shows the newest first, a page at a time (ADR 61).
CREATE INDEX suppressions_listed ON suppressions (controller, brand, id) WHERE lifted_at IS NULL;

-- migrate:down
DROP INDEX suppressions_listed;
