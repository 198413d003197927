-- migrate:up
-- Staff who sign in by an identity provider (OpenID Connect, ADR 69).
CREATE TABLE staff_subjects (
    staff_id bigint PRIMARY KEY REFERENCES staff,
    issuer   text NOT NULL,
    subject  text NOT NULL,
    bound_at timestamptz NOT NULL DEFAULT now(),
    UNIQUE (issuer, subject)
);
COMMENT ON TABLE staff_subjects IS 'The account at the identity provider by which a person signs in. An admin binds it; nobody is added by signing in.';
COMMENT ON COLUMN staff_subjects.subject IS 'The claim sub (OpenID Connect Core 5.7): the one name of an account that is never given to somebody else.';

-- migrate:down
DROP TABLE staff_subjects;
