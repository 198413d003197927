-- migrate:up
-- A letter of a person gets at most one automatic answer a thread. More mailboxes are read: support, privacy, and the senders of our mail.

ALTER TABLE received_mail DROP CONSTRAINT received_mail_mailbox_check;
ALTER TABLE received_mail ADD CONSTRAINT received_mail_mailbox_check
    CHECK (mailbox IN ('return_path', 'opt_out', 'postmaster', 'abuse', 'webhook', 'support', 'privacy', 'reply'));
ALTER TABLE received_mail ADD COLUMN acknowledged_at timestamptz, ADD COLUMN thread bytea[], ADD COLUMN suggested text[];
COMMENT ON COLUMN received_mail.acknowledged_at IS 'The time at which an automatic answer to it was put into the outbox.';
COMMENT ON COLUMN received_mail.thread IS 'Hashes of the Message-IDs of its thread, if that has an automatic answer by now.';
COMMENT ON COLUMN received_mail.suggested IS 'The requests that it may make, best first, for the person who reads it.';

-- migrate:down
DELETE FROM received_mail WHERE mailbox IN ('support', 'privacy', 'reply');
ALTER TABLE received_mail DROP COLUMN acknowledged_at, DROP COLUMN thread, DROP COLUMN suggested;
ALTER TABLE received_mail DROP CONSTRAINT received_mail_mailbox_check;
ALTER TABLE received_mail ADD CONSTRAINT received_mail_mailbox_check
    CHECK (mailbox IN ('return_path', 'opt_out', 'postmaster', 'abuse', 'webhook'));
