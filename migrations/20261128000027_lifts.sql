-- migrate:up

ALTER TABLE suppressions ADD COLUMN ends_consents boolean NOT NULL DEFAULT false;
COMMENT ON COLUMN suppressions.ends_consents IS 'Another one than its owner has ended it: what was consented to before it counts for nothing, whenever it is recorded.';

CREATE FUNCTION is_before(ended suppressions, scope text, at timestamptz) RETURNS boolean LANGUAGE sql STABLE AS $$
    -- A consent to mail that a suppression was about, said before it. Consents to a version, or to be counted, are not.
    SELECT ended.reason IN ('opt_out', 'complaint', 'objection') AND at <= ended.at
       AND NOT scope ^@ 'version/' AND scope <> 'tracking'
       AND (ended.scope IN ('*', scope, split_part(scope, '/', 1)) OR ended.scope ^@ (scope || '/'))
$$;

-- migrate:down

DROP FUNCTION is_before(suppressions, text, timestamptz);
ALTER TABLE suppressions DROP COLUMN ends_consents;
