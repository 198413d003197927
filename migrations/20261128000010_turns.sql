-- migrate:up

-- Advisory locks are everybody's: a role that may do nothing but connect could hold the one that opt-outs wait for.

CREATE TABLE turns (name text PRIMARY KEY);
COMMENT ON TABLE turns IS 'Rows to lock, for work that one transaction does at a time. Only who may write here can hold one.';
INSERT INTO turns VALUES ('lineages'), ('paces'), ('partitions'), ('publishing'), ('reports'), ('seals');

CREATE TABLE turn_addresses ();
COMMENT ON TABLE turn_addresses IS 'Locked, and always empty: ROW SHARE by who makes people known, EXCLUSIVE by who suppresses an address.';
CREATE TABLE turn_inviters ();
COMMENT ON TABLE turn_inviters IS 'Locked, and always empty: ROW SHARE by who intends invitations, EXCLUSIVE by who stops an inviter.';
REVOKE ALL ON turns, turn_addresses, turn_inviters FROM PUBLIC;

CREATE OR REPLACE FUNCTION ensure_partitions(months int) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    month timestamp;
    parent text;
    child text;
BEGIN
    PERFORM FROM turns WHERE name = 'partitions' FOR UPDATE;
    FOR month IN
        SELECT generate_series(date_trunc('month', now() AT TIME ZONE 'UTC' - interval '1 day'),
                               now() AT TIME ZONE 'UTC' + months * interval '1 month', interval '1 month')
    LOOP
        FOREACH parent IN ARRAY ARRAY['deliveries', 'ledger', 'ledger_notes'] LOOP
            child := format('%s_%s', parent, to_char(month, 'YYYYMM'));
            IF to_regclass(child) IS NULL THEN
                EXECUTE format('CREATE TABLE %I PARTITION OF %I FOR VALUES FROM (%L) TO (%L)%s', child, parent,
                    uuid_floor(month AT TIME ZONE 'UTC'), uuid_floor((month + interval '1 month') AT TIME ZONE 'UTC'),
                    -- Room for the updates of a delivery in its own page.
                    CASE parent WHEN 'deliveries' THEN ' WITH (fillfactor = 50)' END);
            END IF;
        END LOOP;
    END LOOP;
END $$;

-- migrate:down
CREATE OR REPLACE FUNCTION ensure_partitions(months int) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    month timestamp;
    parent text;
    child text;
BEGIN
    PERFORM pg_advisory_xact_lock(hashtext('mailer.ensure_partitions'));
    FOR month IN
        SELECT generate_series(date_trunc('month', now() AT TIME ZONE 'UTC' - interval '1 day'),
                               now() AT TIME ZONE 'UTC' + months * interval '1 month', interval '1 month')
    LOOP
        FOREACH parent IN ARRAY ARRAY['deliveries', 'ledger', 'ledger_notes'] LOOP
            child := format('%s_%s', parent, to_char(month, 'YYYYMM'));
            IF to_regclass(child) IS NULL THEN
                EXECUTE format('CREATE TABLE %I PARTITION OF %I FOR VALUES FROM (%L) TO (%L)%s', child, parent,
                    uuid_floor(month AT TIME ZONE 'UTC'), uuid_floor((month + interval '1 month') AT TIME ZONE 'UTC'),
                    CASE parent WHEN 'deliveries' THEN ' WITH (fillfactor = 50)' END);
            END IF;
        END LOOP;
    END LOOP;
END $$;
DROP TABLE turns, turn_addresses, turn_inviters;
