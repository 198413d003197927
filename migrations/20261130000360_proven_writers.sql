-- migrate:up
-- A letter may answer a mail of ours, whoever has written it. So it says apart if its writer is proven.

ALTER TABLE received_mail ADD COLUMN is_writer_proven boolean NOT NULL DEFAULT false;
COMMENT ON COLUMN received_mail.is_writer_proven IS 'The domain of its sender vouches for the recipient as its writer; else it only answers a mail to them.';

-- migrate:down
ALTER TABLE received_mail DROP COLUMN is_writer_proven;
