-- migrate:up
-- What the check and the release of a campaign keep beside its sums.

ALTER TABLE manifests
    ADD COLUMN findings  jsonb NOT NULL DEFAULT '[]',
    ADD COLUMN asked_by  text,
    ADD COLUMN asked_at  timestamptz,
    ADD COLUMN variants  jsonb NOT NULL DEFAULT '{}',
    ADD COLUMN due_times jsonb NOT NULL DEFAULT '[]',
    ADD COLUMN zoneless  bigint NOT NULL DEFAULT 0;
COMMENT ON COLUMN manifests.findings IS 'What the checks of the texts found, as the API shows it; none of them is an error.';
COMMENT ON COLUMN manifests.asked_by IS 'Who asked for the release; the publisher of the mailings.';
COMMENT ON COLUMN manifests.variants IS 'People by variant, without those who are left out.';
COMMENT ON COLUMN manifests.due_times IS 'A list of [time, people who get it], where the time is not that of the release.';
COMMENT ON COLUMN manifests.zoneless IS 'People without a known time zone, where the campaign goes out at a local time.';

ALTER TABLE campaign_mailings ADD COLUMN template_variant text;
COMMENT ON COLUMN campaign_mailings.template_variant IS 'The variant whose texts it has; the chosen one, for the rest.';

-- A line only has a number. A foreign key would lock each person's row while a manifest is stored, and would keep the
-- last row of who was erased from being deleted.
ALTER TABLE manifest_people
    DROP CONSTRAINT manifest_people_recipient_id_fkey,
    DROP CONSTRAINT manifest_people_manifest_id_fkey;
CREATE INDEX manifest_people_by_reason ON manifest_people (manifest_id, result, reason, recipient_id);

-- migrate:down
DROP INDEX manifest_people_by_reason;
ALTER TABLE manifest_people
    ADD FOREIGN KEY (recipient_id) REFERENCES recipients NOT VALID,
    ADD FOREIGN KEY (manifest_id) REFERENCES manifests NOT VALID;
ALTER TABLE campaign_mailings DROP COLUMN template_variant;
ALTER TABLE manifests
    DROP COLUMN findings, DROP COLUMN asked_by, DROP COLUMN asked_at, DROP COLUMN variants, DROP COLUMN due_times, DROP COLUMN zoneless;
