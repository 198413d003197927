-- migrate:up
-- Publishers are identities, `kind:name`. What stands here without a kind gets that of an API key, or a role, with the
-- name; RabbitMQ's users are left. An empty text is nobody.
CREATE FUNCTION identity_of(name text) RETURNS text LANGUAGE sql STABLE AS $$
    SELECT CASE
        WHEN name IN ('', 'anonymous') THEN ''
        WHEN name = 'mailer' THEN 'mailer:pipeline'
        WHEN EXISTS (SELECT FROM api_keys k WHERE k.name = identity_of.name) THEN 'key:' || name
        WHEN EXISTS (SELECT FROM pg_roles r WHERE r.rolname = identity_of.name) THEN 'role:' || name
        ELSE 'broker:' || name
    END
$$;
ALTER TABLE outbox ALTER COLUMN publisher SET DEFAULT 'role:' || current_user;
UPDATE outbox SET publisher = identity_of(publisher);
UPDATE dead_letters SET publisher = identity_of(publisher);
UPDATE events SET publisher = identity_of(publisher);
UPDATE mailings SET publisher = identity_of(publisher);
DROP FUNCTION identity_of;

-- migrate:down
ALTER TABLE outbox ALTER COLUMN publisher SET DEFAULT current_user;
CREATE FUNCTION name_of(identity text) RETURNS text LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE identity WHEN '' THEN 'anonymous' WHEN 'mailer:pipeline' THEN 'mailer'
                         ELSE regexp_replace(identity, '^(key|broker|role|person):', '') END
$$;
UPDATE outbox SET publisher = name_of(publisher);
UPDATE dead_letters SET publisher = name_of(publisher);
UPDATE events SET publisher = name_of(publisher);
UPDATE mailings SET publisher = name_of(publisher);
DROP FUNCTION name_of;
