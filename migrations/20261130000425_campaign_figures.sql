-- migrate:up
-- The figures of a campaign's report that take a scan. The timekeeper counts them, so that a page reads one row.

CREATE TABLE campaign_figures (
    campaign_id uuid PRIMARY KEY REFERENCES campaigns,
    lot         uuid NOT NULL DEFAULT gen_random_uuid(),
    figures     jsonb NOT NULL DEFAULT '{}',
    counted_at  timestamptz,
    is_final    boolean NOT NULL DEFAULT false,
    next_at     timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE campaign_figures IS 'Figures of released campaigns, as they may be shown. They name nobody, and no cell of few people.';
COMMENT ON COLUMN campaign_figures.lot IS 'Draws which large cell hides a small one. It stays, since two draws together would tell more, and nobody sees it.';
COMMENT ON COLUMN campaign_figures.figures IS 'CampaignFigures as JSON (mailer/policy/campaign_figures.py).';
COMMENT ON COLUMN campaign_figures.is_final IS 'The deliveries were counted after all mailings had finished.';
COMMENT ON COLUMN campaign_figures.next_at IS 'When the figures are counted again; infinity: never.';
CREATE INDEX campaign_figures_due ON campaign_figures (next_at) WHERE next_at < 'infinity';

-- What came back of one mailing.
CREATE INDEX suppressions_of_mailing ON suppressions (mailing_id) WHERE mailing_id IS NOT NULL;
CREATE INDEX received_mail_of_mailing ON received_mail (mailing_id) WHERE mailing_id IS NOT NULL;

CREATE TABLE archive_withdrawals (
    campaign_id uuid PRIMARY KEY REFERENCES campaigns,
    by          text NOT NULL,
    at          timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE archive_withdrawals IS 'Newsletters that a person took out of their brand''s archive page. They do not come back.';

-- For the archive page and for earlier campaigns beside a report.
CREATE INDEX manifests_released ON manifests (brand, released_at DESC, campaign_id DESC) WHERE state = 'released';

-- migrate:down
DROP INDEX manifests_released;
DROP TABLE archive_withdrawals;
DROP INDEX received_mail_of_mailing, suppressions_of_mailing;
DROP TABLE campaign_figures;
