-- name: add
INSERT INTO public_notices (id, brand, texts, digest, first_day, last_day, drafted_by) VALUES ($1, $2, $3, $4, $5, $6, $7)

-- name: one
SELECT id, brand, texts, first_day, last_day, drafted_by, released_by, released_at, withdrawn_by, withdrawn_at,
       seen_first_at, seen_last_at, missed_at
FROM public_notices WHERE id = $1

-- name: list
SELECT id, brand, texts, first_day, last_day, drafted_by, released_by, released_at, withdrawn_by, withdrawn_at,
       seen_first_at, seen_last_at, missed_at
FROM public_notices WHERE $1::text IS NULL OR brand = $1 ORDER BY first_day DESC, id DESC LIMIT 100

-- name: standing
SELECT id, brand, texts, first_day, last_day, drafted_by, released_by, released_at, withdrawn_by, withdrawn_at,
       seen_first_at, seen_last_at, missed_at
FROM public_notices
WHERE released_at IS NOT NULL AND withdrawn_at IS NULL AND $2 BETWEEN first_day AND last_day AND ($1::text IS NULL OR brand = $1)
ORDER BY first_day DESC, id DESC

-- name: release
UPDATE public_notices SET released_by = $2, released_at = now()
WHERE id = $1 AND released_at IS NULL AND lower(drafted_by) <> lower($2) RETURNING brand, digest

-- name: withdraw
UPDATE public_notices SET withdrawn_by = $2, withdrawn_at = now()
WHERE id = $1 AND released_at IS NOT NULL AND withdrawn_at IS NULL RETURNING brand, digest

-- name: seen
-- Says whether the ledger needs an entry: the first sighting of a day, or the first after it was missed.
WITH ended AS (UPDATE public_notice_gaps SET ended_at = now() WHERE notice_id = $1 AND ended_at IS NULL)
UPDATE public_notices n
SET seen_first_at = coalesce(n.seen_first_at, now()), seen_last_at = now(), missed_at = NULL,
    proven_on = (now() AT TIME ZONE 'UTC')::date
FROM (SELECT id, missed_at, proven_on FROM public_notices WHERE id = $1 FOR UPDATE) was
WHERE n.id = was.id
RETURNING was.missed_at IS NOT NULL OR was.proven_on IS DISTINCT FROM (now() AT TIME ZONE 'UTC')::date

-- name: missed
-- None that was withdrawn, or whose last day ended, while its page was fetched.
WITH missed AS (
    UPDATE public_notices SET missed_at = now()
    WHERE id = $1 AND missed_at IS NULL AND withdrawn_at IS NULL AND last_day >= (now() AT TIME ZONE 'UTC')::date
    RETURNING id, seen_last_at
)
INSERT INTO public_notice_gaps (notice_id, last_seen_at) SELECT id, seen_last_at FROM missed RETURNING true
