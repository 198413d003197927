-- migrate:up
-- Optional mail stops for a mailbox that took no mail on several days. The next file checks the rows that are there already.
ALTER TABLE suppressions
    DROP CONSTRAINT suppressions_reason_check,
    ADD CONSTRAINT suppressions_reason_check CHECK (
        reason IN ('opt_out', 'address_dead', 'objection', 'complaint', 'erased', 'invited', 'collected', 'own_pause', 'own_cap',
                   'soft_bounces'))
        NOT VALID;
ALTER TABLE soft_bounces ADD COLUMN is_out_of_storage boolean NOT NULL DEFAULT false;
COMMENT ON COLUMN soft_bounces.is_out_of_storage IS 'The mailbox was full. Such a day counts until the person, or a person of the brand, shows that mail arrives again.';
COMMENT ON TABLE soft_bounces IS 'Days on which a reply or a report said that a person''s mailbox takes no mail for now.';
CREATE INDEX soft_bounces_by_day ON soft_bounces (day);

-- migrate:down
DELETE FROM suppressions WHERE reason = 'soft_bounces';
ALTER TABLE suppressions
    DROP CONSTRAINT suppressions_reason_check,
    ADD CONSTRAINT suppressions_reason_check CHECK (
        reason IN ('opt_out', 'address_dead', 'objection', 'complaint', 'erased', 'invited', 'collected', 'own_pause', 'own_cap'));
DROP INDEX soft_bounces_by_day;
ALTER TABLE soft_bounces DROP COLUMN is_out_of_storage;
