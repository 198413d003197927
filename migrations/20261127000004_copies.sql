-- migrate:up

-- One row a text and shared address of an unfinished mailing. Old workers neither read nor write it; they go on by copy_of.
CREATE TABLE copies (
    mailing_id   uuid NOT NULL,
    address_hash bytea NOT NULL,
    text         bytea NOT NULL,
    recipient_id bigint NOT NULL,
    n            int NOT NULL,
    PRIMARY KEY (mailing_id, address_hash, text)
);
COMMENT ON TABLE copies IS 'Who carries a text to an address that recipients of a mailing share. Rows go when the mailing is finished.';
COMMENT ON COLUMN copies.text IS 'A digest of the message without its links and ids.';
COMMENT ON COLUMN copies.n IS 'Raised by each that carries it: who has read an older one comes too late.';
COMMENT ON COLUMN deliveries.copy_of IS
    'NULL: nobody else of the mailing had this address when it was expanded. 0: the first who had it. Else that first one, and, of a duplicate_address, whose copy counts.';

-- migrate:down
DROP TABLE copies;
