-- migrate:up
-- What comes back by mail. A message is stored before it is accepted, and its content is deleted some time after it was handled.

CREATE TABLE received_mail (
    id           uuid PRIMARY KEY,
    at           timestamptz NOT NULL DEFAULT now(),
    brand        text NOT NULL,
    mailbox      text NOT NULL CHECK (mailbox IN ('return_path', 'opt_out', 'postmaster', 'abuse')),
    sender       text NOT NULL CHECK (octet_length(sender) <= 1000),
    recipient    text NOT NULL CHECK (octet_length(recipient) <= 1000),
    peer         text NOT NULL CHECK (octet_length(peer) <= 255),
    helo         text NOT NULL CHECK (octet_length(helo) <= 255),
    digest       bytea,
    content      bytea CHECK (octet_length(content) <= 10485760),
    named        text[],
    state        text NOT NULL DEFAULT 'received' CHECK (state IN ('received', 'handled', 'waiting')),
    kind         text,
    effect       text,
    reason       text CHECK (octet_length(reason) <= 2000),
    recipient_id bigint,
    mailing_id   uuid,
    handled_at   timestamptz,
    closed_by    text,
    CHECK ((state = 'received') = (handled_at IS NULL))
);
COMMENT ON TABLE received_mail IS 'Mail that was received for a brand. The worker of `mailer inbound` handles each message once.';
COMMENT ON COLUMN received_mail.sender IS 'The envelope sender (MAIL FROM); empty for a report.';
COMMENT ON COLUMN received_mail.recipient IS 'The envelope recipient, an address of ours.';
COMMENT ON COLUMN received_mail.digest IS 'Of the message, so that one that is sent again, as its sender had no answer, is stored once.';
COMMENT ON COLUMN received_mail.content IS 'The message with its header; null once it was deleted.';
COMMENT ON COLUMN received_mail.named IS 'Keyed hashes of the addresses in it, so that an erasure finds it; null until it is handled.';
COMMENT ON COLUMN received_mail.state IS 'handled: its effect is done; waiting: a person has to look at it.';
COMMENT ON COLUMN received_mail.closed_by IS 'The person who looked at a message that waited.';
CREATE UNIQUE INDEX received_mail_once ON received_mail (recipient, digest);
CREATE INDEX received_mail_waiting ON received_mail (at) WHERE state <> 'handled';
CREATE INDEX received_mail_by_age ON received_mail (at) WHERE content IS NOT NULL;
CREATE INDEX received_mail_by_person ON received_mail (recipient_id) WHERE recipient_id IS NOT NULL;
CREATE INDEX received_mail_naming ON received_mail USING gin (named);

CREATE TABLE soft_bounces (
    recipient_id bigint NOT NULL,
    address_hash bytea NOT NULL,
    day          date NOT NULL,
    status       text NOT NULL,
    PRIMARY KEY (recipient_id, address_hash, day)
);
COMMENT ON TABLE soft_bounces IS 'Days on which reports said that a person''s mailbox takes no mail for now.';

-- migrate:down
DROP TABLE soft_bounces, received_mail;
