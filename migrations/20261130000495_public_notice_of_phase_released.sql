-- migrate:up
-- The notice of a phase is released with its phase, whose release asks for a second person, or for the reason of one alone.
ALTER TABLE public_notices
    DROP CONSTRAINT public_notices_check1,
    ADD CONSTRAINT public_notices_second_person
        CHECK (released_by IS NULL OR case_id IS NOT NULL OR lower(released_by) <> lower(drafted_by));

-- migrate:down
ALTER TABLE public_notices
    DROP CONSTRAINT public_notices_second_person,
    ADD CONSTRAINT public_notices_check1 CHECK (released_by IS NULL OR lower(released_by) <> lower(drafted_by)) NOT VALID;
