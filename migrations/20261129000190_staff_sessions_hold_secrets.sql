-- migrate:up
-- A secret that waits for its first code, and a challenge, belong to one session and end after ten minutes (ADR 60).
ALTER TABLE staff_sessions
    ADD COLUMN challenge_at timestamptz,
    ADD COLUMN totp_secret bytea,
    ADD COLUMN totp_at timestamptz;
COMMENT ON COLUMN staff_sessions.challenge_at IS 'When the challenge was made.';
COMMENT ON COLUMN staff_sessions.totp_secret IS 'The encrypted secret of an app that has shown no right code yet.';
COMMENT ON COLUMN staff_sessions.totp_at IS 'When this secret was made.';
DELETE FROM staff_totp WHERE confirmed_at IS NULL;

CREATE TABLE staff_access_grants (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    staff_id    bigint NOT NULL REFERENCES staff,
    what        text NOT NULL CHECK (what IN ('added', 'reset')),
    giver       text NOT NULL,
    shown_giver text NOT NULL,
    network     text NOT NULL,
    at          timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE staff_access_grants IS 'The one-time links that were made, with the person who saw each: with it, they could have signed in as the other.';
COMMENT ON COLUMN staff_access_grants.giver IS 'The person who added or reset, in the form in which names of persons are compared.';
CREATE INDEX staff_access_grants_by_person ON staff_access_grants (staff_id, at);
CREATE INDEX staff_access_grants_by_giver ON staff_access_grants (giver, at);

CREATE TABLE staff_used_challenges (
    digest  bytea PRIMARY KEY,
    used_at timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE staff_used_challenges IS 'Challenges of passkeys that have signed somebody in without a session before, by SHA-256: each is good once.';
CREATE INDEX staff_used_challenges_by_time ON staff_used_challenges (used_at);

-- migrate:down
DROP TABLE staff_used_challenges, staff_access_grants;
ALTER TABLE staff_sessions DROP COLUMN challenge_at, DROP COLUMN totp_secret, DROP COLUMN totp_at;
