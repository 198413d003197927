-- migrate:up
-- Test messages of breach phases, each to the person who asks. They are no deliveries: nothing counts them.

CREATE TABLE breach_tests (
    id           uuid PRIMARY KEY,
    case_id      uuid NOT NULL,
    phase        int NOT NULL,
    revision     int NOT NULL,
    facts        jsonb,
    draft        jsonb,
    variant      text NOT NULL CHECK (length(variant) <= 40),
    locale       text NOT NULL CHECK (length(locale) <= 35),
    staff_id     bigint NOT NULL REFERENCES staff,
    state        text NOT NULL DEFAULT 'queued' CHECK (state IN ('queued', 'sending', 'sent', 'refused')),
    problem      text NOT NULL DEFAULT '',
    owner        text,
    requested_at timestamptz NOT NULL DEFAULT now(),
    begun_at     timestamptz,
    ended_at     timestamptz,
    FOREIGN KEY (case_id, phase) REFERENCES breach_phases
);
COMMENT ON TABLE breach_tests IS 'Test messages of breach phases. A worker hands each over once; what a worker had begun when it ended is not sent again.';
COMMENT ON COLUMN breach_tests.draft IS 'Of the revision that was asked for, as facts; both null once it has ended.';
CREATE INDEX breach_tests_of_phase ON breach_tests (case_id, phase, requested_at DESC);
CREATE INDEX breach_tests_of_staff ON breach_tests (staff_id, requested_at);
CREATE INDEX breach_tests_to_send ON breach_tests (requested_at) WHERE state = 'queued';

-- migrate:down
DROP TABLE breach_tests;
