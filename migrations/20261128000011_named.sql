-- migrate:up

ALTER TABLE dead_letters ADD COLUMN named text[];
COMMENT ON COLUMN dead_letters.named IS 'Keyed hashes of the addresses and refs in the body, by which an erasure finds it; NULL until it has been read.';
CREATE INDEX dead_letters_by_name ON dead_letters USING gin (named);
CREATE INDEX dead_letters_by_age ON dead_letters (at);

CREATE TABLE former_addresses (
    recipient_id bigint NOT NULL REFERENCES recipients,
    address_hash bytea NOT NULL,
    PRIMARY KEY (recipient_id, address_hash)
);
COMMENT ON TABLE former_addresses IS 'Keyed hashes of the addresses that a person had before, so that an erasure finds what still names them.';

-- migrate:down
DROP TABLE former_addresses;
DROP INDEX dead_letters_by_age, dead_letters_by_name;
ALTER TABLE dead_letters DROP COLUMN named;
