-- migrate:up

CREATE TABLE answers (
    processor text NOT NULL,
    domain    text,
    at        timestamptz NOT NULL DEFAULT now(),
    answered  bigint NOT NULL,
    refused   bigint NOT NULL
);
COMMENT ON TABLE answers IS 'Append-only deltas of what processors answered, folded by the minute and later by the hour.';
COMMENT ON COLUMN answers.domain IS 'NULL: all of the processor''s. A recipient domain has rows for an hour, and only if it refuses.';
CREATE INDEX answers_by_processor ON answers (processor, domain, at);

CREATE TABLE quarantine (
    id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at           timestamptz NOT NULL DEFAULT now(),
    processor    text NOT NULL,
    domain       text NOT NULL,
    mailing_id   uuid NOT NULL,
    recipient_id bigint NOT NULL,
    attempt      int NOT NULL,
    address_key  text NOT NULL,
    address_hash bytea NOT NULL,
    status       text NOT NULL,
    verdict      text CHECK (verdict IN ('believed', 'dismissed')),
    judged_at    timestamptz,
    judged_by    text,
    UNIQUE (mailing_id, recipient_id, attempt)
);
COMMENT ON TABLE quarantine IS 'Hard refusals. verdict NULL: a person has to judge; judged_by NULL: believed at once, and kept for an hour.';
COMMENT ON COLUMN quarantine.address_hash IS 'Of the address that was refused, since its owner may have another one by now.';
CREATE INDEX quarantine_by_processor ON quarantine (processor, at);

CREATE TABLE pauses (
    processor text NOT NULL,
    category  text NOT NULL,
    domain    text,
    until     timestamptz NOT NULL,
    UNIQUE NULLS NOT DISTINCT (processor, category, domain)
);
COMMENT ON TABLE pauses IS 'Streams that recipient domains have blocked; domain NULL: so many have that it pauses for all.';

-- migrate:down
DROP TABLE pauses, quarantine, answers;
