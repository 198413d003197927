-- migrate:up
-- A row that can never be published is refused when it is written: names in AMQP have at most 255 octets, headers are an
-- object that fits one frame, and no body is larger than any event. What is here already and could never go becomes a
-- dead letter, without its body where that is too large.
LOCK TABLE outbox IN ACCESS EXCLUSIVE MODE;

WITH gone AS (
    DELETE FROM outbox
    WHERE NOT (octet_length(exchange) <= 255 AND octet_length(routing_key) <= 255
               AND coalesce(octet_length(message_id) <= 255, true)
               AND jsonb_typeof(headers) = 'object' AND octet_length(headers::text) <= 65536
               AND octet_length(body) <= 8388608)
    RETURNING exchange, routing_key, message_id, publisher, body
)
INSERT INTO dead_letters (reason, exchange, routing_key, message_id, publisher, body)
SELECT 'this row of the outbox can never be published: its exchange, routing key or message id has more than 255 octets,'
       || ' its headers are no object or too large, or its body has ' || octet_length(body) || ' octets',
       exchange, routing_key, message_id, publisher,
       CASE WHEN octet_length(body) <= 8388608 THEN convert_to(body, 'UTF8') ELSE '' END
FROM gone;

ALTER TABLE outbox
    ADD CONSTRAINT outbox_exchange_octets CHECK (octet_length(exchange) <= 255),
    ADD CONSTRAINT outbox_routing_key_octets CHECK (octet_length(routing_key) <= 255),
    ADD CONSTRAINT outbox_message_id_octets CHECK (octet_length(message_id) <= 255),
    ADD CONSTRAINT outbox_headers_object CHECK (
        jsonb_typeof(headers) = 'object' AND octet_length(headers::text) <= 65536),
    ADD CONSTRAINT outbox_body_octets CHECK (octet_length(body) <= 8388608);

-- migrate:down
ALTER TABLE outbox
    DROP CONSTRAINT outbox_exchange_octets, DROP CONSTRAINT outbox_routing_key_octets,
    DROP CONSTRAINT outbox_message_id_octets, DROP CONSTRAINT outbox_headers_object,
    DROP CONSTRAINT outbox_body_octets;
