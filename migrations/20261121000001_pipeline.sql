-- migrate:up

-- People -----------------------------------------------------------------------------------------------------------

CREATE TABLE recipients (
    id             bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    brand          text NOT NULL,
    ref            text NOT NULL,
    controller     text NOT NULL,
    email          text,
    address_key    text,
    address_hash   bytea,
    name           text,
    locale         text,
    country        text,
    source         text,
    collected_at   timestamptz,
    policy_version text,
    observed_at    timestamptz NOT NULL,
    created_at     timestamptz NOT NULL DEFAULT now(),
    UNIQUE (brand, ref),
    CHECK ((email IS NULL) = (address_hash IS NULL AND address_key IS NULL))
);
COMMENT ON COLUMN recipients.observed_at IS 'How new the data are; older data never overwrite them.';
COMMENT ON COLUMN recipients.email IS 'NULL for a ref that was addressed and never made known.';
CREATE INDEX recipients_by_address ON recipients (controller, address_key, address_hash);

CREATE TABLE standings (
    recipient_id    bigint PRIMARY KEY REFERENCES recipients,
    version         bigint NOT NULL DEFAULT 1,
    address_hash    bytea,
    opted_out       text[] NOT NULL DEFAULT '{}',
    deactivated_at  timestamptz,
    erased_at       timestamptz,
    address_dead_at timestamptz
);
COMMENT ON TABLE standings IS 'All that decides about a person, as of now. Changed by actions only; each change raises the version.';
COMMENT ON COLUMN standings.address_hash IS 'Of the address that the version is about: a new address is decided on anew.';

