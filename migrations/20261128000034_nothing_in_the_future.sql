-- migrate:up
-- Nothing was collected in the future, and an erasure holds for all that was collected up to the time that data say.
UPDATE recipients SET collected_at = observed_at WHERE collected_at > now() + interval '5 minutes';

-- migrate:down
-- The times are right for the version before as well.
SELECT 1;
