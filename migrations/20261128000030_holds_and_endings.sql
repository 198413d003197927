-- migrate:up
-- A legal hold preserves what was there when it was set; an erasure lets an answer to the person go first, and ends.

ALTER TABLE holds
    ADD COLUMN preserved jsonb,
    ADD COLUMN named_as  text[] NOT NULL DEFAULT '{}';
COMMENT ON COLUMN holds.preserved IS 'A copy of the person''s data as the hold was set. It goes when the hold is lifted.';
COMMENT ON COLUMN holds.named_as IS 'Keyed hashes of addresses and ref: dead letters that name them are kept as long as the hold stands.';

CREATE TABLE farewells (
    recipient_id bigint PRIMARY KEY REFERENCES recipients,
    until        timestamptz NOT NULL
);
COMMENT ON TABLE farewells IS 'Who was erased but for name and address, which an answer to them still needs; until then at most.';

-- The hash that outlives an erased person ends with the stub, so that has to name it.
ALTER TABLE stubs
    ADD COLUMN controller   text,
    ADD COLUMN address_key  text,
    ADD COLUMN address_hash bytea;
UPDATE stubs b SET controller = s.controller, address_key = s.address_key, address_hash = s.address_hash
FROM recipients r, suppressions s
WHERE r.id = b.recipient_id AND s.controller = r.controller AND s.reason = 'erased' AND s.at = b.erased_at;
CREATE INDEX stubs_by_expiry ON stubs (expires_at);

-- migrate:down
ALTER TABLE stubs DROP COLUMN controller, DROP COLUMN address_key, DROP COLUMN address_hash;
DROP TABLE farewells;
ALTER TABLE holds DROP COLUMN preserved, DROP COLUMN named_as;
