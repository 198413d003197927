-- migrate:up

CREATE TABLE reports (
    id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    brand        text NOT NULL,
    campaign     text NOT NULL,
    as_of        timestamptz NOT NULL DEFAULT now(),
    minimum_cell int NOT NULL,
    mailings     uuid[] NOT NULL,
    opens        bigint,
    clicks       bigint,
    UNIQUE (brand, campaign)
);
COMMENT ON TABLE reports IS 'Advertisers'' reports, as issued: later ones are compared with them, and they never change.';
COMMENT ON COLUMN reports.opens IS 'NULL: withheld, as are clicks and the cells that are not there.';

CREATE TABLE report_cells (
    report_id bigint NOT NULL REFERENCES reports,
    dimension text NOT NULL CHECK (dimension IN ('audience', 'country', 'locale')),
    value     text NOT NULL,
    people    bigint NOT NULL,
    members   bigint[] NOT NULL,
    PRIMARY KEY (report_id, dimension, value)
);
COMMENT ON TABLE report_cells IS 'Each figure that was released. All of a report''s are there, or its whole dimension is withheld.';
COMMENT ON COLUMN report_cells.members IS
    'Who was counted, by recipient id, as of the report. Who is erased becomes 0, which is nobody.';

CREATE INDEX mailings_by_campaign ON mailings (brand, campaign) WHERE campaign IS NOT NULL;

-- migrate:down
DROP INDEX mailings_by_campaign;
DROP TABLE report_cells, reports;
