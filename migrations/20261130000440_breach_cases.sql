-- migrate:up
-- Breach cases: facts, phases with their texts and audience, manifests, and what was released.

CREATE TABLE breach_cases (
    id          uuid PRIMARY KEY,
    brand       text NOT NULL,
    name        text NOT NULL CHECK (length(name) BETWEEN 1 AND 100),
    state       text NOT NULL DEFAULT 'open' CHECK (state IN ('open', 'not_notified', 'closed')),
    revision    int NOT NULL DEFAULT 1,
    facts       jsonb NOT NULL CHECK (octet_length(facts::text) <= 262144),
    reason      text NOT NULL DEFAULT '' CHECK (length(reason) <= 5000),
    decided_by  text,
    decided_at  timestamptz,
    created_by  text NOT NULL,
    created_at  timestamptz NOT NULL DEFAULT now(),
    updated_by  text NOT NULL,
    updated_at  timestamptz NOT NULL DEFAULT now(),
    CHECK (state = 'open' OR (decided_by IS NOT NULL AND decided_at IS NOT NULL)),
    CHECK (state <> 'not_notified' OR reason <> '')
);
COMMENT ON TABLE breach_cases IS 'Breaches, also those of which nobody is told: then with the reason (GDPR Art. 33(5)). Kept six years.';
COMMENT ON COLUMN breach_cases.facts IS 'A BreachFacts as JSON (mailer/policy/breach/facts.py), of this revision.';
CREATE INDEX breach_cases_of_brand ON breach_cases (brand, updated_at DESC, id DESC);

CREATE TABLE breach_case_revisions (
    case_id  uuid NOT NULL REFERENCES breach_cases,
    revision int NOT NULL,
    facts    jsonb NOT NULL,
    by       text NOT NULL,
    at       timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (case_id, revision)
);

CREATE TABLE breach_phases (
    case_id     uuid NOT NULL REFERENCES breach_cases,
    phase       int NOT NULL CHECK (phase BETWEEN 1 AND 100),
    state       text NOT NULL DEFAULT 'draft'
        CHECK (state IN ('draft', 'checking', 'checked', 'awaiting_release', 'released', 'cancelled')),
    revision    int NOT NULL DEFAULT 1,
    draft       jsonb NOT NULL CHECK (octet_length(draft::text) <= 4194304),
    manifest_id uuid,
    created_by  text NOT NULL,
    created_at  timestamptz NOT NULL DEFAULT now(),
    updated_by  text NOT NULL,
    updated_at  timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (case_id, phase)
);
COMMENT ON COLUMN breach_phases.draft IS 'A BreachPhaseDraft as JSON (mailer/policy/breach/draft.py), of this revision.';
COMMENT ON COLUMN breach_phases.manifest_id IS 'Of the last check of this revision; null if texts, audience or facts changed since.';

CREATE TABLE breach_phase_revisions (
    case_id  uuid NOT NULL,
    phase    int NOT NULL,
    revision int NOT NULL,
    draft    jsonb NOT NULL,
    by       text NOT NULL,
    at       timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (case_id, phase, revision),
    FOREIGN KEY (case_id, phase) REFERENCES breach_phases
);

