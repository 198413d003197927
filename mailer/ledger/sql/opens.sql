-- name: opened
WITH uniquely AS (
    INSERT INTO unique_opens SELECT $1::uuid, $3::bytea, current_date WHERE $3 IS NOT NULL ON CONFLICT DO NOTHING
), individually AS (
    INSERT INTO individual_opens SELECT $1, $4::bigint, current_date WHERE $4 IS NOT NULL ON CONFLICT DO NOTHING
)
INSERT INTO opens VALUES ($1, current_date, $2::boolean, 1)

-- name: clicked
WITH uniquely AS (
    INSERT INTO unique_clicks SELECT $1::uuid, $3::bytea, $5::text, current_date WHERE $3 IS NOT NULL
    ON CONFLICT DO NOTHING
), individually AS (
    INSERT INTO individual_clicks SELECT $1, $4::bigint, $5, current_date WHERE $4 IS NOT NULL ON CONFLICT DO NOTHING
)
INSERT INTO clicks VALUES ($1, $5, current_date, $2::boolean, 1)

-- name: reader
SELECT {standing}, r.brand, coalesce(m.audience_size, 0) AS audience_size
FROM recipients r JOIN standings s ON s.recipient_id = r.id JOIN mailings m ON m.brand = r.brand
WHERE m.id = $1 AND r.id = $2
