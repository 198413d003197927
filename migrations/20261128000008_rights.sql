-- migrate:up
-- Who may publish what, say what of accounts, and read what. API keys keep what they could do, but for the answers to
-- requests and the mails that ask for a confirmation, which are mailer's own to send.
CREATE TABLE publishers (
    kind       text NOT NULL CHECK (kind IN ('key', 'broker', 'role', 'person')),
    name       text NOT NULL,
    brands     text[] NOT NULL,
    categories text[] NOT NULL,
    actions    text[] NOT NULL,
    reads      text[] NOT NULL,
    digest     bytea UNIQUE CHECK ((kind = 'key') = (digest IS NOT NULL)),
    created_at timestamptz NOT NULL DEFAULT now(),
    revoked_at timestamptz,
    PRIMARY KEY (kind, name)
);
COMMENT ON TABLE publishers IS 'Each of the categories, actions and reads is granted at each of the brands.';
COMMENT ON COLUMN publishers.digest IS 'SHA-256 of a random 256-bit key; the key itself is shown once.';
INSERT INTO publishers (kind, name, brands, categories, actions, reads, digest, created_at, revoked_at)
SELECT 'key', name, brands,
       '{breach,business_transition,invitation,newsletter,notification,partner,policy_change,promotional,service}'::text[],
       ('{channel,consent,deactivate,electronic,erase,object,opt_out,paid,personalisation,reactivate,rectify,restrict,'
        || 'tracking,under_13,unpaid,unrestrict,withdraw}')::text[],
       '{export,report,standing,status}'::text[], digest, created_at, revoked_at
FROM api_keys;
DROP TABLE api_keys;

ALTER TABLE ledger ADD COLUMN actor text;
COMMENT ON COLUMN ledger.actor IS 'The publisher or person that said so; NULL where only mailer or the recipient acted.';

-- migrate:down
ALTER TABLE ledger DROP COLUMN actor;
CREATE TABLE api_keys (
    name       text PRIMARY KEY,
    digest     bytea NOT NULL UNIQUE,
    brands     text[] NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    revoked_at timestamptz
);
COMMENT ON COLUMN api_keys.digest IS 'SHA-256 of a random 256-bit key; the key itself is shown once.';
INSERT INTO api_keys SELECT name, digest, brands, created_at, revoked_at FROM publishers WHERE kind = 'key';
DROP TABLE publishers;
