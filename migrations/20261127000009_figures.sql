-- migrate:up
-- What operators' figures count stays quick to count, however much there was before.
CREATE INDEX dead_letters_open ON dead_letters (id) WHERE replayed_at IS NULL;
CREATE INDEX quarantine_open ON quarantine (processor) WHERE verdict IS NULL;

-- migrate:down
DROP INDEX dead_letters_open, quarantine_open;
