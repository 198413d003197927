-- migrate:up
-- Why a message is dead, in one word: metrics, lists and replays go by it.
ALTER TABLE dead_letters ADD COLUMN kind text NOT NULL DEFAULT 'refused';

-- migrate:down
ALTER TABLE dead_letters DROP COLUMN kind;
