-- migrate:up
-- The desk of breaches: clocks as the timekeeper saw them last, duties that are done, reminders to staff, zones of staff.

CREATE TABLE breach_clocks (
    case_id   uuid NOT NULL REFERENCES breach_cases,
    clock     text NOT NULL,
    rule      text NOT NULL,
    whom      text NOT NULL,
    what      text NOT NULL,
    because   text NOT NULL,
    starts_at timestamptz NOT NULL,
    due_at    timestamptz,
    PRIMARY KEY (case_id, clock)
);
COMMENT ON TABLE breach_clocks IS 'The clocks of open cases, which follow from their facts. The timekeeper keeps them; figures read them.';
COMMENT ON COLUMN breach_clocks.clock IS 'The name of the clock, which stays the same while the facts change: its rule, and its role.';
COMMENT ON COLUMN breach_clocks.due_at IS 'Null: without undue delay, and no time is named.';
CREATE INDEX breach_clocks_by_time ON breach_clocks (due_at);

CREATE TABLE breach_duties_done (
    case_id   uuid NOT NULL REFERENCES breach_cases,
    clock     text NOT NULL CHECK (length(clock) BETWEEN 1 AND 200),
    told      text NOT NULL CHECK (length(told) BETWEEN 1 AND 300),
    told_at   timestamptz NOT NULL,
    reference text NOT NULL DEFAULT '' CHECK (length(reference) <= 300),
    by        text NOT NULL,
    at        timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (case_id, clock)
);
COMMENT ON TABLE breach_duties_done IS 'Clocks whose duty is done: who was told, when, and the receipt. The ledger keeps what was corrected.';

CREATE TABLE breach_reminders_due (
    case_id uuid NOT NULL REFERENCES breach_cases,
    clock   text NOT NULL,
    moment  text NOT NULL CHECK (moment IN ('begun', 'half', 'one_day', 'one_hour', 'missed')),
    due_at  timestamptz NOT NULL,
    at      timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (case_id, clock, moment, due_at)
);
COMMENT ON TABLE breach_reminders_due IS 'What staff were reminded of. The key lets nobody remind twice; a moved deadline is another one.';
COMMENT ON COLUMN breach_reminders_due.due_at IS 'Of the clock; infinity: no time is named.';

CREATE TABLE breach_reminders (
    id        uuid PRIMARY KEY,
    case_id   uuid NOT NULL REFERENCES breach_cases,
    staff_id  bigint NOT NULL REFERENCES staff,
    clocks    jsonb NOT NULL,
    state     text NOT NULL DEFAULT 'queued' CHECK (state IN ('queued', 'sending', 'sent', 'refused')),
    problem   text NOT NULL DEFAULT '',
    owner     text,
    queued_at timestamptz NOT NULL DEFAULT now(),
    next_at   timestamptz NOT NULL DEFAULT now(),
    begun_at  timestamptz,
    ended_at  timestamptz
);
COMMENT ON TABLE breach_reminders IS 'Mails to staff about clocks. A worker hands each over once; what it had begun when it ended is not sent again.';
COMMENT ON COLUMN breach_reminders.clocks IS 'A list of [clock, moment] that the mail tells of.';
CREATE INDEX breach_reminders_to_send ON breach_reminders (next_at) WHERE state = 'queued';
CREATE INDEX breach_reminders_of_case ON breach_reminders (case_id, queued_at DESC);
CREATE INDEX breach_reminders_stuck ON breach_reminders (queued_at) WHERE state <> 'sent';

CREATE TABLE staff_time_zones (
    staff_id bigint PRIMARY KEY REFERENCES staff,
    zone     text NOT NULL CHECK (length(zone) BETWEEN 1 AND 64)
);
COMMENT ON TABLE staff_time_zones IS 'The zone in which a person reads deadlines: a name of the tz database. Without a row: UTC.';

-- migrate:down
DROP TABLE staff_time_zones, breach_reminders, breach_reminders_due, breach_duties_done, breach_clocks;
