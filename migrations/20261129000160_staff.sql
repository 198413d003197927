-- migrate:up
-- People who sign in to the console (ADR 59). What they do stands in the ledger; nothing here is on the way of a mail.
CREATE TABLE staff (
    id            bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name          text NOT NULL UNIQUE,
    shown_name    text NOT NULL,
    email         text NOT NULL,
    password_hash text,
    created_at    timestamptz NOT NULL DEFAULT now(),
    disabled_at   timestamptz
);
COMMENT ON TABLE staff IS 'A row for each person who may, or might once, sign in to the console. Rows are disabled, never deleted.';
COMMENT ON COLUMN staff.name IS 'In the form in which names of persons are compared.';
COMMENT ON COLUMN staff.password_hash IS 'Argon2id, in its own text form. NULL: the person has not used the one-time link yet.';

CREATE TABLE staff_roles (
    staff_id bigint NOT NULL REFERENCES staff,
    role     text NOT NULL,
    brand    text NOT NULL,
    PRIMARY KEY (staff_id, role, brand)
);
COMMENT ON COLUMN staff_roles.brand IS 'A brand, or * for every brand.';

CREATE TABLE staff_links (
    digest     bytea PRIMARY KEY,
    staff_id   bigint NOT NULL REFERENCES staff,
    expires_at timestamptz NOT NULL,
    used_at    timestamptz
);
COMMENT ON TABLE staff_links IS 'One-time links to choose a password, by the SHA-256 of their 256 random bits.';
CREATE INDEX staff_links_by_person ON staff_links (staff_id);

CREATE TABLE staff_totp (
    staff_id     bigint PRIMARY KEY REFERENCES staff,
    secret       bytea NOT NULL,
    confirmed_at timestamptz,
    last_step    bigint NOT NULL DEFAULT 0
);
COMMENT ON COLUMN staff_totp.secret IS 'Encrypted with a key that is derived from MAILER_SECRET_KEYS.';
COMMENT ON COLUMN staff_totp.last_step IS 'The time step of the last code that was taken (RFC 6238 5.2): no code counts twice.';

CREATE TABLE staff_recovery_codes (
    staff_id bigint NOT NULL REFERENCES staff,
    digest   bytea NOT NULL,
    used_at  timestamptz,
    PRIMARY KEY (staff_id, digest)
);

CREATE TABLE staff_passkeys (
    id           bytea PRIMARY KEY,
    staff_id     bigint NOT NULL REFERENCES staff,
    public_key   bytea NOT NULL,
    sign_count   bigint NOT NULL,
    name         text NOT NULL,
    created_at   timestamptz NOT NULL DEFAULT now(),
    last_used_at timestamptz
);
COMMENT ON TABLE staff_passkeys IS 'Credentials of WebAuthn, by the id that the authenticator gave them.';
CREATE INDEX staff_passkeys_by_person ON staff_passkeys (staff_id);

CREATE TABLE staff_sessions (
    digest        bytea PRIMARY KEY,
    id            bigint GENERATED ALWAYS AS IDENTITY UNIQUE,
    staff_id      bigint NOT NULL REFERENCES staff,
    second_factor boolean NOT NULL,
    created_at    timestamptz NOT NULL DEFAULT now(),
    seen_at       timestamptz NOT NULL DEFAULT now(),
    ends_at       timestamptz NOT NULL,
    network       text NOT NULL,
    challenge     bytea
);
COMMENT ON TABLE staff_sessions IS 'Open sessions, by the SHA-256 of their 256 random bits. A session that ended has no row.';
COMMENT ON COLUMN staff_sessions.second_factor IS 'Whether a passkey or a code was shown, beside the password.';
COMMENT ON COLUMN staff_sessions.network IS 'From where it was begun: /24, or /48 for IPv6.';
COMMENT ON COLUMN staff_sessions.challenge IS 'The challenge of WebAuthn that waits for its answer.';
CREATE INDEX staff_sessions_by_person ON staff_sessions (staff_id);
CREATE INDEX staff_sessions_by_end ON staff_sessions (ends_at);

CREATE TABLE staff_failures (
    key      bytea PRIMARY KEY,
    failures integer NOT NULL,
    last_at  timestamptz NOT NULL
);
COMMENT ON TABLE staff_failures IS 'Failed sign-ins in a row, by a keyed hash of the typed name or the network. A typed name may be a password by mistake.';
CREATE INDEX staff_failures_by_time ON staff_failures (last_at);

-- migrate:down
DROP TABLE staff_failures, staff_sessions, staff_passkeys, staff_recovery_codes, staff_totp, staff_links, staff_roles, staff;
