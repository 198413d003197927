-- migrate:up

-- The countries that were said of somebody stand in one column, one a line, the newest first: a later word adds to them.
CREATE FUNCTION countries_said(texts text[]) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT string_agg(line, E'\n' ORDER BY place)
    FROM (SELECT line, min(place) AS place
          FROM unnest(string_to_array(array_to_string(texts, E'\n'), E'\n')) WITH ORDINALITY AS t (line, place)
          GROUP BY line) each
$$;

COMMENT ON COLUMN recipients.country IS
    'The countries that were said (ISO 3166-1), one a line, the newest first; the strictest law holds. A correction replaces them.';
COMMENT ON COLUMN standings.country IS 'As recipients.country.';

-- migrate:down
DELETE FROM suppressions WHERE reason = 'collected' AND scope ^@ 'country/';
UPDATE standings SET country = split_part(country, E'\n', 1) WHERE strpos(country, E'\n') > 0;
UPDATE recipients SET country = split_part(country, E'\n', 1) WHERE strpos(country, E'\n') > 0;
DROP FUNCTION countries_said(text[]);
