-- migrate:up
-- A person pauses optional mail for 30 or 90 days, or gets at most one a week or a month.
ALTER TABLE standings ADD COLUMN paused_until timestamptz, ADD COLUMN own_cap text;
COMMENT ON COLUMN standings.paused_until IS 'The end of the pause of optional mail that the person chose; NULL: none was chosen.';
COMMENT ON COLUMN standings.own_cap IS 'The own cap on optional mail: weekly or monthly; NULL: there is none.';

-- Not for the rows that are there already, which would hold up everybody else while they are read. The next file does.
ALTER TABLE suppressions
    DROP CONSTRAINT suppressions_reason_check,
    ADD CONSTRAINT suppressions_reason_check CHECK (
        reason IN ('opt_out', 'address_dead', 'objection', 'complaint', 'erased', 'invited', 'collected', 'own_pause', 'own_cap'))
        NOT VALID;

-- migrate:down
DELETE FROM suppressions WHERE reason IN ('own_pause', 'own_cap');
ALTER TABLE suppressions
    DROP CONSTRAINT suppressions_reason_check,
    ADD CONSTRAINT suppressions_reason_check CHECK (
        reason IN ('opt_out', 'address_dead', 'objection', 'complaint', 'erased', 'invited', 'collected'));
ALTER TABLE standings DROP COLUMN paused_until, DROP COLUMN own_cap;
