-- name: sample
-- Some rows from each of $2 points at even distances between the first person and the last, by the primary key: at most
-- $2 * $3 rows are read, whatever the table's size. OFFSET 0, so that each point stays a range of the index.
SELECT {standing}, r.locale, ends.width
FROM (SELECT min(id) AS low, max(id) - min(id) + 1 AS width FROM recipients) ends
CROSS JOIN generate_series(0, $2::bigint - 1) AS point
CROSS JOIN LATERAL (
    SELECT id FROM recipients
    WHERE id >= ends.low + ends.width * point / $2 AND id < ends.low + ends.width * (point + 1) / $2
    ORDER BY id LIMIT $3 OFFSET 0) found
JOIN recipients r ON r.id = found.id JOIN standings s ON s.recipient_id = r.id
WHERE r.brand = $1
