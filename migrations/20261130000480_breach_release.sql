-- migrate:up
-- The release of breach phases: the expansion of lines that no mail goes to, looks before a release, and stops.

CREATE TABLE breach_expansions (
    manifest_id  uuid PRIMARY KEY REFERENCES breach_manifests,
    channel      text NOT NULL DEFAULT '',
    reason       text NOT NULL DEFAULT '',
    recipient_id bigint NOT NULL DEFAULT 0,
    people       bigint NOT NULL DEFAULT 0,
    ended_at     timestamptz
);
COMMENT ON TABLE breach_expansions IS 'How far the lines of a released manifest that are told by letter, or by nothing, have become deliveries.';
COMMENT ON COLUMN breach_expansions.recipient_id IS 'With channel and reason: the last line that has become a delivery, in the order of breach_manifest_people_by_reason.';
CREATE INDEX breach_expansions_open ON breach_expansions (manifest_id) WHERE ended_at IS NULL;

CREATE TABLE breach_looks (
    manifest_id uuid NOT NULL REFERENCES breach_manifests,
    person      text NOT NULL,
    at          timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (manifest_id, person)
);
COMMENT ON TABLE breach_looks IS 'Who has looked at which check before its release, so that the next look shows what has changed.';

CREATE TABLE breach_stops (
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    case_id    uuid NOT NULL,
    phase      int NOT NULL,
    reason     text NOT NULL CHECK (length(reason) BETWEEN 1 AND 300),
    stopped_by text NOT NULL,
    stopped_at timestamptz NOT NULL DEFAULT now(),
    ended      text CHECK (ended IN ('resumed', 'cancelled')),
    ended_by   text,
    ended_at   timestamptz,
    FOREIGN KEY (case_id, phase) REFERENCES breach_phases,
    CHECK ((ended IS NULL) = (ended_at IS NULL))
);
COMMENT ON TABLE breach_stops IS 'Released phases that somebody has stopped. Nothing of an open stop is mailed, printed or posted.';
CREATE UNIQUE INDEX breach_stops_open ON breach_stops (case_id, phase) WHERE ended_at IS NULL;
CREATE INDEX breach_stops_of_phase ON breach_stops (case_id, phase, id DESC);

-- Few rows, for the gauge of second looks that are due.
CREATE INDEX breach_manifests_to_look_at ON breach_manifests (released_at)
    WHERE break_glass IS NOT NULL AND second_look_at IS NULL;

-- What of a mailing waits to be told, and what is told: for stops.
CREATE INDEX notices_of_mailing_by_state ON notices (mailing_id, state);

-- migrate:down
DROP INDEX notices_of_mailing_by_state;
DROP INDEX breach_manifests_to_look_at;
DROP TABLE breach_stops, breach_looks, breach_expansions;
