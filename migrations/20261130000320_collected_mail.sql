-- migrate:up
CREATE TABLE collected_mail (
    digest bytea PRIMARY KEY CHECK (octet_length(digest) = 32),
    at     timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE collected_mail IS 'Messages that were read from a file or a mailbox, so that each is stored once, also after its content was deleted.';
COMMENT ON COLUMN collected_mail.digest IS 'SHA-256 of the message. It tells nothing of a message that one does not have.';

-- migrate:down
DROP TABLE collected_mail;
