-- migrate:up
-- Webhooks of e-mail services. A request is stored before it is answered; each event to act on is a row of received_mail.

CREATE TABLE webhook_requests (
    id          uuid PRIMARY KEY,
    at          timestamptz NOT NULL DEFAULT now(),
    provider    text NOT NULL CHECK (octet_length(provider) <= 60),
    endpoint    text NOT NULL CHECK (octet_length(endpoint) <= 60),
    request_key text NOT NULL UNIQUE CHECK (octet_length(request_key) <= 200),
    body        bytea CHECK (octet_length(body) <= 1048576),
    events      int NOT NULL,
    proven      int NOT NULL,
    malformed   int NOT NULL,
    brands      text[] NOT NULL,
    named       text[] NOT NULL
);
COMMENT ON TABLE webhook_requests IS 'Authentic requests of e-mail services. They are deleted after some days.';
COMMENT ON COLUMN webhook_requests.endpoint IS 'The name of the endpoint in MAILER_WEBHOOKS.';
COMMENT ON COLUMN webhook_requests.request_key IS 'The same for a request that is sent again: nothing is done for it.';
COMMENT ON COLUMN webhook_requests.body IS 'The body as it arrived; null once a person in it was erased.';
COMMENT ON COLUMN webhook_requests.events IS 'The number of events that we read, whatever they say.';
COMMENT ON COLUMN webhook_requests.proven IS 'The number of those to act on whose token verified: they are in received_mail.';
COMMENT ON COLUMN webhook_requests.malformed IS 'The number of events that could not be read.';
COMMENT ON COLUMN webhook_requests.brands IS 'The brands whose mail its events are about, by our tokens in them.';
COMMENT ON COLUMN webhook_requests.named IS 'Keyed hashes of the addresses in the body, so that an erasure finds it.';
CREATE INDEX webhook_requests_by_age ON webhook_requests (at);
CREATE INDEX webhook_requests_naming ON webhook_requests USING gin (named);

ALTER TABLE received_mail DROP CONSTRAINT received_mail_mailbox_check,
    ADD CONSTRAINT received_mail_mailbox_check CHECK (mailbox IN ('return_path', 'opt_out', 'postmaster', 'abuse', 'webhook'));
COMMENT ON TABLE received_mail IS 'Mail that was received for a brand, and events of webhooks. `mailer inbound` handles each once.';
COMMENT ON COLUMN received_mail.sender IS 'The envelope sender (MAIL FROM), empty for a report; or the endpoint of a webhook.';
COMMENT ON COLUMN received_mail.recipient IS 'The envelope recipient, an address of ours; or the provider of a webhook.';
COMMENT ON COLUMN received_mail.digest IS 'Of the message or of the event''s key, so that one that is sent again is stored once.';

-- migrate:down
DELETE FROM received_mail WHERE mailbox = 'webhook';
ALTER TABLE received_mail DROP CONSTRAINT received_mail_mailbox_check,
    ADD CONSTRAINT received_mail_mailbox_check CHECK (mailbox IN ('return_path', 'opt_out', 'postmaster', 'abuse'));
COMMENT ON TABLE received_mail IS 'Mail that was received for a brand. The worker of `mailer inbound` handles each message once.';
COMMENT ON COLUMN received_mail.sender IS 'The envelope sender (MAIL FROM); empty for a report.';
COMMENT ON COLUMN received_mail.recipient IS 'The envelope recipient, an address of ours.';
COMMENT ON COLUMN received_mail.digest IS 'Of the message, so that one that is sent again, as its sender had no answer, is stored once.';
DROP TABLE webhook_requests;
