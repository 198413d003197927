-- migrate:up
-- The page of a person shows the newest mail first, a page at a time (ADR 61).
CREATE INDEX deliveries_by_recipient ON deliveries (recipient_id, mailing_id);

-- migrate:down
DROP INDEX deliveries_by_recipient;
