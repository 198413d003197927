-- migrate:up

-- What was said of somebody at several times stands in one column, one a line: a later word adds to it, and replaces nothing.
CREATE FUNCTION also_said(known text, said text) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE WHEN known IS NULL THEN said
                WHEN said IS NULL OR length(known) > 4000 THEN known
                WHEN strpos(E'\n' || known || E'\n', E'\n' || said || E'\n') > 0 THEN known
                ELSE known || E'\n' || said END
$$;

-- An empty text is one empty line.
CREATE FUNCTION lines_of(said text) RETURNS text[] LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE WHEN said = '' THEN ARRAY[''] ELSE string_to_array(said, E'\n') END
$$;

CREATE FUNCTION all_said(texts text[]) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT string_agg(DISTINCT line COLLATE "C", E'\n') FROM unnest(texts) AS t (said), unnest(lines_of(said)) AS line
$$;

COMMENT ON COLUMN recipients.policy_version IS
    'The versions under which the address was collected, one a line; an empty line for what nobody said. NULL: nobody has said anything.';
COMMENT ON COLUMN recipients.source IS 'The sources from which the address came, one a line.';
COMMENT ON COLUMN standings.collected_under IS
    'As recipients.policy_version, with a line for each version that the person agreed to, which begins with a tab.';

ALTER TABLE suppressions
    DROP CONSTRAINT suppressions_reason_check,
    ADD CONSTRAINT suppressions_reason_check CHECK (
        reason IN ('opt_out', 'address_dead', 'objection', 'complaint', 'erased', 'invited', 'collected'));

-- migrate:down
DELETE FROM suppressions WHERE reason = 'collected';
ALTER TABLE suppressions
    DROP CONSTRAINT suppressions_reason_check,
    ADD CONSTRAINT suppressions_reason_check
        CHECK (reason IN ('opt_out', 'address_dead', 'objection', 'complaint', 'erased', 'invited'));
UPDATE standings SET collected_under = split_part(collected_under, E'\n', 1) WHERE strpos(collected_under, E'\n') > 0;
UPDATE recipients SET policy_version = split_part(policy_version, E'\n', 1) WHERE strpos(policy_version, E'\n') > 0;
UPDATE recipients SET source = split_part(source, E'\n', 1) WHERE strpos(source, E'\n') > 0;
DROP FUNCTION also_said(text, text);
DROP FUNCTION all_said(text[]);
DROP FUNCTION lines_of(text);
