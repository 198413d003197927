-- migrate:up

-- The release before left copy_of NULL for the first of those who share an address, and wrote no row of copies. So each of
-- them would be sent the text anew.
WITH first AS (
    SELECT DISTINCT d.mailing_id, d.copy_of AS recipient_id
    FROM deliveries d JOIN mailings m ON m.id = d.mailing_id
    WHERE m.finished_at IS NULL AND d.copy_of > 0
)
UPDATE deliveries d SET copy_of = 0
FROM first f
WHERE d.mailing_id = f.mailing_id AND d.recipient_id = f.recipient_id AND d.copy_of IS NULL;

-- Which text has gone to an address is not known any more. In optional mail it counts as any text, since nothing optional
-- arrives twice; in mandatory mail only where all of them are told the same, so that each is told.
WITH sharing AS (
    SELECT d.mailing_id, s.address_hash, d.recipient_id, d.state,
           d.state IN ('intended', 'in_doubt', 'deferred', 'handed_over')
               OR (d.state = 'failed' AND d.reason = 'in_doubt') AS carried,
           m.category IN ('newsletter', 'promotional', 'notification', 'invitation', 'partner') AS optional,
           jsonb_build_array(d.context, r.name, r.locale) AS told
    FROM deliveries d
    JOIN mailings m ON m.id = d.mailing_id
    JOIN standings s ON s.recipient_id = d.recipient_id
    JOIN recipients r ON r.id = d.recipient_id
    WHERE m.finished_at IS NULL AND d.copy_of IS NOT NULL AND s.address_hash IS NOT NULL
)
INSERT INTO copies (mailing_id, address_hash, text, recipient_id, n)
SELECT mailing_id, address_hash, '',
       (array_agg(recipient_id ORDER BY state <> 'handed_over', recipient_id) FILTER (WHERE carried))[1], 0
FROM sharing s
WHERE NOT EXISTS (SELECT FROM copies c WHERE c.mailing_id = s.mailing_id AND c.address_hash = s.address_hash)
GROUP BY mailing_id, address_hash
HAVING bool_or(carried) AND (bool_and(optional) OR count(DISTINCT told) = 1);
COMMENT ON COLUMN copies.text IS
    'A digest of the message without its links and ids. Empty: any text, where the release before 20261127 had carried one.';

-- migrate:down
DELETE FROM copies WHERE text = '';
