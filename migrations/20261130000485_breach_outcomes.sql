-- migrate:up
-- After the release of a breach phase: figures that take a scan, public notices of phases, and gaps in their proof.

CREATE TABLE breach_figures (
    case_id    uuid PRIMARY KEY REFERENCES breach_cases,
    figures    jsonb NOT NULL DEFAULT '{}',
    counted_at timestamptz,
    is_final   boolean NOT NULL DEFAULT false,
    next_at    timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE breach_figures IS 'Outcomes of the people of a case, counted by the timekeeper, so that a page reads one row.';
COMMENT ON COLUMN breach_figures.figures IS 'BreachFigures as JSON (mailer/policy/breach/outcomes.py).';
COMMENT ON COLUMN breach_figures.next_at IS 'When they are counted again; infinity: never.';
CREATE INDEX breach_figures_due ON breach_figures (next_at) WHERE next_at < 'infinity';

ALTER TABLE public_notices ADD COLUMN phase int;
COMMENT ON COLUMN public_notices.phase IS 'Of the case, if it is the notice of a breach phase.';

CREATE TABLE public_notice_gaps (
    notice_id    uuid NOT NULL REFERENCES public_notices,
    began_at     timestamptz NOT NULL DEFAULT now(),
    last_seen_at timestamptz,
    ended_at     timestamptz,
    PRIMARY KEY (notice_id, began_at)
);
COMMENT ON TABLE public_notice_gaps IS 'Times at which a public notice was not found at its address.';
COMMENT ON COLUMN public_notice_gaps.last_seen_at IS 'When it had been found last before the gap.';
COMMENT ON COLUMN public_notice_gaps.ended_at IS 'When it was found again; null: not since.';

-- migrate:down
DROP TABLE public_notice_gaps;
ALTER TABLE public_notices DROP COLUMN phase;
DROP TABLE breach_figures;
