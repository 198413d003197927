-- migrate:up

-- Rows from before have none, and old workers write none: under such an id everything is answered as the same event.
ALTER TABLE events ADD COLUMN content bytea;
COMMENT ON COLUMN events.content IS
    'Digests of what was said, a field each, keyed with ADDRESS_KEY: the same id with other content is refused.';
ALTER TABLE account_events ADD COLUMN content bytea;
COMMENT ON COLUMN account_events.content IS 'As in events.';

-- migrate:down
ALTER TABLE events DROP COLUMN content;
ALTER TABLE account_events DROP COLUMN content;
