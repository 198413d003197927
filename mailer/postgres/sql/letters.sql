-- name: window
-- The format of the envelope, by the country of the person.
CASE WHEN split_part(r.country, E'\n', 1) = ANY ({gb}::text[]) THEN 'gb'
     WHEN split_part(r.country, E'\n', 1) = ANY ({us}::text[]) THEN 'us' ELSE 'din' END

-- name: letter_columns
s.letter, s.case_id, s.phase, s.variant, s.mailing_id, s.recipient_id, s.brand, s.reason, s.state, s.run_id, s.attempt,
s.printed_on, s.posted_on, s.returned_on, s.return_code, s.problem

-- name: run_columns
u.id, u.case_id, u.brand, u.window_format, u.language, u.state, u.letters, u.pages, u.digest, u.problem, u.requested_by,
u.requested_at, u.dated, u.ready_at

-- name: find_case
SELECT id, brand, name FROM breach_cases WHERE id = $1

-- name: list_cases
SELECT c.id, c.brand, c.name FROM breach_cases c
WHERE c.brand = ANY ($1::text[]) AND EXISTS (SELECT FROM breach_mailings b WHERE b.case_id = c.id)
ORDER BY c.updated_at DESC, c.id DESC LIMIT $2

-- name: kept_counts
-- What took long is kept for longer.
SELECT counts, counted_at FROM letter_counts WHERE case_id = $1 AND counted_at > now() - greatest($2::interval, took * 20)

-- name: count
WITH counted AS (
    SELECT s.state, CASE WHEN s.state = 'waiting' THEN coalesce(mp.locale, 'en') ELSE '' END AS language,
           CASE WHEN s.state = 'waiting' THEN {window} ELSE '' END AS window_format, count(*) AS letters
    FROM letter_states s JOIN recipients r ON r.id = s.recipient_id
    LEFT JOIN breach_manifest_people mp ON mp.manifest_id = s.manifest_id AND mp.recipient_id = s.recipient_id
    WHERE s.case_id = $1 GROUP BY 1, 2, 3
)
INSERT INTO letter_counts (case_id, counts, took)
SELECT $1, coalesce(jsonb_agg(jsonb_build_array(state, language, window_format, letters)
                              ORDER BY state, language, window_format), '[]'), clock_timestamp() - now()
FROM counted
ON CONFLICT (case_id) DO UPDATE SET counts = EXCLUDED.counts, took = EXCLUDED.took, counted_at = now()
RETURNING counts, counted_at

-- name: forget_counts
DELETE FROM letter_counts WHERE case_id = ANY ($1::uuid[]) AND took < interval '1 second'

-- name: list
SELECT {letter_columns} FROM letter_states s
WHERE s.case_id = $1 AND ($2::text IS NULL OR s.state = $2) AND s.letter > $3 ORDER BY s.letter LIMIT $4

-- name: find
SELECT {letter_columns} FROM letter_states s WHERE s.letter = $1

-- name: list_runs
SELECT {run_columns} FROM letter_runs u
WHERE u.brand = ANY ($1::text[]) AND ($2::uuid IS NULL OR u.case_id = $2)
ORDER BY u.requested_at DESC, u.id DESC LIMIT $3

-- name: find_run
SELECT {run_columns} FROM letter_runs u WHERE u.id = $1

-- name: lock_run
SELECT {run_columns} FROM letter_runs u WHERE u.id = $1 FOR UPDATE

-- name: open_notices
-- A portion of what nobody works yet, in order, from behind a number.
SELECT k.id FROM breach_mailings b CROSS JOIN LATERAL (
    SELECT n.id FROM notices n
    WHERE n.mailing_id = b.mailing_id AND n.channel = 'written_notice' AND n.state = 'open' AND n.id > $2
    ORDER BY n.id LIMIT $3) k
WHERE b.case_id = $1 ORDER BY k.id LIMIT $3

-- name: choose
-- Letters of a portion that wait, without those that another run is taking just now.
SELECT n.id FROM letter_states s JOIN notices n ON n.id = s.letter JOIN recipients r ON r.id = s.recipient_id
LEFT JOIN breach_manifest_people mp ON mp.manifest_id = s.manifest_id AND mp.recipient_id = s.recipient_id
WHERE s.letter = ANY ($1::bigint[]) AND s.state = 'waiting' AND n.state = 'open' AND coalesce(mp.locale, 'en') = $2
  AND {window} = $3
ORDER BY n.id LIMIT $4 FOR UPDATE OF n SKIP LOCKED

-- name: add_run
INSERT INTO letter_runs AS u (id, case_id, brand, window_format, language, letters, requested_by, dated)
SELECT $1, c.id, c.brand, $3, $4, $5, $6, $7 FROM breach_cases c WHERE c.id = $2
RETURNING {run_columns}

