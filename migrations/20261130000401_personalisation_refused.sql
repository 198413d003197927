-- migrate:up
-- Segments use no attributes of these people, who are few (ADR 86).
CREATE INDEX standings_personalisation_refused ON standings (recipient_id) WHERE personalisation_refused_at IS NOT NULL;

-- migrate:down
DROP INDEX standings_personalisation_refused;
