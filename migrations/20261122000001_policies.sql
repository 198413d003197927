-- migrate:up

-- All that decides about a person (DESIGN.md: standing). The columns have defaults, so that older workers go on.
ALTER TABLE standings
    ADD COLUMN objected_at                timestamptz,
    ADD COLUMN consents                   text[] NOT NULL DEFAULT '{}',
    ADD COLUMN source                     text,
    ADD COLUMN collected_under            text,
    ADD COLUMN country                    text,
    ADD COLUMN paid                       boolean NOT NULL DEFAULT false,
    ADD COLUMN restricted_at              timestamptz,
    ADD COLUMN under_13_at                timestamptz,
    ADD COLUMN erased_before_at           timestamptz,
    ADD COLUMN electronic_refused_at      timestamptz,
    ADD COLUMN personalisation_refused_at timestamptz,
    ADD COLUMN tracking_refused_at        timestamptz,
    ADD COLUMN channel                    text NOT NULL DEFAULT 'email',
    ADD COLUMN legal_hold_at              timestamptz;
COMMENT ON COLUMN standings.source IS 'With collected_under and country: of the recipient; here, since a change of them is decided on anew.';
UPDATE standings s SET source = r.source, collected_under = r.policy_version, country = r.country
FROM recipients r WHERE r.id = s.recipient_id AND (r.source, r.policy_version, r.country) IS DISTINCT FROM (NULL, NULL, NULL);

ALTER TABLE recipients ADD COLUMN purpose text;
COMMENT ON COLUMN recipients.purpose IS 'For what the address was collected, where it came by a contest or a partner (interpals-01).';

CREATE TABLE consents (
    id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    recipient_id bigint NOT NULL REFERENCES recipients,
    brand        text NOT NULL,
    controller   text NOT NULL,
    scope        text NOT NULL,
    given        boolean NOT NULL,
    source       text NOT NULL,
    version      text NOT NULL,
    words        text,
    actor        text NOT NULL,
    proof        text,
    at           timestamptz NOT NULL,
    recorded_at  timestamptz NOT NULL DEFAULT now(),
    counts       boolean NOT NULL DEFAULT true
);
COMMENT ON TABLE consents IS 'Append-only: who was asked by whom, with which words, under which statement''s version, and what was said.';
COMMENT ON COLUMN consents.proof IS 'What may identify: a form''s reference, a signed token. Erasure empties it.';
COMMENT ON COLUMN consents.counts IS 'False: it gives nothing. It was not confirmed, or a file brought it after its scope was left.';
CREATE UNIQUE INDEX consents_once ON consents (recipient_id, scope, given, at, source);

-- Suppressions end with a reason and an actor on record; they are never deleted.
ALTER TABLE suppressions
    ADD COLUMN actor       text NOT NULL DEFAULT 'recipient',
    ADD COLUMN expires_at  timestamptz,
    ADD COLUMN lifted_at   timestamptz,
    ADD COLUMN lifted_by   text,
    ADD COLUMN lift_reason text,
    DROP CONSTRAINT suppressions_reason_check,
    ADD CONSTRAINT suppressions_reason_check
        CHECK (reason IN ('opt_out', 'address_dead', 'objection', 'complaint', 'erased', 'invited')),
    ADD CONSTRAINT suppressions_lift_check
        CHECK ((lifted_at IS NULL) = (lifted_by IS NULL) AND (lifted_at IS NULL) = (lift_reason IS NULL));
DROP INDEX suppressions_once;
CREATE UNIQUE INDEX suppressions_once ON suppressions
    (controller, address_key, address_hash, brand, scope, reason) NULLS NOT DISTINCT WHERE lifted_at IS NULL;
CREATE INDEX suppressions_by_address ON suppressions (controller, address_hash);
CREATE INDEX suppressions_by_expiry ON suppressions (expires_at) WHERE lifted_at IS NULL;

ALTER TABLE deliveries ADD COLUMN sent_as text;
COMMENT ON COLUMN deliveries.sent_as IS 'The category, where to this person it was another one than the mailing''s (service_scope).';

-- What the caps and the alarm count: mails a person was sent, as mail of a category.
CREATE TABLE sends (
    recipient_id bigint NOT NULL,
    mailing_id   uuid NOT NULL,
    category     text NOT NULL,
    at           timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (recipient_id, mailing_id)
);
CREATE INDEX sends_by_time ON sends (at);

CREATE TABLE inviters (
    brand     text NOT NULL,
    inviter   text NOT NULL,
    paused_at timestamptz,
    reason    text,
    PRIMARY KEY (brand, inviter)
);
COMMENT ON TABLE inviters IS 'Members whose invitations were reported (paltalk02-07).';

CREATE TABLE partner_suppressions (
    id        bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    brand     text NOT NULL,
    partner   text NOT NULL,
    hash      bytea NOT NULL,
    at        timestamptz NOT NULL DEFAULT now(),
    pushed_at timestamptz,
    UNIQUE (brand, partner, hash)
);
COMMENT ON TABLE partner_suppressions IS 'Addresses that a partner may not mail, keyed for that partner (paltalk02-04).';

-- Rights ------------------------------------------------------------------------------------------------------------

CREATE TABLE erasures (
    recipient_id bigint NOT NULL REFERENCES recipients,
    processor    text NOT NULL,
    country      text NOT NULL,
    contract     text NOT NULL,
    last_at      timestamptz NOT NULL,
    due_at       timestamptz NOT NULL,
    confirmed_at timestamptz,
    confirmed_by text,
    PRIMARY KEY (recipient_id, processor)
);
COMMENT ON TABLE erasures IS 'Which processors held data of an erased person, until when they are to purge it, and when each confirmed.';

