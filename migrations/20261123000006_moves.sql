-- migrate:up
CREATE FUNCTION all_moved(moved bigint, wanted bigint) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
    IF moved <> wanted THEN
        RAISE EXCEPTION '% of % deliveries cannot be moved', wanted - moved, wanted USING ERRCODE = 'MA001';
    END IF;
    RETURN true;
END $$;
COMMENT ON FUNCTION all_moved IS 'Takes a statement back that has not moved all deliveries that it was to move.';

-- migrate:down
DROP FUNCTION all_moved;