CREATE TABLE breach_manifests (
    id             uuid PRIMARY KEY,
    case_id        uuid NOT NULL,
    phase          int NOT NULL,
    brand          text NOT NULL,
    revision       int NOT NULL,
    facts_revision int NOT NULL,
    state          text NOT NULL DEFAULT 'queued'
        CHECK (state IN ('queued', 'building', 'ready', 'failed', 'outdated', 'released', 'cancelled')),
    facts          jsonb NOT NULL,
    draft          jsonb NOT NULL,
    rules          jsonb NOT NULL,
    templates      jsonb NOT NULL,
    policy_version text NOT NULL,
    findings       jsonb NOT NULL DEFAULT '[]',
    sums           jsonb NOT NULL DEFAULT '[]',
    hash           bytea,
    people         bigint NOT NULL DEFAULT 0,
    people_total   bigint,
    problem        text NOT NULL DEFAULT '',
    requested_by   text NOT NULL,
    requested_at   timestamptz NOT NULL DEFAULT now(),
    ready_at       timestamptz,
    asked_by       text,
    asked_at       timestamptz,
    released_by    text,
    released_at    timestamptz,
    break_glass    text,
    second_look_by text,
    second_look_at timestamptz,
    second_look    text,
    owner          text,
    lease_until    timestamptz,
    FOREIGN KEY (case_id, phase) REFERENCES breach_phases
);
COMMENT ON TABLE breach_manifests IS 'The frozen audience of a phase with each person''s variant, language and channel, and its hash.';
COMMENT ON COLUMN breach_manifests.rules IS 'The rows of rules that were in force, so that a pack shows what followed from them.';
COMMENT ON COLUMN breach_manifests.templates IS 'By variant: the version and the source of the template.';
COMMENT ON COLUMN breach_manifests.sums IS 'A list of [channel, reason, variant, place, people]; they add up to people.';
COMMENT ON COLUMN breach_manifests.hash IS 'SHA-256 over facts, draft, rules, templates, policy version and each person''s line.';
COMMENT ON COLUMN breach_manifests.break_glass IS 'The reason of a release by one person alone; null: a second person released it.';
CREATE INDEX breach_manifests_of_phase ON breach_manifests (case_id, phase, requested_at DESC);
CREATE INDEX breach_manifests_to_build ON breach_manifests (requested_at) WHERE state IN ('queued', 'building');

-- No foreign keys, as in manifest_people: a line only has a number.
CREATE TABLE breach_manifest_people (
    manifest_id  uuid NOT NULL,
    recipient_id bigint NOT NULL,
    channel      text NOT NULL CHECK (channel IN ('mail', 'letter', 'none')),
    reason       text NOT NULL DEFAULT '',
    variant      text NOT NULL,
    locale       text NOT NULL,
    place        text NOT NULL DEFAULT '',
    due_at       timestamptz,
    PRIMARY KEY (manifest_id, recipient_id)
);
COMMENT ON TABLE breach_manifest_people IS 'One line of a manifest. The hand-over decides again by the current standing.';
COMMENT ON COLUMN breach_manifest_people.reason IS 'Why this channel: of the rules of breaches, or of the decision about mail.';
COMMENT ON COLUMN breach_manifest_people.place IS 'ISO 3166-1 or 3166-2; empty: unknown.';
CREATE INDEX breach_manifest_people_of_recipient ON breach_manifest_people (recipient_id);
CREATE INDEX breach_manifest_people_by_reason ON breach_manifest_people (manifest_id, channel, reason, recipient_id);

CREATE TABLE breach_mailings (
    case_id     uuid NOT NULL,
    phase       int NOT NULL,
    manifest_id uuid NOT NULL REFERENCES breach_manifests,
    variant     text NOT NULL,
    mailing_id  uuid NOT NULL UNIQUE,
    PRIMARY KEY (manifest_id, variant),
    FOREIGN KEY (case_id, phase) REFERENCES breach_phases
);
COMMENT ON TABLE breach_mailings IS 'The mailings by which a released phase is sent. The key lets nobody release it twice.';
CREATE INDEX breach_mailings_of_case ON breach_mailings (case_id, phase);

ALTER TABLE public_notices ADD COLUMN case_id uuid REFERENCES breach_cases;
CREATE INDEX public_notices_of_case ON public_notices (case_id) WHERE case_id IS NOT NULL;

-- migrate:down
ALTER TABLE public_notices DROP COLUMN case_id;
DROP TABLE breach_mailings, breach_manifest_people, breach_manifests, breach_phase_revisions, breach_phases,
    breach_case_revisions, breach_cases;
