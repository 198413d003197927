-- What each connection relies on, whatever the server, the database or the role has as a default.

-- name: settle
SELECT
    pg_catalog.set_config('statement_timeout', $1, false),
    pg_catalog.set_config('idle_in_transaction_session_timeout', $2, false),
    pg_catalog.set_config('lock_timeout', $3, false),
    pg_catalog.set_config('idle_session_timeout', '0', false),
    CASE WHEN pg_catalog.current_setting('transaction_timeout', true) IS NOT NULL
        THEN pg_catalog.set_config('transaction_timeout', '0', false) END,
    -- An intent sees the opt-outs that were committed while it waited for its locks.
    pg_catalog.set_config('default_transaction_isolation', 'read committed', false),
    pg_catalog.set_config('default_transaction_deferrable', 'off', false),
    -- An answered opt-out is on the disk. What waits for replicas as well stays as it is.
    CASE WHEN pg_catalog.current_setting('synchronous_commit') = 'off'
        THEN pg_catalog.set_config('synchronous_commit', 'on', false) END,
    pg_catalog.set_config('search_path', 'public, pg_temp', false),
    pg_catalog.set_config('row_security', 'off', false),
    pg_catalog.set_config('TimeZone', 'UTC', false),
    pg_catalog.set_config('DateStyle', 'ISO, YMD', false),
    pg_catalog.set_config('IntervalStyle', 'postgres', false),
    pg_catalog.set_config('bytea_output', 'hex', false),
    pg_catalog.set_config('extra_float_digits', '1', false),
    pg_catalog.set_config('client_encoding', 'UTF8', false),
    pg_catalog.set_config('standard_conforming_strings', 'on', false),
    pg_catalog.set_config('array_nulls', 'on', false),
    pg_catalog.set_config('transform_null_equals', 'off', false),
    -- Statements are planned once, perhaps while a table or this month's partition is new and small; what is read in
    -- whole then would be read in whole when it has grown. With 6,000 events on new tables: 182 µs each, and 146.
    -- Before PostgreSQL 18 what is disabled costs so much on paper that it would be compiled each time.
    pg_catalog.set_config('plan_cache_mode', 'auto', false),
    pg_catalog.set_config('enable_seqscan', 'off', false),
    pg_catalog.set_config('jit', 'off', false),
    pg_catalog.current_setting('transaction_read_only')::bool AS read_only,
    pg_catalog.pg_is_in_recovery() AS replica,
    pg_catalog.pg_backend_pid() AS pid

-- name: look
SELECT current_setting('transaction_read_only')::bool AS read_only, clock_timestamp() AS at
