-- migrate:up
-- Test messages of drafts, to staff. They are no deliveries: nothing counts them.

CREATE TABLE campaign_tests (
    id           uuid PRIMARY KEY,
    campaign_id  uuid NOT NULL REFERENCES campaigns,
    brand        text NOT NULL,
    revision     int NOT NULL,
    draft        jsonb,
    variant      text NOT NULL CHECK (variant IN ('a', 'b', 'c', 'd')),
    locale       text NOT NULL CHECK (length(locale) <= 35),
    staff_id     bigint NOT NULL REFERENCES staff,
    state        text NOT NULL DEFAULT 'queued' CHECK (state IN ('queued', 'sending', 'sent', 'refused')),
    problem      text NOT NULL DEFAULT '',
    owner        text,
    requested_by text NOT NULL,
    requested_at timestamptz NOT NULL DEFAULT now(),
    begun_at     timestamptz,
    ended_at     timestamptz
);
COMMENT ON TABLE campaign_tests IS 'Test messages of drafts. A worker hands each over once; what a worker had begun when it ended is not sent again.';
COMMENT ON COLUMN campaign_tests.draft IS 'Of the revision that was asked for; null once it has ended.';
CREATE INDEX campaign_tests_of_campaign ON campaign_tests (campaign_id, requested_at DESC);
CREATE INDEX campaign_tests_of_brand ON campaign_tests (brand, requested_at);
CREATE INDEX campaign_tests_to_send ON campaign_tests (requested_at) WHERE state = 'queued';

-- migrate:down
DROP TABLE campaign_tests;
