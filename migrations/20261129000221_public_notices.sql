-- migrate:up
-- Notices of a data breach that stand on a public page of a brand, for a time.

CREATE TABLE public_notices (
    id           uuid PRIMARY KEY,
    brand        text NOT NULL,
    texts        jsonb NOT NULL,
    digest       text NOT NULL,
    first_day    date NOT NULL,
    last_day     date NOT NULL CHECK (last_day >= first_day),
    drafted_by   text NOT NULL,
    drafted_at   timestamptz NOT NULL DEFAULT now(),
    released_by  text,
    released_at  timestamptz,
    withdrawn_by text,
    withdrawn_at timestamptz,
    seen_first_at timestamptz,
    seen_last_at timestamptz,
    missed_at    timestamptz,
    proven_on    date,
    CHECK (released_by IS NULL OR lower(released_by) <> lower(drafted_by)),
    CHECK ((released_by IS NULL) = (released_at IS NULL)),
    CHECK (released_at IS NOT NULL OR withdrawn_at IS NULL)
);
COMMENT ON TABLE public_notices IS 'Public notices of a data breach. A second person releases each; a released one never changes.';
COMMENT ON COLUMN public_notices.texts IS 'By language: a title and the five parts of a notice.';
COMMENT ON COLUMN public_notices.digest IS 'SHA-256 of brand, days and texts; it stands in the page and in the ledger.';
COMMENT ON COLUMN public_notices.seen_first_at IS 'When a timekeeper first found it at the public address.';
COMMENT ON COLUMN public_notices.missed_at IS 'Since when a timekeeper does not find it there; null: it is there.';
COMMENT ON COLUMN public_notices.proven_on IS 'The last day with an entry of the ledger that it was there.';
CREATE INDEX public_notices_by_brand ON public_notices (brand, first_day);

-- migrate:down
DROP TABLE public_notices;