CREATE TABLE suppressions (
    id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    controller   text NOT NULL,
    address_key  text NOT NULL,
    address_hash bytea NOT NULL,
    brand        text,
    scope        text NOT NULL,
    reason       text NOT NULL CHECK (reason IN ('opt_out', 'address_dead')),
    source       text NOT NULL,
    at           timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE suppressions IS 'By keyed hash, so that it outlives the address. brand NULL: the whole controller; scope: a category, or *.';
CREATE UNIQUE INDEX suppressions_once ON suppressions
    (controller, address_key, address_hash, brand, scope, reason) NULLS NOT DISTINCT;

CREATE TABLE audience_members (
    brand        text NOT NULL,
    audience     text NOT NULL,
    recipient_id bigint NOT NULL REFERENCES recipients,
    PRIMARY KEY (brand, audience, recipient_id)
);

-- Mailings ---------------------------------------------------------------------------------------------------------

CREATE TABLE events (
    brand       text NOT NULL,
    event_id    text NOT NULL,
    mailing_id  uuid NOT NULL UNIQUE,
    publisher   text NOT NULL,
    received_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (brand, event_id)
);
COMMENT ON TABLE events IS 'The idempotency key: the same event again is answered with its first mailing.';

CREATE TABLE template_versions (
    version text PRIMARY KEY,
    source  text NOT NULL
);
COMMENT ON TABLE template_versions IS 'What a mailing has begun with, it ends with, whatever is deployed meanwhile.';

CREATE TABLE mailings (
    id               uuid PRIMARY KEY,
    brand            text NOT NULL,
    event_id         text NOT NULL,
    category         text NOT NULL,
    lane             text NOT NULL,
    template         text NOT NULL,
    template_version text NOT NULL,
    policy_version   text NOT NULL,
    publisher        text NOT NULL,
    topic            text,
    campaign         text,
    reason           text,
    inviter          text,
    partner          text,
    context          jsonb NOT NULL,
    reply_to         text,
    send_at          timestamptz,
    expires_at       timestamptz,
    audience         text,
    audience_size    bigint,
    state            text NOT NULL CHECK (state IN ('awaiting_release', 'released')),
    created_at       timestamptz NOT NULL DEFAULT now(),
    expanded_at      timestamptz,
    released_at      timestamptz,
    released_by      text,
    finished_at      timestamptz
);
COMMENT ON COLUMN mailings.audience IS 'The name of an audience; NULL where the event named its recipients.';
CREATE INDEX mailings_unfinished ON mailings (id) WHERE finished_at IS NULL;

CREATE TABLE attachments (
    mailing_id   uuid NOT NULL REFERENCES mailings,
    position     int NOT NULL,
    filename     text NOT NULL,
    content_type text NOT NULL,
    content      bytea NOT NULL,
    PRIMARY KEY (mailing_id, position)
);

CREATE TABLE deliveries (
    mailing_id   uuid NOT NULL,
    recipient_id bigint NOT NULL,
    state        text NOT NULL CHECK (state IN (
        'queued', 'claimed', 'intended', 'in_doubt', 'deferred', 'held',
        'suppressed', 'diverted', 'cancelled', 'expired', 'failed', 'handed_over')),
    reason       text NOT NULL DEFAULT '',
    attempt      int NOT NULL DEFAULT 0,
    batch        bigint,
    claim        uuid,
    due_at       timestamptz,
    copy_of      bigint,
    context      jsonb,
    PRIMARY KEY (mailing_id, recipient_id)
) PARTITION BY RANGE (mailing_id);
COMMENT ON COLUMN deliveries.copy_of IS 'Another recipient of the mailing with the same address, whose copy counts for both.';
-- No index names state or claim, so that the three updates of a delivery stay within its page (HOT).
CREATE INDEX deliveries_by_batch ON deliveries (batch);
CREATE INDEX deliveries_due ON deliveries (due_at) WHERE due_at IS NOT NULL;

CREATE TABLE batches (
    id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    mailing_id   uuid NOT NULL,
    lane         text NOT NULL,
    state        text NOT NULL DEFAULT 'queued' CHECK (state IN ('queued', 'claimed')),
    due_at       timestamptz NOT NULL,
    published_at timestamptz,
    claim        uuid,
    owner        text,
    lease_until  timestamptz
);
COMMENT ON TABLE batches IS 'Some of a mailing''s deliveries, handed over together. The row goes when they are done with.';
COMMENT ON COLUMN batches.due_at IS 'infinity while the mailing waits for its release.';
CREATE INDEX batches_queued ON batches (lane, due_at) WHERE state = 'queued';
CREATE INDEX batches_claimed ON batches (claim) WHERE state = 'claimed';
CREATE INDEX batches_by_mailing ON batches (mailing_id);

CREATE TABLE counters (
    mailing_id uuid NOT NULL,
    state      text NOT NULL,
    reason     text NOT NULL,
    n          bigint NOT NULL
);
COMMENT ON TABLE counters IS 'Append-only deltas, folded later: rows that many workers update would deadlock.';
CREATE INDEX counters_by_mailing ON counters (mailing_id);

CREATE TABLE opens (
    mailing_id uuid NOT NULL,
    day        date NOT NULL,
    machine    boolean NOT NULL,
    n          bigint NOT NULL
);
COMMENT ON TABLE opens IS 'Nobody''s: a mailing, a day, and whether a machine fetched. No join leads to a recipient.';
CREATE INDEX opens_by_mailing ON opens (mailing_id);
CREATE INDEX opens_by_day ON opens (day);

-- The ledger -------------------------------------------------------------------------------------------------------

CREATE TABLE ledger (
    writer       uuid NOT NULL,
    n            bigint NOT NULL,
    at           timestamptz NOT NULL,
    kind         text NOT NULL,
    brand        text NOT NULL,
    mailing_id   uuid,
    recipient_id bigint,
    attempt      int,
    category     text,
    reason       text,
    rule         text,
    policy       text,
    processor    text,
    country      text,
    contract     text,
    purpose      text,
    fields       text[],
    reply        bytea,
    message_id   text,
    hash         bytea NOT NULL,
    PRIMARY KEY (writer, n)
) PARTITION BY RANGE (writer);
COMMENT ON COLUMN ledger.reply IS 'A salted commitment to the text in ledger_notes.';
CREATE INDEX ledger_by_mailing ON ledger (mailing_id, recipient_id);

CREATE TABLE ledger_notes (
    writer       uuid NOT NULL,
    n            bigint NOT NULL,
    recipient_id bigint,
    salt         bytea NOT NULL,
    text         text NOT NULL,
    PRIMARY KEY (writer, n)
) PARTITION BY RANGE (writer);
COMMENT ON TABLE ledger_notes IS 'What may identify somebody. Erasure deletes rows here, and the ledger still verifies.';
CREATE INDEX ledger_notes_by_recipient ON ledger_notes (recipient_id);

CREATE TABLE seals (
    id        bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    body      text NOT NULL,
    signature bytea NOT NULL
);
COMMENT ON TABLE seals IS 'The heads of all writers at a moment, signed.';

-- Around it --------------------------------------------------------------------------------------------------------

CREATE TABLE outbox (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    exchange    text NOT NULL DEFAULT 'mailer.events',
    routing_key text NOT NULL,
    message_id  text,
    headers     jsonb NOT NULL DEFAULT '{}',
    body        text NOT NULL,
    publisher   text NOT NULL DEFAULT current_user,
    parked_at   timestamptz NOT NULL DEFAULT now(),
    owner       text,
    lease_until timestamptz
);
COMMENT ON TABLE outbox IS 'Messages committed together with whatever else their publisher commits.';
CREATE INDEX outbox_by_owner ON outbox (owner) WHERE owner IS NOT NULL;

CREATE FUNCTION wake_outbox() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    -- Outcomes wait for the next look: a notification makes commits wait for one another, and they come with each window.
    IF EXISTS (SELECT FROM parked WHERE exchange <> 'mailer.outcomes') THEN
        NOTIFY mailer_outbox;
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER outbox_wakes AFTER INSERT ON outbox REFERENCING NEW TABLE AS parked
    FOR EACH STATEMENT EXECUTE FUNCTION wake_outbox();

CREATE TABLE dead_letters (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at          timestamptz NOT NULL DEFAULT now(),
    reason      text NOT NULL,
    exchange    text NOT NULL,
    routing_key text NOT NULL,
    message_id  text,
    publisher   text NOT NULL,
    body        bytea NOT NULL,
    replayed_at timestamptz
);

CREATE TABLE api_keys (
    name       text PRIMARY KEY,
    digest     bytea NOT NULL UNIQUE,
    brands     text[] NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    revoked_at timestamptz
);
COMMENT ON COLUMN api_keys.digest IS 'SHA-256 of a random 256-bit key; the key itself is shown once.';

-- Partitions by month, since both keys begin with a UUIDv7's time ----------------------------------------------------

CREATE FUNCTION uuid_floor(moment timestamptz) RETURNS uuid LANGUAGE sql IMMUTABLE AS $$
    SELECT (lpad(to_hex((extract(epoch FROM moment) * 1000)::bigint), 12, '0') || repeat('0', 20))::uuid
$$;
COMMENT ON FUNCTION uuid_floor IS 'The least UUIDv7 (RFC 9562 5.7) of a moment.';

CREATE FUNCTION ensure_partitions(months int) RETURNS void LANGUAGE plpgsql AS $$
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
                    -- Room for the updates of a delivery in its own page.
                    CASE parent WHEN 'deliveries' THEN ' WITH (fillfactor = 50)' END);
            END IF;
        END LOOP;
    END LOOP;
END $$;
SELECT ensure_partitions(3);

-- migrate:down
DROP TABLE recipients, standings, suppressions, audience_members, events, template_versions, mailings, attachments,
    deliveries, batches, counters, opens, ledger, ledger_notes, seals, outbox, dead_letters, api_keys CASCADE;
DROP FUNCTION wake_outbox, uuid_floor, ensure_partitions;
