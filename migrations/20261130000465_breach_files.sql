-- migrate:up
-- Files of people that a breach case was given, who of them is known or was made known for it, and what staff have seen.

CREATE TABLE breach_files (
    id          uuid PRIMARY KEY,
    case_id     uuid NOT NULL REFERENCES breach_cases,
    brand       text NOT NULL,
    file_name   text NOT NULL CHECK (length(file_name) <= 200),
    digest      bytea NOT NULL,
    size        bigint NOT NULL,
    state       text NOT NULL DEFAULT 'waiting' CHECK (state IN ('waiting', 'running', 'done', 'failed')),
    counts      jsonb NOT NULL DEFAULT '{}',
    reasons     jsonb NOT NULL DEFAULT '[]',
    rows_done   bigint NOT NULL DEFAULT 0,
    rows_total  bigint,
    problem     text NOT NULL DEFAULT '',
    created_by  text NOT NULL,
    created_at  timestamptz NOT NULL DEFAULT now(),
    finished_at timestamptz,
    attempts    int NOT NULL DEFAULT 0,
    owner       text,
    lease_until timestamptz
);
COMMENT ON TABLE breach_files IS 'Uploaded files of people whom a breach concerns. The timekeeper reads them in the background.';
COMMENT ON COLUMN breach_files.counts IS 'Rows by their end: known, case_only, duplicate, nobody, refused; and the people whom they name.';
CREATE INDEX breach_files_of_case ON breach_files (case_id, created_at DESC);
CREATE INDEX breach_files_to_read ON breach_files (created_at) WHERE state IN ('waiting', 'running');

CREATE TABLE breach_file_parts (
    file_id uuid NOT NULL REFERENCES breach_files,
    kind    text NOT NULL CHECK (kind IN ('content', 'refused')),
    number  int NOT NULL,
    content bytea NOT NULL,
    PRIMARY KEY (file_id, kind, number)
);
COMMENT ON TABLE breach_file_parts IS 'The file until it is read, and its refused rows with their reasons as CSV for 30 days.';

CREATE TABLE breach_file_people (
    file_id      uuid NOT NULL REFERENCES breach_files,
    recipient_id bigint NOT NULL REFERENCES recipients,
    place        text NOT NULL DEFAULT '',
    locale       text,
    PRIMARY KEY (file_id, recipient_id)
);
COMMENT ON TABLE breach_file_people IS 'The recipients whom a file names, with the place and the language that it says of them.';
CREATE INDEX breach_file_people_of_recipient ON breach_file_people (recipient_id);

CREATE TABLE breach_only_people (
    recipient_id bigint PRIMARY KEY REFERENCES recipients,
    case_id      uuid NOT NULL REFERENCES breach_cases
);
COMMENT ON TABLE breach_only_people IS 'Recipients whom only a file of this case names. They get its notices, and belong to no other audience.';

CREATE TABLE breach_check_views (
    case_id     uuid NOT NULL,
    phase       int NOT NULL,
    by          text NOT NULL,
    manifest_id uuid NOT NULL,
    before_id   uuid,
    at          timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (case_id, phase, by)
);
COMMENT ON TABLE breach_check_views IS 'The finished check that a person has seen last, and the one before it, so that differences are shown.';

-- migrate:down
DROP TABLE breach_check_views, breach_only_people, breach_file_people, breach_file_parts, breach_files;