-- name: take_into_run
INSERT INTO letters (notice_id, run_id, position, attempt)
SELECT id, $2, row_number() OVER (ORDER BY id), 1 FROM unnest($1::bigint[]) AS id
ON CONFLICT (notice_id) DO UPDATE SET run_id = EXCLUDED.run_id, position = EXCLUDED.position, first_page = NULL, pages = NULL,
    attempt = letters.attempt + 1, printed_on = NULL, problem = NULL, problem_at = NULL
WHERE letters.run_id IS NULL
RETURNING notice_id

-- name: requeue_run
UPDATE letter_runs u SET state = 'queued', problem = '', owner = NULL, lease_until = NULL WHERE u.id = $1
RETURNING {run_columns}

-- name: has_closed_letters
SELECT EXISTS (SELECT FROM letters l JOIN letter_states s ON s.letter = l.notice_id WHERE l.run_id = $1 AND s.state = 'closed')

-- name: read_file
SELECT content FROM letter_run_files WHERE run_id = $1

-- name: read_addresses
SELECT l.notice_id AS letter, l.position, l.first_page, l.pages, r.ref, r.name, split_part(r.country, E'\n', 1) AS country,
       p.lines, st.under_13_at IS NOT NULL OR n.reason = 'under_13' AS is_under_13, s.variant, coalesce(mp.locale, 'en') AS locale
FROM letters l JOIN notices n ON n.id = l.notice_id JOIN letter_states s ON s.letter = n.id
JOIN recipients r ON r.id = n.recipient_id JOIN standings st ON st.recipient_id = r.id
JOIN postal_addresses p ON p.recipient_id = r.id
LEFT JOIN breach_manifest_people mp ON mp.manifest_id = s.manifest_id AND mp.recipient_id = s.recipient_id
WHERE l.run_id = $1 AND l.first_page IS NOT NULL AND st.erased_at IS NULL ORDER BY l.position

-- name: to_set
SELECT n.id AS letter, r.ref, r.name, split_part(r.country, E'\n', 1) AS country, p.lines,
       st.under_13_at IS NOT NULL OR n.reason = 'under_13' AS is_under_13, b.manifest_id, f.draft, f.facts, f.rules, b.variant,
       coalesce(mp.locale, 'en') AS locale, n.brand
FROM notices n JOIN breach_mailings b ON b.mailing_id = n.mailing_id JOIN breach_manifests f ON f.id = b.manifest_id
JOIN recipients r ON r.id = n.recipient_id JOIN standings st ON st.recipient_id = r.id
LEFT JOIN postal_addresses p ON p.recipient_id = r.id
LEFT JOIN breach_manifest_people mp ON mp.manifest_id = b.manifest_id AND mp.recipient_id = r.id

-- name: letter_to_set
{to_set} WHERE n.id = $1 AND n.channel = 'written_notice' AND st.erased_at IS NULL

-- name: letters_to_set
-- Without people who were erased, and mailings that were cancelled, since the run was asked for.
{to_set} JOIN letters l ON l.notice_id = n.id JOIN mailings m ON m.id = n.mailing_id
WHERE l.run_id = $1 AND n.state IN ('open', 'taken') AND st.erased_at IS NULL AND m.state <> 'cancelled'
ORDER BY l.position

-- name: without_address
SELECT s.letter, s.state, r.ref, r.name, r.email, split_part(r.country, E'\n', 1) AS country, coalesce(mp.locale, 'en') AS locale
FROM letter_states s JOIN recipients r ON r.id = s.recipient_id
LEFT JOIN breach_manifest_people mp ON mp.manifest_id = s.manifest_id AND mp.recipient_id = s.recipient_id
WHERE s.case_id = $1 AND s.state = ANY ($2::text[]) AND s.letter > $3 ORDER BY s.letter LIMIT $4

-- name: mark_asked
INSERT INTO letters (notice_id, asked_at, asked_by)
SELECT s.letter, now(), $2 FROM letter_states s WHERE s.letter = ANY ($1::bigint[]) AND s.case_id = $3 AND s.state IN ('no_address', 'returned')
ON CONFLICT (notice_id) DO UPDATE SET asked_at = now(), asked_by = EXCLUDED.asked_by
RETURNING notice_id

-- name: letters_now
SELECT s.letter, s.state, coalesce(u.state IN ('ready', 'deleted'), false) AND st.erased_at IS NULL AS is_made, s.printed_on,
       s.posted_on, s.returned_on, s.return_code, s.case_id, s.run_id
