-- migrate:up
-- Letters with a recognised request are found at once, however many others wait.
CREATE INDEX received_mail_asking ON received_mail (at, id) WHERE state = 'waiting' AND cardinality(suggested) > 0;

-- migrate:down
DROP INDEX received_mail_asking;
