-- name: people
-- The people of a brand among whom a segment chooses: those of the audience `everyone`. $1 is the brand, in each statement here.
-- The planner leaves out the joins that a condition does not need.
SELECT r.id AS recipient_id
FROM recipients r
LEFT JOIN standings s ON s.recipient_id = r.id
LEFT JOIN recipient_attributes a ON a.recipient_id = r.id
WHERE r.brand = $1::text AND r.address_hash IS NOT NULL
  AND NOT EXISTS (SELECT FROM breach_only_people b WHERE b.recipient_id = r.id) AND

-- name: attribute
-- The values of somebody who refused personalisation are not used: for a segment they are not known.
-- A partial index has these few people.
({test} AND NOT EXISTS (SELECT FROM standings p WHERE p.recipient_id = r.id AND p.personalisation_refused_at IS NOT NULL))

-- name: attribute_is
-- By the index over all values.
a.attributes @> {value}::text::jsonb

-- name: attribute_is_one_of
a.attributes -> {name}::text = ANY ({values}::text[]::jsonb[])

-- name: attribute_is_known
a.attributes ? {name}::text

-- name: attribute_begins_with
starts_with(a.attributes ->> {name}::text, {value}::text)

-- name: attribute_at_least
-- CASE: a value that was stored under another type of the attribute is no number.
CASE WHEN jsonb_typeof(a.attributes -> {name}::text) = 'number' THEN (a.attributes ->> {name}::text)::numeric >= {value}::text::numeric END

-- name: attribute_at_most
CASE WHEN jsonb_typeof(a.attributes -> {name}::text) = 'number' THEN (a.attributes ->> {name}::text)::numeric <= {value}::text::numeric END

-- name: attribute_before
a.attributes ->> {name}::text COLLATE "C" < {value}::text

-- name: attribute_on_or_after
a.attributes ->> {name}::text COLLATE "C" >= {value}::text

-- name: attribute_between
a.attributes ->> {name}::text COLLATE "C" BETWEEN {first}::text AND {last}::text

-- name: country_is
split_part(r.country, E'\n', 1) = ANY ({values}::text[])

-- name: country_is_known
r.country <> ''

-- name: locale_is
(r.locale = ANY ({values}::text[]) OR r.locale LIKE ANY ({patterns}::text[]))

-- name: locale_is_known
r.locale <> ''

-- name: source_is
lines_of(r.source) && {values}::text[]

-- name: source_is_known
r.source <> ''

-- name: known_before
r.created_at < {moment}::timestamptz

-- name: known_on_or_after
r.created_at >= {moment}::timestamptz

-- name: consent
s.consents @> ARRAY[{scope}::text]

-- name: opt_out
s.opted_out && {scopes}::text[]

-- name: list
EXISTS (SELECT FROM audience_members l WHERE l.brand = $1::text AND l.audience = {name}::text AND l.recipient_id = r.id)

-- name: mailings
-- By the name of a campaign; by the id of a mailing or of a campaign that was written here.
SELECT m.id FROM mailings m WHERE m.brand = $1::text AND m.campaign = {campaign}::text
UNION
SELECT m.id FROM mailings m WHERE m.brand = $1::text AND m.id = {id}::uuid
UNION
SELECT c.mailing_id FROM campaign_mailings c JOIN campaigns k ON k.id = c.campaign_id
WHERE k.brand = $1::text AND k.id = {id}::uuid

-- name: mail_got
-- One copy counts for all who share the address.
EXISTS (SELECT FROM deliveries d WHERE d.mailing_id = ANY (ARRAY({mailings})) AND d.recipient_id = r.id
        AND (d.state = 'handed_over' OR d.reason = 'duplicate_address'))

-- name: mail_opened
-- Only of somebody who still consents to it.
(s.consents @> ARRAY['tracking'] AND s.tracking_refused_at IS NULL AND EXISTS (
    SELECT FROM individual_opens o WHERE o.mailing_id = ANY (ARRAY({mailings})) AND o.recipient_id = r.id))

-- name: mail_clicked
(s.consents @> ARRAY['tracking'] AND s.tracking_refused_at IS NULL AND EXISTS (
    SELECT FROM individual_clicks o WHERE o.mailing_id = ANY (ARRAY({mailings})) AND o.recipient_id = r.id))
