-- migrate:up

ALTER TABLE standings ADD COLUMN consented text;
COMMENT ON COLUMN standings.consented IS
    'The days of the consents in `consents`, one a line: the scope, the day (UTC) of the newest, and that of the newest confirmed one, with tabs between.';

UPDATE standings s SET consented = said.consented
FROM (SELECT g.recipient_id,
             string_agg(concat(g.scope, E'\t', g.given_on, E'\t', g.confirmed_on), E'\n' ORDER BY g.scope) AS consented
      FROM (SELECT c.recipient_id, c.scope, (max(c.at) AT TIME ZONE 'UTC')::date AS given_on,
                   (max(c.at) FILTER (WHERE c.source = 'confirmed') AT TIME ZONE 'UTC')::date AS confirmed_on
            FROM consents c JOIN standings t USING (recipient_id)
            WHERE c.counts AND c.given AND c.scope = ANY (t.consents)
              AND c.at > coalesce(t.erased_before_at, '-infinity')
              AND c.at > coalesce((SELECT max(w.at) FROM consents w
                                   WHERE w.recipient_id = c.recipient_id AND w.scope = c.scope AND w.counts AND NOT w.given),
                                  '-infinity')
            GROUP BY c.recipient_id, c.scope) g
      GROUP BY g.recipient_id) said
WHERE said.recipient_id = s.recipient_id;

-- migrate:down
ALTER TABLE standings DROP COLUMN consented;