CREATE TABLE stubs (
    recipient_id bigint PRIMARY KEY REFERENCES recipients,
    basis        text NOT NULL,
    source       text NOT NULL,
    erased_at    timestamptz NOT NULL DEFAULT now(),
    expires_at   timestamptz NOT NULL
);
COMMENT ON TABLE stubs IS 'What is left of erased people in the ledger: why it may be kept, and until when (interpals-20).';

CREATE TABLE purges (
    mailing_id   uuid NOT NULL,
    brand        text NOT NULL,
    processor    text NOT NULL,
    country      text NOT NULL,
    contract     text NOT NULL,
    due_at       timestamptz NOT NULL DEFAULT now(),
    confirmed_at timestamptz,
    confirmed_by text,
    PRIMARY KEY (mailing_id, processor)
);
COMMENT ON TABLE purges IS 'Which outside processors are to keep nothing of a finished mailing, and when each confirmed (paltalk06-13).';

CREATE TABLE account_events (
    brand       text NOT NULL,
    event_id    text NOT NULL,
    received_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (brand, event_id)
);
COMMENT ON TABLE account_events IS 'The idempotency key of what applications say of accounts, committed with the change.';

CREATE TABLE holds (
    id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    recipient_id bigint NOT NULL REFERENCES recipients,
    reference    text NOT NULL,
    named        boolean NOT NULL DEFAULT false,
    actor        text NOT NULL,
    at           timestamptz NOT NULL DEFAULT now(),
    lifted_at    timestamptz,
    lifted_by    text
);
COMMENT ON TABLE holds IS 'Legal holds: while one stands, nothing of the person is erased (interpals-12).';
COMMENT ON COLUMN holds.named IS 'Whether the person may be told of it; a court may forbid that.';
CREATE INDEX holds_by_recipient ON holds (recipient_id);

CREATE TABLE disclosures (
    id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    recipient_id bigint NOT NULL REFERENCES recipients,
    authority    text NOT NULL,
    reference    text NOT NULL,
    fields       text[] NOT NULL,
    actor        text NOT NULL,
    at           timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE disclosures IS 'What was disclosed under legal process, to whom (interpals-12).';

-- Opens and clicks ---------------------------------------------------------------------------------------------------

CREATE TABLE unique_opens (
    mailing_id uuid NOT NULL,
    nonce      bytea NOT NULL,
    day        date NOT NULL,
    PRIMARY KEY (mailing_id, nonce)
);
COMMENT ON TABLE unique_opens IS 'Level unlinkable: a random nonce that is never stored beside a recipient.';

CREATE TABLE individual_opens (
    mailing_id   uuid NOT NULL,
    recipient_id bigint NOT NULL REFERENCES recipients,
    day          date NOT NULL,
    PRIMARY KEY (mailing_id, recipient_id)
);
COMMENT ON TABLE individual_opens IS 'Level individual: only of who consented to it, and only while they do.';

CREATE TABLE clicks (
    mailing_id uuid NOT NULL,
    link       text NOT NULL,
    day        date NOT NULL,
    machine    boolean NOT NULL,
    n          bigint NOT NULL
);
COMMENT ON TABLE clicks IS 'Nobody''s, as opens.';
CREATE INDEX clicks_by_mailing ON clicks (mailing_id);

CREATE TABLE unique_clicks (
    mailing_id uuid NOT NULL,
    nonce      bytea NOT NULL,
    link       text NOT NULL,
    day        date NOT NULL,
    PRIMARY KEY (mailing_id, nonce, link)
);

CREATE TABLE individual_clicks (
    mailing_id   uuid NOT NULL,
    recipient_id bigint NOT NULL REFERENCES recipients,
    link         text NOT NULL,
    day          date NOT NULL,
    PRIMARY KEY (mailing_id, recipient_id, link)
);

-- A person's own entries that are about no mailing, for the copy of their data (peerstream-07).
CREATE INDEX ledger_actions_by_recipient ON ledger (recipient_id) WHERE mailing_id IS NULL;

-- migrate:down
DROP INDEX ledger_actions_by_recipient;
DROP TABLE individual_clicks, unique_clicks, clicks, individual_opens, unique_opens, disclosures, holds, account_events,
    purges, stubs, erasures, partner_suppressions, inviters, sends, consents;
ALTER TABLE deliveries DROP COLUMN sent_as;
DELETE FROM suppressions WHERE lifted_at IS NOT NULL OR reason NOT IN ('opt_out', 'address_dead');
DROP INDEX suppressions_once, suppressions_by_address, suppressions_by_expiry;
CREATE UNIQUE INDEX suppressions_once ON suppressions
    (controller, address_key, address_hash, brand, scope, reason) NULLS NOT DISTINCT;
ALTER TABLE suppressions
    DROP CONSTRAINT suppressions_lift_check, DROP CONSTRAINT suppressions_reason_check,
    DROP COLUMN actor, DROP COLUMN expires_at, DROP COLUMN lifted_at, DROP COLUMN lifted_by, DROP COLUMN lift_reason,
    ADD CONSTRAINT suppressions_reason_check CHECK (reason IN ('opt_out', 'address_dead'));
ALTER TABLE recipients DROP COLUMN purpose;
ALTER TABLE standings
    DROP COLUMN objected_at, DROP COLUMN consents, DROP COLUMN source, DROP COLUMN collected_under, DROP COLUMN country,
    DROP COLUMN paid, DROP COLUMN restricted_at, DROP COLUMN under_13_at, DROP COLUMN erased_before_at,
    DROP COLUMN electronic_refused_at, DROP COLUMN personalisation_refused_at, DROP COLUMN tracking_refused_at,
    DROP COLUMN channel, DROP COLUMN legal_hold_at;
