-- migrate:up
-- The ledger's entries about a publisher, so that they are found without reading the ledger.
CREATE TABLE publisher_entries (
    kind   text NOT NULL,
    name   text NOT NULL,
    writer uuid NOT NULL,
    n      bigint NOT NULL,
    PRIMARY KEY (kind, name, writer, n)
);

-- Whoever may only add rows publishes as the role that it is, and events only. The owner, and who may take rows out,
-- relay those of others, too.
ALTER TABLE outbox ENABLE ROW LEVEL SECURITY;
CREATE POLICY as_oneself ON outbox USING (true) WITH CHECK (
    has_table_privilege('outbox'::regclass, 'DELETE')
    OR (publisher = 'role:' || current_user AND exchange = 'mailer.events' AND headers = '{}')
);

-- migrate:down
DROP POLICY as_oneself ON outbox;
ALTER TABLE outbox DISABLE ROW LEVEL SECURITY;
DROP TABLE publisher_entries;
