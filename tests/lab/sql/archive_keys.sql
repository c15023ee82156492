-- Copyright (c) 2026, The lifeboat.dr authors
-- GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
-- SPDX-License-Identifier: GPL-3.0-or-later

-- Keys, indexes and everything derived, after the data has been copied in.

ALTER TABLE maintainers ADD PRIMARY KEY (id);
ALTER TABLE packages ADD PRIMARY KEY (id), ADD UNIQUE (name);
ALTER TABLE package_versions ADD PRIMARY KEY (id), ADD UNIQUE (package_id, version, architecture);
ALTER TABLE relations ADD PRIMARY KEY (id);
ALTER TABLE tags ADD PRIMARY KEY (id), ADD UNIQUE (name);
ALTER TABLE version_tags ADD PRIMARY KEY (version_id, tag_id);

CREATE INDEX maintainers_email ON maintainers (email);
CREATE INDEX maintainers_name_trigrams ON maintainers USING gin (name gin_trgm_ops);
CREATE INDEX package_versions_maintainer ON package_versions (maintainer_id);
CREATE INDEX package_versions_large ON package_versions (size_bytes DESC) WHERE size_bytes > 10485760;
CREATE INDEX package_versions_source ON package_versions (lower(source));
CREATE INDEX relations_version ON relations (version_id);
CREATE INDEX relations_package ON relations (package_id, kind);
CREATE INDEX version_tags_tag ON version_tags (tag_id);

ALTER TABLE package_versions
    ADD FOREIGN KEY (package_id) REFERENCES packages,
    ADD FOREIGN KEY (maintainer_id) REFERENCES maintainers;
ALTER TABLE relations
    ADD FOREIGN KEY (version_id) REFERENCES package_versions ON DELETE CASCADE,
    ADD FOREIGN KEY (package_id) REFERENCES packages;
ALTER TABLE version_tags
    ADD FOREIGN KEY (version_id) REFERENCES package_versions ON DELETE CASCADE,
    ADD FOREIGN KEY (tag_id) REFERENCES tags;

SELECT setval(pg_get_serial_sequence('maintainers', 'id'), max(id)) FROM maintainers;
SELECT setval(pg_get_serial_sequence('packages', 'id'), max(id)) FROM packages;
SELECT setval(pg_get_serial_sequence('package_versions', 'id'), max(id)) FROM package_versions;
SELECT setval(pg_get_serial_sequence('relations', 'id'), max(id)) FROM relations;
SELECT setval(pg_get_serial_sequence('tags', 'id'), coalesce(max(id), 1)) FROM tags;

-- Downloads are made up, the packages downloaded are not. One partition per month: five past, this one, the next, and one for the rest.
CREATE SEQUENCE stats.download_id;
CREATE TABLE stats.downloads (
    id bigint NOT NULL DEFAULT nextval('stats.download_id'),
    happened_at timestamptz NOT NULL DEFAULT now(),
    version_id bigint NOT NULL REFERENCES package_versions ON DELETE CASCADE,
    country char(2) NOT NULL,
    bytes bigint NOT NULL,
    PRIMARY KEY (id, happened_at)
) PARTITION BY RANGE (happened_at);
ALTER SEQUENCE stats.download_id OWNED BY stats.downloads.id;
DO $$
DECLARE
    month timestamptz;
BEGIN
    FOR i IN -5..1 LOOP
        month := date_trunc('month', now()) + make_interval(months => i);
        EXECUTE format('CREATE TABLE stats.%I PARTITION OF stats.downloads FOR VALUES FROM (%L) TO (%L)',
                       'downloads_' || to_char(month, 'YYYY_MM'), month, month + interval '1 month');
    END LOOP;
END $$;
CREATE TABLE stats.downloads_other PARTITION OF stats.downloads DEFAULT;
SELECT setseed(0.42);
INSERT INTO stats.downloads (happened_at, version_id, country, bytes)
SELECT now() - random() * interval '150 days', v.id, (ARRAY['DE', 'US', 'BR', 'IN', 'JP', 'FR'])[1 + (random() * 5)::integer],
       coalesce(v.size_bytes, 0)
FROM package_versions AS v, generate_series(1, 2);
CREATE INDEX downloads_version ON stats.downloads (version_id);

CREATE TABLE stats.version_changes (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    version_id bigint NOT NULL,
    action text NOT NULL CHECK (action IN ('INSERT', 'UPDATE', 'DELETE')),
    changed_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    was jsonb
);
CREATE FUNCTION stats.remember_version_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO stats.version_changes (version_id, action, was)
    VALUES (coalesce(NEW.id, OLD.id), TG_OP, CASE WHEN TG_OP <> 'INSERT' THEN to_jsonb(OLD) END);
    RETURN NULL;
END $$;
CREATE TRIGGER remember_version_change AFTER INSERT OR UPDATE OR DELETE ON package_versions
    FOR EACH ROW EXECUTE FUNCTION stats.remember_version_change();

CREATE VIEW named_versions AS
SELECT p.name, v.version, v.architecture, v.section, m.email AS maintainer, v.size_mib
FROM package_versions AS v JOIN packages AS p ON p.id = v.package_id JOIN maintainers AS m ON m.id = v.maintainer_id;
CREATE MATERIALIZED VIEW stats.section_sizes AS
SELECT coalesce(section, '') AS section, count(*) AS versions, sum(size_bytes) AS size_bytes FROM package_versions GROUP BY 1;
CREATE UNIQUE INDEX section_sizes_section ON stats.section_sizes (section);
COMMENT ON MATERIALIZED VIEW stats.section_sizes IS 'As of the last REFRESH';

DO $$
BEGIN
    IF to_regrole('archive_reader') IS NULL THEN
        CREATE ROLE archive_reader NOLOGIN;
    END IF;
    IF to_regrole('archive_writer') IS NULL THEN
        CREATE ROLE archive_writer NOLOGIN IN ROLE archive_reader;
    END IF;
END $$;
GRANT USAGE ON SCHEMA stats TO archive_reader;
GRANT SELECT ON ALL TABLES IN SCHEMA public, stats TO archive_reader;
GRANT INSERT, UPDATE, DELETE ON package_versions, relations, version_tags, stats.downloads TO archive_writer;
GRANT USAGE ON ALL SEQUENCES IN SCHEMA public, stats TO archive_writer;
ANALYZE;
