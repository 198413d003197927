-- migrate:up
CREATE TABLE relay_states (
    relay   text NOT NULL,
    worker  text NOT NULL,
    state   text NOT NULL,
    since   timestamptz NOT NULL,
    error   text NOT NULL,
    remedy  text NOT NULL,
    times   bigint NOT NULL,
    seen_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (relay, worker)
);
COMMENT ON TABLE relay_states IS 'How each worker finds each processor. A row that was not refreshed for two minutes is of a worker that is gone.';
COMMENT ON COLUMN relay_states.error IS 'The last words of a trouble, without addresses; they stay once it is over.';

ALTER TABLE pauses
    ADD COLUMN reason text NOT NULL DEFAULT 'blocked' CHECK (reason IN ('blocked', 'set_up')),
    ADD COLUMN says   text NOT NULL DEFAULT '';
COMMENT ON COLUMN pauses.reason IS 'set_up: the domain finds our own set-up broken, and says how.';

-- migrate:down
ALTER TABLE pauses DROP COLUMN reason, DROP COLUMN says;
DROP TABLE relay_states;
