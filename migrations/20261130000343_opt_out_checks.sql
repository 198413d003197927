-- migrate:up
-- An independent look at what was handed over: has it gone to somebody who had left?
ALTER TABLE suppressions ADD COLUMN recorded_at timestamptz NOT NULL DEFAULT now();
COMMENT ON COLUMN suppressions.recorded_at IS 'When it was written here; `at` may be earlier, as another system says.';

CREATE TABLE opt_out_checks (
    writer uuid PRIMARY KEY,
    n      bigint NOT NULL,
    at     timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE opt_out_checks IS 'The ledger entries up to which hand-overs were compared with opt-outs, by writer.';

CREATE TABLE mailed_after_opt_out (
    writer     uuid NOT NULL,
    n          bigint NOT NULL,
    mailing_id uuid NOT NULL,
    category   text NOT NULL,
    at         timestamptz NOT NULL,
    found_at   timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (writer, n)
);
COMMENT ON TABLE mailed_after_opt_out IS 'Optional mail that was handed over after its recipient had left, by its ledger entry. There must be none.';
CREATE INDEX mailed_after_opt_out_by_time ON mailed_after_opt_out (found_at);

-- migrate:down
DROP TABLE mailed_after_opt_out, opt_out_checks;
ALTER TABLE suppressions DROP COLUMN recorded_at;
