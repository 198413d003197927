-- name: server
SELECT
    current_setting('server_version_num')::int AS version,
    current_setting('server_version') AS release,
    current_database() AS database,
    (SELECT datcollversion FROM pg_database WHERE datname = current_database()) AS collation,
    (SELECT pg_database_collation_actual_version(oid) FROM pg_database WHERE datname = current_database())
        AS collation_now,
    ARRAY(
        SELECT DISTINCT format('%I.%I', n.nspname, c.collname)
        FROM pg_attribute a JOIN pg_class r ON r.oid = a.attrelid JOIN pg_collation c ON c.oid = a.attcollation
        JOIN pg_namespace n ON n.oid = c.collnamespace
        WHERE r.relnamespace = 'public'::regnamespace AND c.collversion <> pg_collation_actual_version(c.oid)
    ) AS stale_collations,
    current_setting('session_replication_role') <> 'replica' AS triggers,
    current_setting('fsync')::bool AND current_setting('full_page_writes')::bool AS durable,
    to_regclass('public.schema_migrations') IS NOT NULL AS migrated

-- name: migrations
SELECT version FROM schema_migrations

-- name: stock
SELECT
    pg_database_size(current_database()) AS size,
    CASE WHEN pg_has_role('pg_read_all_settings', 'usage') THEN current_setting('data_directory') END AS folder,
    coalesce((SELECT max(substring(relname FROM 'deliveries_(\d{6})$')) FROM pg_class
              WHERE relnamespace = 'public'::regnamespace AND relname ~ '^deliveries_\d{6}$'), '') AS partitions,
    s.at AS sealed_at,
    EXISTS (SELECT FROM mailings WHERE id > uuid_floor(coalesce(s.at, to_timestamp(0)) + interval '10 minutes')
            AND id < uuid_floor(now() - interval '10 minutes')) AS unsealed
FROM (SELECT max(sealed_at) AS at FROM seals) s
