-- migrate:up
-- Reads the rows that were there before, and holds up nobody who reads or writes them.
ALTER TABLE suppressions VALIDATE CONSTRAINT suppressions_reason_check;

-- migrate:down
-- The constraint is good for the version before as well.
SELECT 1;
