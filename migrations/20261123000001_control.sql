-- migrate:up

CREATE TABLE halts (
    scope  text NOT NULL CHECK (scope IN ('everything', 'brand', 'processor', 'mailing')),
    key    text NOT NULL,
    by     text NOT NULL,
    reason text NOT NULL,
    at     timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (scope, key)
);
COMMENT ON TABLE halts IS 'What stands still. Rows are few: those of ended mailings go when the mailing is finished.';
COMMENT ON COLUMN halts.key IS 'A brand, a processor''s name or a mailing''s id; of everything: operator, or the lineage of which something is lost.';

CREATE TABLE lineages (
    id         uuid PRIMARY KEY,
    began_at   timestamptz NOT NULL DEFAULT now(),
    by         text NOT NULL,
    supersedes uuid[] NOT NULL
);
COMMENT ON TABLE lineages IS 'Who this database is. After a restore an operator begins another one, which names those that it goes on for.';
INSERT INTO lineages (id, by, supersedes) VALUES (gen_random_uuid(), 'migration', '{}');

-- cancelled: by a person. ended: by a person after a restore, since its mail may have gone out already.
ALTER TABLE mailings DROP CONSTRAINT mailings_state_check;
ALTER TABLE mailings ADD CONSTRAINT mailings_state_check
    CHECK (state IN ('awaiting_release', 'released', 'cancelled', 'ended'));

-- NULL for what is older than the rate looks back; the default comes second, so that what is there stays NULL.
ALTER TABLE counters ADD COLUMN at timestamptz;
ALTER TABLE counters ALTER COLUMN at SET DEFAULT now();

-- migrate:down
ALTER TABLE counters DROP COLUMN at;
UPDATE mailings SET state = 'released' WHERE state IN ('cancelled', 'ended');
ALTER TABLE mailings DROP CONSTRAINT mailings_state_check;
ALTER TABLE mailings ADD CONSTRAINT mailings_state_check CHECK (state IN ('awaiting_release', 'released'));
DROP TABLE lineages, halts;