FROM letter_states s JOIN standings st ON st.recipient_id = s.recipient_id LEFT JOIN letter_runs u ON u.id = s.run_id
WHERE s.letter = ANY ($1::bigint[]) AND s.brand = ANY ($2::text[])

-- name: mark_printed
UPDATE letters l SET printed_on = k.day FROM unnest($1::bigint[], $2::date[]) AS k (letter, day) WHERE l.notice_id = k.letter

-- name: mark_returned
UPDATE letters l SET run_id = NULL, position = NULL, first_page = NULL, pages = NULL, printed_on = NULL,
    returned_on = k.day, returned_at = now(), return_code = k.code
FROM unnest($1::bigint[], $2::date[], $3::text[]) AS k (letter, day, code) WHERE l.notice_id = k.letter

-- name: claim_run
UPDATE letter_runs u SET state = 'making', owner = $1, lease_until = clock_timestamp() + $2
WHERE u.id = (SELECT id FROM letter_runs WHERE state = 'queued' OR (state = 'making' AND lease_until < clock_timestamp())
              ORDER BY requested_at LIMIT 1 FOR UPDATE SKIP LOCKED)
RETURNING {run_columns}

-- name: extend_lease
UPDATE letter_runs SET lease_until = clock_timestamp() + $3 WHERE id = $1 AND owner = $2 AND state = 'making' RETURNING id

-- name: finish_run
UPDATE letter_runs SET state = CASE WHEN $3 = 0 THEN 'deleted' ELSE 'ready' END, letters = $3, pages = $4, digest = $5, problem = $6, ready_at = now(), owner = NULL,
    lease_until = NULL
WHERE id = $1 AND owner = $2 AND state = 'making' RETURNING id

-- name: fail_run
UPDATE letter_runs SET state = 'failed', problem = $3, owner = NULL, lease_until = NULL
WHERE id = $1 AND owner = $2 AND state = 'making' RETURNING id

-- name: store_file
INSERT INTO letter_run_files (run_id, content) VALUES ($1, $2) ON CONFLICT (run_id) DO UPDATE SET content = EXCLUDED.content, at = now()

-- name: place_letters
UPDATE letters l SET position = k.position, first_page = k.first_page, pages = k.pages
FROM unnest($2::bigint[], $3::int[], $4::int[], $5::int[]) AS k (letter, position, first_page, pages)
WHERE l.notice_id = k.letter AND l.run_id = $1

-- name: leave_out
-- What cannot be printed, and whoever must not be written to any more, is in no run.
UPDATE letters l SET run_id = NULL, position = NULL, first_page = NULL, pages = NULL, problem = k.problem,
    problem_at = CASE WHEN k.problem IS NOT NULL THEN now() END
FROM (SELECT l.notice_id, k.problem FROM letters l JOIN notices n ON n.id = l.notice_id
      LEFT JOIN unnest($2::bigint[], $3::text[]) AS k (letter, problem) ON k.letter = l.notice_id
      WHERE l.run_id = $1 AND n.state <> 'done' AND NOT l.notice_id = ANY ($4::bigint[])) k
WHERE l.notice_id = k.notice_id RETURNING l.notice_id, l.problem

-- name: delete_old_files
WITH old AS (
    SELECT f.run_id FROM letter_run_files f
    WHERE f.at < $1::date - interval '90 days'
       OR (NOT EXISTS (SELECT FROM letters l JOIN notices n ON n.id = l.notice_id
                       WHERE l.run_id = f.run_id AND n.state IN ('open', 'taken'))
           AND (SELECT coalesce(max(n.day), f.at::date) FROM letters l JOIN notices n ON n.id = l.notice_id
                WHERE l.run_id = f.run_id) < $1::date - 7)
), deleted AS (DELETE FROM letter_run_files f USING old WHERE f.run_id = old.run_id)
UPDATE letter_runs u SET state = 'deleted' FROM old WHERE u.id = old.run_id RETURNING u.id, u.brand, u.case_id

-- name: unmake_runs_of_erased
-- A file with the name of an erased person is deleted. Letters of others that were not posted yet are set again.
WITH found AS (SELECT DISTINCT l.run_id FROM letters l JOIN notices n ON n.id = l.notice_id
               WHERE n.recipient_id = $1 AND l.run_id IS NOT NULL),
     deleted AS (DELETE FROM letter_run_files f USING found WHERE f.run_id = found.run_id)
UPDATE letter_runs u SET owner = NULL, lease_until = NULL,
    state = CASE WHEN EXISTS (SELECT FROM letters l JOIN notices n ON n.id = l.notice_id
                              WHERE l.run_id = u.id AND n.state IN ('open', 'taken') AND n.recipient_id <> $1)
                 THEN 'queued' ELSE 'deleted' END
FROM found WHERE u.id = found.run_id
