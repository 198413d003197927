-- migrate:up
-- Uploaded files are kept in parts, so that neither the web nor the timekeeper ever holds a whole one.

CREATE TABLE recipient_import_parts (
    import_id uuid NOT NULL REFERENCES recipient_imports ON DELETE CASCADE,
    kind      text NOT NULL CHECK (kind IN ('content', 'refused')),
    number    int NOT NULL,
    content   bytea NOT NULL,
    PRIMARY KEY (import_id, kind, number)
);
COMMENT ON TABLE recipient_import_parts IS 'Parts of an uploaded file, and its refused rows as CSV. They are deleted with the import''s end, or after 7 days.';
COMMENT ON COLUMN recipient_import_parts.number IS 'The place in the file: of refused rows, the rows that were read up to then.';

ALTER TABLE recipient_imports
    DROP COLUMN content,
    DROP COLUMN rejected,
    ADD COLUMN size bigint NOT NULL CHECK (size > 0),
    ADD COLUMN reading jsonb NOT NULL DEFAULT '{}',
    ADD COLUMN reasons jsonb NOT NULL DEFAULT '[]',
    ADD COLUMN started_by text,
    ADD COLUMN attempts int NOT NULL DEFAULT 0;
COMMENT ON COLUMN recipient_imports.size IS 'The octets of the file.';
COMMENT ON COLUMN recipient_imports.reading IS 'The columns of the file with some values of each, as the timekeeper read it; {} until then, and after 7 days.';
COMMENT ON COLUMN recipient_imports.reasons IS 'The first reasons: a list of [row of the spreadsheet, refused or taken, reason].';
COMMENT ON COLUMN recipient_imports.started_by IS 'Whoever started the import, after the dry run.';
COMMENT ON COLUMN recipient_imports.attempts IS 'How often a process took it since its last progress. After 3 it fails: such a file could end each process.';
DROP INDEX recipient_imports_to_run;
CREATE INDEX recipient_imports_to_run ON recipient_imports (created_at) WHERE state IN ('uploaded', 'dry_run', 'queued', 'running');
CREATE INDEX recipient_imports_same_file ON recipient_imports (brand, digest);
DROP INDEX recipient_imports_of_brand;
CREATE INDEX recipient_imports_of_brand ON recipient_imports (brand, created_at DESC, id DESC);

-- migrate:down
DROP TABLE recipient_import_parts;
DROP INDEX recipient_imports_same_file, recipient_imports_to_run, recipient_imports_of_brand;
ALTER TABLE recipient_imports
    DROP COLUMN size, DROP COLUMN reading, DROP COLUMN reasons, DROP COLUMN started_by, DROP COLUMN attempts,
    ADD COLUMN content bytea, ADD COLUMN rejected bytea;
CREATE INDEX recipient_imports_to_run ON recipient_imports (created_at) WHERE state IN ('dry_run', 'queued', 'running');
CREATE INDEX recipient_imports_of_brand ON recipient_imports (brand, created_at DESC);
