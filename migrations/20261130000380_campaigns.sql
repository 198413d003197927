-- migrate:up
-- Campaigns: attributes of people, imports, segments, drafts with their history, and manifests.

CREATE TABLE recipient_attributes (
    recipient_id bigint PRIMARY KEY REFERENCES recipients,
    brand        text NOT NULL,
    attributes   jsonb NOT NULL CHECK (jsonb_typeof(attributes) = 'object' AND octet_length(attributes::text) <= 16384),
    updated_at   timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE recipient_attributes IS 'Attributes that the brand''s policy declares, and the built-in ones. An erasure deletes the row.';
COMMENT ON COLUMN recipient_attributes.attributes IS 'Values by the attribute''s name: text, number, true or false; a date as YYYY-MM-DD.';
CREATE INDEX recipient_attributes_by_value ON recipient_attributes USING gin (attributes jsonb_path_ops);
CREATE INDEX recipient_attributes_by_brand ON recipient_attributes (brand, recipient_id);

CREATE TABLE recipient_imports (
    id          uuid PRIMARY KEY,
    brand       text NOT NULL,
    file_name   text NOT NULL CHECK (length(file_name) <= 200),
    digest      bytea NOT NULL,
    content     bytea,
    mapping     jsonb NOT NULL DEFAULT '{}',
    state       text NOT NULL DEFAULT 'uploaded'
        CHECK (state IN ('uploaded', 'dry_run', 'previewed', 'queued', 'running', 'done', 'failed', 'discarded')),
    counts      jsonb NOT NULL DEFAULT '{}',
    rows_done   bigint NOT NULL DEFAULT 0,
    rows_total  bigint,
    rejected    bytea,
    problem     text NOT NULL DEFAULT '',
    created_by  text NOT NULL,
    created_at  timestamptz NOT NULL DEFAULT now(),
    started_at  timestamptz,
    finished_at timestamptz,
    owner       text,
    lease_until timestamptz
);
COMMENT ON TABLE recipient_imports IS 'Files of people that staff have uploaded. The timekeeper runs them in the background.';
COMMENT ON COLUMN recipient_imports.content IS 'The file as uploaded; null once it is imported, discarded or 7 days old.';
COMMENT ON COLUMN recipient_imports.rejected IS 'The refused rows with their reasons, as CSV; null after 7 days.';
COMMENT ON COLUMN recipient_imports.lease_until IS 'The owner works on it until then; afterwards another process goes on.';
CREATE INDEX recipient_imports_of_brand ON recipient_imports (brand, created_at DESC);
CREATE INDEX recipient_imports_to_run ON recipient_imports (created_at) WHERE state IN ('dry_run', 'queued', 'running');

CREATE TABLE segments (
    brand      text NOT NULL,
    name       text NOT NULL,
    condition  jsonb NOT NULL,
    revision   int NOT NULL DEFAULT 1,
    people     bigint,
    counted_at timestamptz,
    created_by text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_by text NOT NULL,
    updated_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (brand, name)
);
COMMENT ON TABLE segments IS 'Conditions over people with a name. Events name them as segment:NAME.';
COMMENT ON COLUMN segments.people IS 'The last count; null if it was never counted or the condition has changed since.';

CREATE TABLE pictures (
    id           text PRIMARY KEY CHECK (id ~ '^[0-9a-f]{32}$'),
    brand        text NOT NULL,
    content_type text NOT NULL CHECK (content_type IN ('image/png', 'image/jpeg', 'image/gif', 'image/webp')),
    width        int NOT NULL,
    height       int NOT NULL,
    content      bytea NOT NULL CHECK (octet_length(content) <= 2097152),
    file_name    text NOT NULL CHECK (length(file_name) <= 200),
    created_by   text NOT NULL,
    created_at   timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE pictures IS 'Uploaded pictures, encoded again by us, served at /m/ID.';
CREATE INDEX pictures_of_brand ON pictures (brand, created_at DESC);

CREATE TABLE campaigns (
    id          uuid PRIMARY KEY,
    brand       text NOT NULL,
    name        text NOT NULL CHECK (length(name) BETWEEN 1 AND 100),
    state       text NOT NULL DEFAULT 'draft'
        CHECK (state IN ('draft', 'checking', 'checked', 'awaiting_release', 'released', 'cancelled', 'archived')),
    revision    int NOT NULL DEFAULT 1,
    draft       jsonb NOT NULL CHECK (octet_length(draft::text) <= 1048576),
    manifest_id uuid,
    created_by  text NOT NULL,
    created_at  timestamptz NOT NULL DEFAULT now(),
    updated_by  text NOT NULL,
    updated_at  timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE campaigns IS 'Campaigns that people write. What was released is a mailing for each variant.';
COMMENT ON COLUMN campaigns.draft IS 'A CampaignDraft as JSON (mailer/policy/campaign_draft.py), of this revision.';
COMMENT ON COLUMN campaigns.manifest_id IS 'Of the last check of this revision; null if it changed since.';
CREATE INDEX campaigns_of_brand ON campaigns (brand, updated_at DESC, id DESC);

CREATE TABLE campaign_revisions (
    campaign_id uuid NOT NULL REFERENCES campaigns,
    revision    int NOT NULL,
    draft       jsonb NOT NULL,
    by          text NOT NULL,
    at          timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (campaign_id, revision)
);
COMMENT ON TABLE campaign_revisions IS 'Each revision of a draft. Savings of one person within ten minutes replace each other.';

CREATE TABLE manifests (
    id             uuid PRIMARY KEY,
    campaign_id    uuid NOT NULL REFERENCES campaigns,
    brand          text NOT NULL,
    revision       int NOT NULL,
    state          text NOT NULL DEFAULT 'queued'
        CHECK (state IN ('queued', 'building', 'ready', 'failed', 'outdated', 'released', 'cancelled')),
    draft          jsonb NOT NULL,
    templates      jsonb NOT NULL,
    policy_version text NOT NULL,
    sums           jsonb NOT NULL DEFAULT '[]',
    hash           bytea,
    people         bigint NOT NULL DEFAULT 0,
    people_total   bigint,
    problem        text NOT NULL DEFAULT '',
    requested_by   text NOT NULL,
    requested_at   timestamptz NOT NULL DEFAULT now(),
    ready_at       timestamptz,
    released_by    text,
    released_at    timestamptz,
    owner          text,
    lease_until    timestamptz
);
COMMENT ON TABLE manifests IS 'The frozen audience of a campaign''s revision with a decision about each person, and its hash.';
COMMENT ON COLUMN manifests.templates IS 'By variant: the version and the source of the template.';
COMMENT ON COLUMN manifests.sums IS 'A list of [result, reason, people]; they add up to people.';
COMMENT ON COLUMN manifests.hash IS 'SHA-256 over draft, templates, policy version and each person''s line; null until it is ready.';
CREATE INDEX manifests_of_campaign ON manifests (campaign_id, requested_at DESC);
CREATE INDEX manifests_to_build ON manifests (requested_at) WHERE state IN ('queued', 'building');

CREATE TABLE manifest_people (
    manifest_id  uuid NOT NULL REFERENCES manifests,
    recipient_id bigint NOT NULL REFERENCES recipients,
    result       text NOT NULL CHECK (result IN ('send', 'hold', 'suppress', 'divert', 'duplicate')),
    reason       text NOT NULL DEFAULT '',
    variant      text NOT NULL DEFAULT 'a' CHECK (variant IN ('a', 'b', 'c', 'd', 'rest')),
    due_at       timestamptz,
    PRIMARY KEY (manifest_id, recipient_id)
);
COMMENT ON TABLE manifest_people IS 'One line of a manifest. A hand-over decides again by the current standing.';
COMMENT ON COLUMN manifest_people.due_at IS 'When this person''s mail may begin; null: with the mailing.';
CREATE INDEX manifest_people_of_recipient ON manifest_people (recipient_id);

CREATE TABLE campaign_mailings (
    campaign_id uuid NOT NULL REFERENCES campaigns,
    manifest_id uuid NOT NULL REFERENCES manifests,
    variant     text NOT NULL,
    mailing_id  uuid NOT NULL UNIQUE,
    PRIMARY KEY (manifest_id, variant)
);
COMMENT ON TABLE campaign_mailings IS 'The mailings by which a released manifest is sent. The key lets nobody release it twice.';
CREATE INDEX campaign_mailings_of_campaign ON campaign_mailings (campaign_id);

-- migrate:down
DROP TABLE campaign_mailings, manifest_people, manifests, campaign_revisions, campaigns, pictures, segments,
    recipient_imports, recipient_attributes;
