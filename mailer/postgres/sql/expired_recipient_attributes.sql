-- name: forget
-- Some people's values, in order of their ids: those that nobody has said again for as long as the policy keeps them, and
-- those of attributes that it does not declare. Days that are null: as long as the person is known.
WITH part AS (
    SELECT a.recipient_id, a.brand, a.attributes, a.said_at, a.updated_at FROM recipient_attributes a
    WHERE a.recipient_id > $1 ORDER BY a.recipient_id LIMIT $2
), old AS (
    SELECT part.recipient_id, array_agg(v.name) AS names
    FROM part CROSS JOIN LATERAL jsonb_object_keys(part.attributes) AS v (name)
    LEFT JOIN unnest($3::text[], $4::text[], $5::integer[]) AS k (brand, name, days)
        ON k.brand = part.brand AND k.name = v.name
    WHERE k.name IS NULL
       OR coalesce((part.said_at ->> v.name)::timestamptz, part.updated_at) < now() - make_interval(days => k.days)
    GROUP BY part.recipient_id
), forgotten AS (
    UPDATE recipient_attributes a SET attributes = a.attributes - old.names, said_at = a.said_at - old.names
    FROM old WHERE a.recipient_id = old.recipient_id
)
SELECT max(recipient_id) FROM part
