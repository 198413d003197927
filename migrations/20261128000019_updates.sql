-- migrate:up
-- Service mail to who does not pay was a notification, and is an update from now on. Who left notifications left it with
-- them, so each opt-out, complaint and dead scope of notifications, or of a topic of theirs, holds for updates as well.
-- At every brand: no table says which of them had `service_scope = "paid"`, and a scope without mail does no harm.
INSERT INTO suppressions (controller, address_key, address_hash, brand, scope, reason, source, actor, at, expires_at, exact)
SELECT controller, address_key, address_hash, brand, regexp_replace(scope, '^notification', 'updates'), reason,
       'kept from notification', actor, at, expires_at, exact
FROM suppressions
WHERE (scope = 'notification' OR scope LIKE 'notification/%') AND reason IN ('opt_out', 'complaint', 'address_dead')
  AND lifted_at IS NULL
ON CONFLICT (controller, address_key, address_hash, brand, scope, reason) WHERE lifted_at IS NULL DO NOTHING;

-- What the address left, or the account itself where it has none.
UPDATE standings SET version = version + 1, opted_out = opted_out || added.scopes
FROM (SELECT s.recipient_id, array_agg(regexp_replace(scope, '^notification', 'updates') ORDER BY scope) AS scopes
      FROM standings s CROSS JOIN unnest(s.opted_out) AS scope
      WHERE (scope = 'notification' OR scope LIKE 'notification/%')
        AND NOT s.opted_out @> ARRAY[regexp_replace(scope, '^notification', 'updates')]
      GROUP BY s.recipient_id) added
WHERE added.recipient_id = standings.recipient_id;

-- Verification, passwords and receipts were published as service mail.
UPDATE publishers SET categories = categories || '{account}'::text[]
WHERE categories @> '{service}' AND NOT categories @> '{account}';

-- migrate:down
DELETE FROM suppressions WHERE scope = 'updates' OR scope LIKE 'updates/%';
UPDATE standings SET version = version + 1,
    opted_out = ARRAY(SELECT scope FROM unnest(opted_out) AS scope WHERE scope <> 'updates' AND scope NOT LIKE 'updates/%')
WHERE EXISTS (SELECT FROM unnest(opted_out) AS scope WHERE scope = 'updates' OR scope LIKE 'updates/%');
UPDATE publishers SET categories = array_remove(categories, 'account');
