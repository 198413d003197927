-- migrate:up
-- What came back of optional mail, by the hour in which it was handed over. Few rows: brands, processors and providers are few.
CREATE TABLE feedback_counts (
    brand        text NOT NULL,
    processor    text NOT NULL,
    provider     text NOT NULL,
    hour         timestamptz NOT NULL,
    handed_over  bigint NOT NULL DEFAULT 0,
    complaints   bigint NOT NULL DEFAULT 0,
    hard_bounces bigint NOT NULL DEFAULT 0,
    PRIMARY KEY (brand, processor, provider, hour)
);
COMMENT ON TABLE feedback_counts IS 'Complaints and hard bounces of optional mail against the mail of the same hour. Rows go after 8 days.';
COMMENT ON COLUMN feedback_counts.provider IS 'The provider of the recipients'' mailboxes, one of a closed list, else other.';
COMMENT ON COLUMN feedback_counts.hour IS 'The hour in which the mail was handed over, whenever its complaint came.';
CREATE INDEX feedback_counts_by_hour ON feedback_counts (hour);

CREATE TABLE promotional_releases (
    brand text PRIMARY KEY,
    at    timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE promotional_releases IS 'When a person last let a brand''s promotions go on: mail that was handed over before stops them no more.';

ALTER TABLE halts
    DROP CONSTRAINT halts_scope_check,
    ADD CONSTRAINT halts_scope_check CHECK (scope IN ('everything', 'brand', 'promotional', 'processor', 'mailing'));
COMMENT ON COLUMN halts.key IS 'A brand (also of its promotions), a processor''s name or a mailing''s id; of everything: operator, or the lineage of which something is lost.';

-- migrate:down
DELETE FROM halts WHERE scope = 'promotional';
ALTER TABLE halts
    DROP CONSTRAINT halts_scope_check,
    ADD CONSTRAINT halts_scope_check CHECK (scope IN ('everything', 'brand', 'processor', 'mailing'));
DROP TABLE promotional_releases, feedback_counts;
