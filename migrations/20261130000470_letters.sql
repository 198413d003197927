-- migrate:up
-- Letters: notices of breaches that are printed in runs, posted and returned. `notices` stays the queue.

CREATE TABLE letter_runs (
    id            uuid PRIMARY KEY,
    case_id       uuid NOT NULL REFERENCES breach_cases,
    brand         text NOT NULL,
    window_format text NOT NULL CHECK (window_format IN ('gb', 'din', 'us')),
    language      text NOT NULL,
    state         text NOT NULL DEFAULT 'queued' CHECK (state IN ('queued', 'making', 'ready', 'failed', 'deleted')),
    letters       int NOT NULL CHECK (letters BETWEEN 0 AND 1000),
    pages         int NOT NULL DEFAULT 0,
    digest        bytea,
    problem       text NOT NULL DEFAULT '',
    requested_by  text NOT NULL,
    requested_at  timestamptz NOT NULL DEFAULT now(),
    dated         date NOT NULL,
    ready_at      timestamptz,
    owner         text,
    lease_until   timestamptz
);
COMMENT ON TABLE letter_runs IS 'Files for a printer, each of at most 1,000 letters of one case, language and address window.';
COMMENT ON COLUMN letter_runs.digest IS 'SHA-256 of the PDF. It stays when the file is deleted.';
COMMENT ON COLUMN letter_runs.dated IS 'The date that the letters bear, so that a run made again is the same.';
CREATE INDEX letter_runs_of_case ON letter_runs (case_id, requested_at DESC, id DESC);
CREATE INDEX letter_runs_to_make ON letter_runs (requested_at) WHERE state IN ('queued', 'making');

CREATE TABLE letter_run_files (
    run_id  uuid PRIMARY KEY REFERENCES letter_runs,
    content bytea NOT NULL CHECK (octet_length(content) <= 134217728),
    at      timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE letter_run_files IS 'The PDFs of runs, with names and addresses. Deleted a week after the last letter was posted.';
ALTER TABLE letter_run_files ALTER COLUMN content SET STORAGE EXTERNAL;

CREATE TABLE letters (
    notice_id   bigint PRIMARY KEY REFERENCES notices ON DELETE CASCADE,
    run_id      uuid REFERENCES letter_runs,
    position    int,
    first_page  int,
    pages       int,
    attempt     int NOT NULL DEFAULT 0,
    printed_on  date,
    returned_on date,
    returned_at timestamptz,
    return_code text CHECK (length(return_code) <= 100),
    asked_at    timestamptz,
    asked_by    text,
    problem     text CHECK (length(problem) <= 300),
    problem_at  timestamptz,
    CHECK ((returned_on IS NULL) = (returned_at IS NULL))
);
COMMENT ON TABLE letters IS 'What notices do not know about a letter. Its state follows from both: see letter_states.';
COMMENT ON COLUMN letters.run_id IS 'The run in which it is printed now; null: in none. So no letter is in two runs.';
COMMENT ON COLUMN letters.attempt IS 'How often it was taken into a run.';
COMMENT ON COLUMN letters.returned_on IS 'The day of the last return. Its code and the days before are in the ledger.';
COMMENT ON COLUMN letters.problem IS 'Why it cannot be printed; a changed address lets it be tried again.';
CREATE INDEX letters_of_run ON letters (run_id, position) WHERE run_id IS NOT NULL;

CREATE TABLE letter_counts (
    case_id    uuid PRIMARY KEY REFERENCES breach_cases,
    counts     jsonb NOT NULL,
    counted_at timestamptz NOT NULL DEFAULT now(),
    took       interval NOT NULL
);
COMMENT ON TABLE letter_counts IS 'Letters by state, language and window, counted by a scan at most every half minute.';
COMMENT ON COLUMN letter_counts.took IS 'How long it took to count. Changes delete a count that is cheap.';
CREATE INDEX notices_for_letters ON notices (mailing_id, id) WHERE channel = 'written_notice' AND state = 'open';

-- The one place that says in which state a letter is.
CREATE VIEW letter_states AS
SELECT n.id AS letter, b.case_id, b.phase, b.manifest_id, b.variant, n.mailing_id, n.recipient_id, n.brand, n.reason,
       CASE
           WHEN n.state = 'closed' OR (m.state = 'cancelled' AND n.state IN ('open', 'taken') AND l.printed_on IS NULL) THEN 'closed'
           WHEN n.state = 'returned' THEN 'given_up'
           WHEN n.state = 'done' THEN CASE WHEN l.run_id IS NULL THEN 'told_otherwise' ELSE 'posted' END
           WHEN l.run_id IS NOT NULL THEN CASE WHEN l.printed_on IS NULL THEN 'in_run' ELSE 'printed' END
           WHEN n.state = 'taken' THEN 'taken'
           WHEN l.problem IS NOT NULL AND (p.at IS NULL OR p.at <= l.problem_at) THEN 'unprintable'
           WHEN p.recipient_id IS NOT NULL AND (l.returned_at IS NULL OR p.at > l.returned_at) THEN 'waiting'
           WHEN l.asked_at IS NOT NULL AND l.asked_at > coalesce(l.returned_at, '-infinity') THEN 'asked'
           WHEN l.returned_at IS NOT NULL THEN 'returned'
           ELSE 'no_address'
       END AS state,
       l.run_id, l.position, l.first_page, l.pages, coalesce(l.attempt, 0) AS attempt, l.printed_on,
       CASE WHEN n.state = 'done' THEN n.day END AS posted_on, l.returned_on, l.return_code, l.problem, n.state AS notice_state,
       n.category
FROM breach_mailings b
JOIN notices n ON n.mailing_id = b.mailing_id AND n.channel = 'written_notice'
JOIN mailings m ON m.id = n.mailing_id
LEFT JOIN letters l ON l.notice_id = n.id
LEFT JOIN postal_addresses p ON p.recipient_id = n.recipient_id;

-- migrate:down
DROP VIEW letter_states;
DROP INDEX notices_for_letters;
DROP TABLE letter_counts, letters, letter_run_files, letter_runs;
