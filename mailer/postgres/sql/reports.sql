-- name: one_at_a_time
-- Each report of a brand is compared with all that were issued before.
SELECT FROM turns WHERE name = 'reports' FOR UPDATE

-- name: issued
SELECT id, brand, campaign, as_of, minimum_cell, cardinality(mailings) AS mailings, opens, clicks,
       (SELECT coalesce(jsonb_agg(jsonb_build_array(c.dimension, c.value, c.people)), '[]')
        FROM report_cells c WHERE c.report_id = r.id) AS cells
FROM reports r WHERE brand = $1 AND campaign = $2

-- name: mailings
-- Of a campaign; a mailing without one counts by itself.
SELECT id, finished_at FROM mailings WHERE brand = $1 AND campaign = $2
UNION ALL
SELECT id, finished_at FROM mailings WHERE brand = $1 AND campaign IS NULL AND id = $3

-- name: begin
INSERT INTO reports (brand, campaign, minimum_cell, mailings) VALUES ($1, $2, $3, $4) RETURNING id

-- name: count
-- The exact cells, with who is in them. In no order that could be known: it decides which large cell hides a small one.
WITH person AS (
    SELECT DISTINCT r.id, coalesce(split_part(r.country, E'\n', 1), 'unknown') AS country, coalesce(r.locale, 'unknown') AS locale
    FROM deliveries d JOIN recipients r ON r.id = d.recipient_id
    WHERE d.mailing_id = ANY ($2::uuid[]) AND d.state = 'handed_over'
), counted AS (
    INSERT INTO report_cells (report_id, dimension, value, people, members)
    SELECT $1, dimension, value, count(*), array_agg(id)
    FROM person, LATERAL (VALUES ('audience', 'everyone'), ('country', country), ('locale', locale)) AS v (dimension, value)
    GROUP BY dimension, value
    RETURNING dimension, value, people
)
SELECT dimension, value, people FROM counted ORDER BY random()

-- name: merge
-- Cells that are not to be shown become one.
WITH gone AS (
    DELETE FROM report_cells WHERE report_id = $1 AND dimension = $2 AND value = ANY ($3::text[])
    RETURNING people, members
)
INSERT INTO report_cells (report_id, dimension, value, people, members)
SELECT $1, $2, $4, (SELECT sum(people) FROM gone), (SELECT array_agg(id) FROM gone, unnest(members) AS id)

-- name: withhold
DELETE FROM report_cells WHERE report_id = $1 AND dimension = ANY ($2::text[])

-- name: released
-- Every cell of the brand, this report's too.
SELECT c.report_id, c.dimension, c.value, c.people FROM report_cells c JOIN reports r ON r.id = c.report_id
WHERE r.brand = $1

-- name: shared
-- How many people this report's cells have in common with those of every other breakdown of the brand. Each pair of
-- reports is joined once, for all their breakdowns.
WITH person AS (
    SELECT c.report_id, m.id,
           max(c.value) FILTER (WHERE c.dimension = 'audience') AS audience,
           max(c.value) FILTER (WHERE c.dimension = 'country') AS country,
           max(c.value) FILTER (WHERE c.dimension = 'locale') AS locale
    FROM report_cells c JOIN reports r ON r.id = c.report_id, unnest(c.members) AS m (id)
    WHERE r.brand = $2 AND m.id <> 0 GROUP BY 1, 2
), met AS (
    SELECT theirs.report_id, ours.audience, ours.country, ours.locale, theirs.audience AS their_audience,
           theirs.country AS their_country, theirs.locale AS their_locale, count(*) AS people
    FROM person ours JOIN person theirs USING (id) WHERE ours.report_id = $1 GROUP BY 1, 2, 3, 4, 5, 6, 7
)
SELECT a.dimension, a.value, met.report_id, b.dimension AS their_dimension, b.value AS their_value,
       sum(people)::bigint AS people
FROM met, LATERAL (VALUES ('audience', audience), ('country', country), ('locale', locale)) AS a (dimension, value),
     LATERAL (VALUES ('audience', their_audience), ('country', their_country), ('locale', their_locale))
         AS b (dimension, value)
WHERE a.value IS NOT NULL AND b.value IS NOT NULL AND (met.report_id <> $1 OR a.dimension <> b.dimension)
GROUP BY 1, 2, 3, 4, 5

-- name: count_fetches
-- By people's mail programs; of the mailings, for nobody knows whose they are. A mailing with fewer than are shown adds
-- nothing: else its figure would be the sum less those of the other mailings, which are known.
SELECT (SELECT coalesce(sum(n), 0)::bigint FROM (
            SELECT sum(n) AS n FROM (
                SELECT mailing_id, n FROM opens WHERE mailing_id = ANY ($1::uuid[]) AND NOT machine
                UNION ALL SELECT mailing_id, 1 FROM individual_opens WHERE mailing_id = ANY ($1)) fetched
            GROUP BY mailing_id HAVING sum(n) >= $2) shown) AS opens,
       (SELECT coalesce(sum(n), 0)::bigint FROM (
            SELECT sum(n) AS n FROM (
                SELECT mailing_id, n FROM clicks WHERE mailing_id = ANY ($1::uuid[]) AND NOT machine
                UNION ALL SELECT mailing_id, 1 FROM individual_clicks WHERE mailing_id = ANY ($1)) fetched
            GROUP BY mailing_id HAVING sum(n) >= $2) shown) AS clicks

-- name: keep_fetches
UPDATE reports SET opens = $2, clicks = $3 WHERE id = $1
