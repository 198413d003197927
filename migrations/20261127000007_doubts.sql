-- migrate:up
ALTER TABLE deliveries ADD COLUMN doubts int NOT NULL DEFAULT 0;
COMMENT ON COLUMN deliveries.doubts IS 'How often it has been in doubt: each time may have been a copy. Mandatory mail waits for a person after some.';

-- migrate:down
ALTER TABLE deliveries DROP COLUMN doubts;
