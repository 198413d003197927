-- migrate:up

-- Seals of the form before, which list every head, are whole ones.
ALTER TABLE seals
    ADD COLUMN whole     boolean NOT NULL DEFAULT true,
    ADD COLUMN sealed_at timestamptz NOT NULL DEFAULT now();
COMMENT ON TABLE seals IS 'The heads of writers at a moment, signed; each names the one before, and a whole one the whole one before.';
COMMENT ON COLUMN seals.whole IS 'False: only of the writers that moved since the seal before. These go once they are a month old.';
CREATE INDEX seals_whole ON seals (id) WHERE whole;

-- migrate:down
DROP INDEX seals_whole;
ALTER TABLE seals DROP COLUMN whole, DROP COLUMN sealed_at;
