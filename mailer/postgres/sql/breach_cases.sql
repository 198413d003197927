-- name: case_columns
id, brand, name, state, revision, facts, reason, decided_by, decided_at, created_by, created_at, updated_by, updated_at

-- name: phase_columns
case_id, phase, state, revision, draft, manifest_id, created_by, created_at, updated_by, updated_at

-- name: create_case
INSERT INTO breach_cases (id, brand, name, facts, created_by, updated_by) VALUES ($1, $2, $3, $4, $5, $5)
RETURNING {case_columns}

-- name: find_case
SELECT {case_columns} FROM breach_cases WHERE id = $1

-- name: lock_case
SELECT {case_columns} FROM breach_cases WHERE id = $1 FOR UPDATE

-- name: list_cases
-- For each brand its last changed ones, by the index.
SELECT k.* FROM unnest($1::text[]) AS b (brand) CROSS JOIN LATERAL (
    SELECT {case_columns} FROM breach_cases c WHERE c.brand = b.brand ORDER BY c.updated_at DESC, c.id DESC LIMIT $2) k
ORDER BY k.updated_at DESC, k.id DESC LIMIT $2

-- name: save_facts
UPDATE breach_cases SET revision = revision + 1, facts = $2, updated_by = $3, updated_at = now() WHERE id = $1
RETURNING {case_columns}

-- name: decide_state
UPDATE breach_cases SET state = $2, reason = $3, decided_by = $4, decided_at = now(), updated_by = $4, updated_at = now()
WHERE id = $1
RETURNING {case_columns}

-- name: add_facts_revision
INSERT INTO breach_case_revisions (case_id, revision, facts, by) VALUES ($1, $2, $3, $4)

-- name: outdate_manifests
-- What a case says has changed: nobody releases what was checked before.
UPDATE breach_manifests SET state = 'outdated'
WHERE case_id = $1 AND ($2::int IS NULL OR phase = $2) AND state IN ('queued', 'building', 'ready')

-- name: uncheck_phases
UPDATE breach_phases SET state = 'draft', manifest_id = NULL
WHERE case_id = $1 AND state IN ('checking', 'checked', 'awaiting_release')

-- name: create_phase
INSERT INTO breach_phases (case_id, phase, draft, created_by, updated_by) VALUES ($1, $2, $3, $4, $4)
RETURNING {phase_columns}

-- name: find_phase
SELECT {phase_columns} FROM breach_phases WHERE case_id = $1 AND phase = $2

-- name: lock_phase
SELECT {phase_columns} FROM breach_phases WHERE case_id = $1 AND phase = $2 FOR UPDATE

-- name: list_phases
SELECT {phase_columns} FROM breach_phases WHERE case_id = $1 ORDER BY phase

-- name: save_phase
UPDATE breach_phases SET state = 'draft', manifest_id = NULL, revision = revision + 1, draft = $3, updated_by = $4,
    updated_at = now()
WHERE case_id = $1 AND phase = $2
RETURNING {phase_columns}

-- name: add_phase_revision
INSERT INTO breach_phase_revisions (case_id, phase, revision, draft, by) VALUES ($1, $2, $3, $4, $5)

-- name: facts_revisions
SELECT revision, by, at FROM breach_case_revisions WHERE case_id = $1 ORDER BY revision DESC LIMIT 500

-- name: phase_revisions
SELECT revision, by, at FROM breach_phase_revisions WHERE case_id = $1 AND phase = $2 ORDER BY revision DESC LIMIT 500
