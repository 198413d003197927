-- migrate:up
-- A link only reduces (ADR 0036). What widens or moves is asked for, and waits for an answer from the address on record.

ALTER TABLE standings ADD COLUMN generation integer NOT NULL DEFAULT 1;
COMMENT ON COLUMN standings.generation IS 'Grows with each change of the address. Links that do more than opt out die with theirs.';

CREATE TABLE wishes (
    confirmation uuid NOT NULL,
    what         text NOT NULL,
    recipient_id bigint NOT NULL REFERENCES recipients,
    generation   integer NOT NULL,
    version      text NOT NULL,
    words        text,
    asked_at     timestamptz NOT NULL,
    mailed_at    timestamptz NOT NULL,
    answered_at  timestamptz,
    PRIMARY KEY (confirmation, what)
);
COMMENT ON TABLE wishes IS 'What was asked for and waits for the answer to a confirmation mail. A week after the mail it is void.';
COMMENT ON COLUMN wishes.what IS 'The scope of a consent, or an act such as account-closed.';
COMMENT ON COLUMN wishes.generation IS 'That of the address that the mail went to.';
CREATE INDEX wishes_by_person ON wishes (recipient_id, mailed_at);

-- migrate:down
DROP TABLE wishes;
ALTER TABLE standings DROP COLUMN generation;
