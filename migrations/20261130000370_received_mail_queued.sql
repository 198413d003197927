-- migrate:up
-- A RabbitMQ that came back empty has lost the ids of messages that were not handled yet: the timekeeper queues them again.

ALTER TABLE received_mail ADD COLUMN queued_at timestamptz NOT NULL DEFAULT now();
COMMENT ON COLUMN received_mail.queued_at IS 'The time at which its id was last put into the outbox.';
CREATE INDEX received_mail_queued ON received_mail (queued_at) WHERE state = 'received';

-- migrate:down
ALTER TABLE received_mail DROP COLUMN queued_at;
